//! What `doctor` found.

use keyreeve_core::finding::{Finding, Mend, Spot};
use serde::Serialize;

/// Everything that was found, the gravest first.
#[derive(Debug, Serialize)]
pub struct FindingsView {
    /// What was found.
    pub findings: Vec<FindingView>,
    /// How many files were looked at beside settings, logins and profiles.
    pub files_looked_at: usize,
    /// Files that are there and could not be looked at.
    pub not_looked_at: Vec<String>,
}

/// Something wrong or risky.
#[derive(Debug, Serialize)]
pub struct FindingView {
    /// Its code, such as `KR101`.
    pub code: &'static str,
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// What the code stands for.
    pub title: &'static str,
    /// What was found, in a sentence.
    pub sentence: String,
    /// Where, in words.
    pub place: String,
    /// The file, where it is one.
    pub file: Option<String>,
    /// The line in it, the first being 1.
    pub line: Option<usize>,
    /// The variable, where it is one.
    pub variable: Option<String>,
    /// The command that mends it, where there is one.
    pub command: Option<String>,
    /// What a person does about it, where no command mends it.
    pub advice: Option<String>,
    /// Whether `doctor --fix` mends it.
    pub fixable: bool,
    /// The page that explains it.
    pub page: String,
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        let (file, line, variable) = match &finding.spot {
            Spot::File { path, line } => (Some(path.clone()), *line, None),
            Spot::Variable { name } => (None, None, Some(name.clone())),
            Spot::Profile { .. } | Spot::Machine => (None, None, None),
        };
        let (command, advice, fixable) = match &finding.mend {
            Mend::Run(command) => (Some(command.clone()), None, false),
            Mend::Do(advice) => (None, Some(advice.clone()), false),
            Mend::CommentOut => (Some("keyreeve doctor --fix".to_owned()), None, true),
        };
        Self {
            code: finding.code.name(),
            severity: finding.code.severity().name(),
            title: finding.code.title(),
            sentence: finding.sentence.clone(),
            place: finding.spot.to_string(),
            file,
            line,
            variable,
            command,
            advice,
            fixable,
            page: finding.code.page(),
        }
    }
}
