//! Arguments of `import`.

use std::path::PathBuf;

use clap::ValueEnum;

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Changes and deletes nothing of the other program. Plan logins are never copied;\n\
        the output lists what was skipped, and why.\n\n\
        Examples:\n  \
        keyreeve import openclaw --dry-run\n  \
        keyreeve import claude-code\n  \
        keyreeve import clawdbot /mnt/old-home/.clawdbot"
)]
pub(crate) struct ImportArgs {
    /// Program to import from
    #[arg(value_enum)]
    pub(crate) from: ImportProgram,
    /// Directory of the program [default: its usual directory]
    pub(crate) path: Option<PathBuf>,
    /// Show what would be imported, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Programs to import from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ImportProgram {
    /// Clawdbot, up to January 2026
    Clawdbot,
    /// OpenClaw
    Openclaw,
    /// Claude Code: settings, helper and login
    ClaudeCode,
    /// Profiles of the official SDKs
    AnthropicProfiles,
}
