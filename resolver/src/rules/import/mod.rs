//! Import of credentials from other programs' files: the plan of new profiles and of skipped entries, with reasons.
//!
//! Invariants: nothing here reads a file; a plan shows a token only as its hint; a plan login is never copied; an entry
//! that cannot be imported is listed with its reason, never dropped; the same files and profiles give the same plan,
//! and a second run after an import adds nothing.

mod anthropic_profiles;
mod auth_store;
mod claude_code;
mod claw;
mod claw_config;
mod document;
mod files;
mod names;
mod plan;
mod planner;
mod skipped;

pub use files::{FileFormat, FilePattern, FileRole, FoundFile, ImportSource};
pub use plan::{
    ExistingProfile, ExistingSource, ImportAction, ImportEntry, ImportNote, ImportPlan, NewProfile,
};
pub use skipped::ImportSkip;

use planner::Planner;

/// Plans the import of files into profiles, in addition to the existing profiles.
///
/// `directory` is the absolute path of the files if it is not the default one; references need it.
pub fn plan(
    source: ImportSource,
    directory: Option<&str>,
    files: &[FoundFile],
    existing: &[ExistingProfile],
) -> ImportPlan {
    let mut planner = Planner::new(source, existing);
    match source {
        ImportSource::Clawdbot | ImportSource::Openclaw => claw::plan(&mut planner, files),
        ImportSource::ClaudeCode => claude_code::plan(&mut planner, directory, files),
        ImportSource::AnthropicProfiles => anthropic_profiles::plan(&mut planner, directory, files),
    }
    planner.finish()
}
