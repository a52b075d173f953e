//! Findings of `doctor`.

use keyreeve_resolver::finding::{Finding, FindingLocation, Fix};
use serde::Serialize;

/// All findings, the most severe first.
#[derive(Debug, Serialize)]
pub struct FindingsView {
    /// The findings.
    pub findings: Vec<FindingView>,
    /// Number of files scanned in addition to settings, logins and profiles.
    pub files_scanned: usize,
    /// Existing files that could not be read.
    pub files_skipped: Vec<String>,
    /// Commands that read a file whose name is known only when they run: path and line.
    pub unresolved_sources: Vec<String>,
}

/// Something wrong or risky.
#[derive(Debug, Serialize)]
pub struct FindingView {
    /// The code, such as `KR101`.
    pub code: &'static str,
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// The title of the code.
    pub title: &'static str,
    /// The finding, as a sentence.
    pub message: String,
    /// The location, as text.
    pub location: String,
    /// The file; null if the finding is not about a file.
    pub file: Option<String>,
    /// The line in the file, from 1.
    pub line: Option<usize>,
    /// The environment variable; null if the finding is not about one.
    pub variable: Option<String>,
    /// The command that fixes it; null if there is none.
    pub fix: Option<String>,
    /// Manual steps if no command fixes it.
    pub advice: Option<String>,
    /// `true` if `doctor --fix` fixes it.
    pub fixable: bool,
    /// URL of the page that explains the code.
    pub docs: String,
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        let (file, line, variable) = match &finding.location {
            FindingLocation::File { path, line } => (Some(path.clone()), *line, None),
            FindingLocation::Variable { name } => (None, None, Some(name.clone())),
            FindingLocation::Profile { .. } | FindingLocation::Machine => (None, None, None),
        };
        let (command, advice, fixable) = match &finding.fix {
            Fix::Run(command) => (Some(command.clone()), None, false),
            Fix::Manual(advice) => (None, Some(advice.clone()), false),
            Fix::CommentOut(_) | Fix::RemoveKey(_) => {
                (Some("keyreeve doctor --fix".to_owned()), None, true)
            }
        };
        Self {
            code: finding.code.name(),
            severity: finding.code.severity().name(),
            title: finding.code.title(),
            message: finding.message.clone(),
            location: finding.location.to_string(),
            file,
            line,
            variable,
            fix: command,
            advice,
            fixable,
            docs: finding.code.docs_url(),
        }
    }
}
