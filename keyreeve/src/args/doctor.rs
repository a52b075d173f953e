//! `doctor`, as typed.

use keyreeve_core::resolve::Client;

/// `doctor`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  keyreeve doctor\n  keyreeve doctor --fix\n  keyreeve doctor --for bare --json\n  \
    keyreeve doctor --password-changed 2026-11-01\n\n\
    It asks nobody on the network. Exit code: 0 when nothing of severity error was found, else 1."
)]
pub(crate) struct Doctor {
    /// Judge for this client alone: claude-code, bare, sdk-python, sdk-typescript or keyreeve; with @ and a version where
    /// it matters
    #[arg(long = "for", value_name = "CLIENT")]
    pub(crate) client: Option<Client>,
    /// Show each line of a shell file that can be commented out, ask, and do it; a copy of the file stays beside it
    #[arg(long, conflicts_with = "json")]
    pub(crate) fix: bool,
    /// Run the helpers that your own settings name, to see how they fare; never one that a project names
    #[arg(long)]
    pub(crate) run_helpers: bool,
    /// When the password of the account was last changed: 2026-11-01, or 30d for 30 days ago
    #[arg(long, value_name = "DATE")]
    pub(crate) password_changed: Option<String>,
}
