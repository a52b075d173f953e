//! What `import` found, and what becomes of it.

use keyreeve_core::import::{Entry, Kind, Outcome, Plan, Take};
use keyreeve_core::profile::Source;
use serde::Serialize;

use super::SourceView;

/// A plan for moving in.
#[derive(Debug, Serialize)]
pub struct ImportView {
    /// `clawdbot`, `openclaw`, `claude-code` or `anthropic-profiles`.
    pub from: &'static str,
    /// The directory that was read.
    pub directory: String,
    /// Whether it was done.
    pub stage: Stage,
    /// One for each thing found.
    pub entries: Vec<ImportEntryView>,
    /// What else is worth knowing.
    pub notes: Vec<ImportNoteView>,
}

/// Whether a plan was carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It was only made.
    Planned,
    /// It was carried out.
    Done,
}

/// One thing found.
#[derive(Debug, Serialize)]
pub struct ImportEntryView {
    /// What it is called there.
    pub what: String,
    /// The file it is in, below the directory.
    pub path: String,
    /// What becomes of it.
    pub outcome: ImportOutcome,
    /// The profile that holds it or will, or that stands in its way.
    pub profile: Option<String>,
    /// Where its secret will come from.
    pub source: Option<SourceView>,
    /// The secret in a few words: a hint, never more.
    pub secret: Option<String>,
    /// The one place its secret will go.
    pub base_url: Option<String>,
    /// Why it was not taken, in a word.
    pub code: Option<&'static str>,
    /// Why it was not taken, in a sentence.
    pub why: Option<String>,
    /// The command that helps.
    pub mend: Option<String>,
    /// What is odd about it.
    pub remarks: Vec<String>,
}

/// What becomes of a thing found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportOutcome {
    /// It becomes a profile.
    Take,
    /// It is one already.
    Same,
    /// It stays where it is.
    Leave,
    /// Its name belongs to a profile with another secret.
    Conflict,
}

/// Something worth knowing.
#[derive(Debug, Serialize)]
pub struct ImportNoteView {
    /// The sentence.
    pub text: String,
    /// The command that follows from it.
    pub hint: Option<String>,
}

impl ImportView {
    /// Shows a plan.
    pub fn of(kind: Kind, directory: &str, plan: &Plan, stage: Stage) -> Self {
        let note = |note: &keyreeve_core::import::Note| ImportNoteView {
            text: note.text.clone(),
            hint: note.hint.clone(),
        };
        Self {
            from: kind.word(),
            directory: directory.to_owned(),
            stage,
            entries: plan.entries.iter().map(ImportEntryView::of).collect(),
            notes: plan.notes.iter().map(note).collect(),
        }
    }
}

impl ImportEntryView {
    fn of(entry: &Entry) -> Self {
        let found = |outcome| Self {
            what: entry.what.clone(),
            path: entry.path.clone(),
            outcome,
            profile: None,
            source: None,
            secret: None,
            base_url: None,
            code: None,
            why: None,
            mend: None,
            remarks: entry.remarks.clone(),
        };
        match &entry.outcome {
            Outcome::Take(take) => Self {
                profile: Some(take.name.to_string()),
                source: Some(SourceView::from(&take.source)),
                secret: Some(secret(take)),
                base_url: Some(take.base_url.to_string()),
                ..found(ImportOutcome::Take)
            },
            Outcome::Same { name } => Self {
                profile: Some(name.to_string()),
                ..found(ImportOutcome::Same)
            },
            Outcome::Leave(left) => Self {
                code: Some(left.code()),
                why: Some(left.to_string()),
                mend: left.hint().map(ToOwned::to_owned),
                ..found(ImportOutcome::Leave)
            },
            Outcome::Conflict { name } => Self {
                profile: Some(name.to_string()),
                code: Some("conflict"),
                why: Some(format!("there is a profile `{name}` with another secret")),
                mend: Some(format!("keyreeve profile rename {name} NEW-NAME")),
                ..found(ImportOutcome::Conflict)
            },
        }
    }
}

/// A secret in a few words.
fn secret(take: &Take) -> String {
    match &take.source {
        Source::Sealed => take.hint.clone().unwrap_or_default(),
        Source::Environment { variable } => format!("${variable}"),
        Source::File { path } => path.clone(),
        Source::Command { argv } => argv.join(" "),
        Source::SdkProfile { name, .. } => format!("the SDKs' profile {name}"),
        Source::Ant { .. } => "the login of ant".to_owned(),
        Source::ClaudeLogin { .. } => "Claude Code's own login".to_owned(),
    }
}
