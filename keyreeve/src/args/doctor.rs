//! Arguments of `doctor`.

use keyreeve_resolver::resolve::ClientProgram;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Does not use the network.\n\n\
    Examples:\n  keyreeve doctor\n  keyreeve doctor --fix\n  keyreeve doctor --for bare --json\n  \
    keyreeve doctor --password-changed 2026-11-01\n\n\
    Exit code: 0 if nothing of severity error was found, else 1")]
pub(crate) struct DoctorArgs {
    /// Check for this client only: claude-code, bare, sdk-python, sdk-typescript or keyreeve, with @VERSION if it matters
    #[arg(long = "for", value_name = "CLIENT")]
    pub(crate) client: Option<ClientProgram>,
    /// Offer to comment out problematic lines of shell files, with a backup
    #[arg(long, conflicts_with = "json")]
    pub(crate) fix: bool,
    /// Run the helpers that your own settings name, never those of a project
    #[arg(long)]
    pub(crate) run_helpers: bool,
    /// Date of your account's last password change: 2026-11-01 or 30d
    #[arg(long, value_name = "DATE")]
    pub(crate) password_changed: Option<String>,
}
