//! `import`: what was typed, parsed once, ready to use.

use std::path::PathBuf;

use keyreeve_core::import::Kind;

use crate::args;

/// `import`
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Import {
    /// What is moved in from.
    pub(crate) kind: Kind,
    /// Its directory; none where the program keeps it.
    pub(crate) path: Option<PathBuf>,
    /// Whether anything is done.
    pub(crate) run: Run,
}

/// Whether anything is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Run {
    /// It is only said.
    Dry,
    /// It is done.
    Real,
}

impl Import {
    /// Makes sense of what was typed.
    pub(super) fn of(typed: args::Import) -> Self {
        Self {
            kind: match typed.from {
                args::ImportFrom::Clawdbot => Kind::Clawdbot,
                args::ImportFrom::Openclaw => Kind::Openclaw,
                args::ImportFrom::ClaudeCode => Kind::ClaudeCode,
                args::ImportFrom::AnthropicProfiles => Kind::AnthropicProfiles,
            },
            path: typed.path,
            run: if typed.dry_run { Run::Dry } else { Run::Real },
        }
    }
}
