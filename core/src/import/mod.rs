//! Moving in: what of another program's files becomes a profile, what stays where it is, and why.
//!
//! Invariants: nothing here reads a file; a plan names a token by its hint at most; a plan login is never copied; what
//! cannot be taken is listed with its reason, never dropped; the same files over the same profiles give the same plan,
//! and over the profiles it made they add nothing.

mod anthropic_profiles;
mod auth_store;
mod claude_code;
mod claw;
mod claw_config;
mod document;
mod left;
mod names;
mod place;
mod plan;
mod planner;

pub use left::Left;
pub use place::{Form, Found, Kind, Role, Wanted};
pub use plan::{Entry, Known, KnownSource, Note, Outcome, Plan, Take};

use planner::Planner;

/// Plans what of the files becomes which profile, beside the profiles that are known already.
///
/// `directory` is the absolute path the files were found in where that is not the usual one: references need it.
pub fn plan(kind: Kind, directory: Option<&str>, files: &[Found], known: &[Known]) -> Plan {
    let mut planner = Planner::new(kind, known);
    match kind {
        Kind::Clawdbot | Kind::Openclaw => claw::plan(&mut planner, files),
        Kind::ClaudeCode => claude_code::plan(&mut planner, directory, files),
        Kind::AnthropicProfiles => anthropic_profiles::plan(&mut planner, directory, files),
    }
    planner.finish()
}
