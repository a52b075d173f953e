//! Settings of `import`.

use std::path::PathBuf;

use keyreeve_resolver::import::ImportSource;

use crate::args;

/// Settings of `import`.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Import {
    /// Program to import from.
    pub(crate) kind: ImportSource,
    /// Its directory, or `None` for its usual one.
    pub(crate) path: Option<PathBuf>,
    /// Dry run or import.
    pub(crate) mode: ImportMode,
}

/// Dry run or import.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ImportMode {
    /// Only prints the plan.
    DryRun,
    /// Imports.
    Apply,
}

impl Import {
    /// Converts the arguments.
    pub(super) fn from_args(typed: args::ImportArgs) -> Self {
        Self {
            kind: match typed.from {
                args::ImportProgram::Clawdbot => ImportSource::Clawdbot,
                args::ImportProgram::Openclaw => ImportSource::Openclaw,
                args::ImportProgram::ClaudeCode => ImportSource::ClaudeCode,
                args::ImportProgram::AnthropicProfiles => ImportSource::AnthropicProfiles,
            },
            path: typed.path,
            mode: if typed.dry_run {
                ImportMode::DryRun
            } else {
                ImportMode::Apply
            },
        }
    }
}
