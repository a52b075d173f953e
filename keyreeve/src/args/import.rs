//! `import` as typed.

use std::path::PathBuf;

use clap::ValueEnum;

/// `import`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing is changed or deleted over there. A plan login is never copied; what is left says why.\n\n\
        Examples:\n  \
        keyreeve import openclaw --dry-run\n  \
        keyreeve import claude-code\n  \
        keyreeve import clawdbot /mnt/old-home/.clawdbot"
)]
pub(crate) struct Import {
    /// What to move in from
    #[arg(value_enum)]
    pub(crate) from: ImportFrom,
    /// Its directory [default: where the program keeps it]
    pub(crate) path: Option<PathBuf>,
    /// Say what would be done, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What `import` moves in from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ImportFrom {
    /// Clawdbot, of January 2026 and before.
    Clawdbot,
    /// OpenClaw.
    Openclaw,
    /// Claude Code's settings, helper and login.
    ClaudeCode,
    /// The profiles of the official SDKs.
    AnthropicProfiles,
}
