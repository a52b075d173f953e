//! The result of `import`: entries found and their outcome.

use keyreeve_core::profile::Source;
use keyreeve_resolver::import::{ImportAction, ImportEntry, ImportPlan, ImportSource, NewProfile};
use serde::Serialize;

use super::SourceView;

/// An import plan.
#[derive(Debug, Serialize)]
pub struct ImportView {
    /// `clawdbot`, `openclaw`, `claude-code` or `anthropic-profiles`.
    pub from: &'static str,
    /// The directory read.
    pub directory: String,
    /// Stage: planned or done.
    pub stage: Stage,
    /// All entries found.
    pub entries: Vec<ImportEntryView>,
    /// Further notes.
    pub notes: Vec<ImportNoteView>,
}

/// Stage of an import plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Not carried out.
    Planned,
    /// Carried out.
    Done,
}

/// An entry found.
#[derive(Debug, Serialize)]
pub struct ImportEntryView {
    /// The entry's name in the other program.
    pub name: String,
    /// Its file, relative to the directory.
    pub path: String,
    /// Outcome of the entry.
    pub outcome: ImportOutcome,
    /// The new or existing profile, or the profile in conflict with it.
    pub profile: Option<String>,
    /// The source of its secret.
    pub source: Option<SourceView>,
    /// A redacted hint or reference of the secret.
    pub secret: Option<String>,
    /// The only base URL its secret will be sent to.
    pub base_url: Option<String>,
    /// Code of the reason it was not imported.
    pub code: Option<&'static str>,
    /// Reason it was not imported, as a sentence.
    pub reason: Option<String>,
    /// The command that fixes it.
    pub fix: Option<String>,
    /// Warnings about the entry.
    pub warnings: Vec<String>,
}

/// Outcome of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportOutcome {
    /// Becomes a profile.
    Create,
    /// Is a profile already.
    Reuse,
    /// Not imported.
    Skip,
    /// Not imported: a profile with its name has a different secret.
    Conflict,
}

/// A note about an import.
#[derive(Debug, Serialize)]
pub struct ImportNoteView {
    /// The note, as a sentence.
    pub text: String,
    /// A suggested command.
    pub hint: Option<String>,
}

impl ImportView {
    /// Creates the view of an import plan.
    pub fn new(source: ImportSource, directory: &str, plan: &ImportPlan, stage: Stage) -> Self {
        let note = |note: &keyreeve_resolver::import::ImportNote| ImportNoteView {
            text: note.text.clone(),
            hint: note.hint.clone(),
        };
        Self {
            from: source.name(),
            directory: directory.to_owned(),
            stage,
            entries: plan.entries.iter().map(ImportEntryView::new).collect(),
            notes: plan.notes.iter().map(note).collect(),
        }
    }
}

impl ImportEntryView {
    fn new(entry: &ImportEntry) -> Self {
        let with_outcome = |outcome| Self {
            name: entry.label.clone(),
            path: entry.path.clone(),
            outcome,
            profile: None,
            source: None,
            secret: None,
            base_url: None,
            code: None,
            reason: None,
            fix: None,
            warnings: entry.remarks.clone(),
        };
        match &entry.action {
            ImportAction::Create(profile) => Self {
                profile: Some(profile.name.to_string()),
                source: Some(SourceView::from(&profile.source)),
                secret: Some(secret_hint(profile)),
                base_url: Some(profile.base_url.to_string()),
                ..with_outcome(ImportOutcome::Create)
            },
            ImportAction::Reuse { name } => Self {
                profile: Some(name.to_string()),
                ..with_outcome(ImportOutcome::Reuse)
            },
            ImportAction::Skip(skip) => Self {
                code: Some(skip.code()),
                reason: Some(skip.to_string()),
                fix: skip.fix_command().map(ToOwned::to_owned),
                ..with_outcome(ImportOutcome::Skip)
            },
            ImportAction::Conflict { name } => Self {
                profile: Some(name.to_string()),
                code: Some("conflict"),
                reason: Some(format!("profile `{name}` exists with a different secret")),
                fix: Some(format!("keyreeve profile rename {name} NEW-NAME")),
                ..with_outcome(ImportOutcome::Conflict)
            },
        }
    }
}

/// Describes a secret by its redacted hint or its source.
fn secret_hint(profile: &NewProfile) -> String {
    match &profile.source {
        Source::Sealed => profile.hint.clone().unwrap_or_default(),
        Source::Environment { variable } => format!("${variable}"),
        Source::File { path } => path.clone(),
        Source::Command { argv } => argv.join(" "),
        Source::SdkProfile { name, .. } => format!("SDK profile {name}"),
        Source::Ant { .. } => "ant's login".to_owned(),
        Source::ClaudeLogin { .. } => "Claude Code's own login".to_owned(),
    }
}
