//! Arguments of `protect`.

use std::path::PathBuf;

use clap::{ArgAction, Subcommand};
use keyreeve_core::binding::Expected;

use super::HookShell;
use super::values::{Consent, switch};

/// Arguments of `protect`.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Without options it shows who would pay now, and offers each part in turn. Each\n\
        change is shown first, recorded, and taken back by --undo: to the byte where\n\
        nothing else changed, with your own edits kept where something did.\n\n\
        Examples:\n  \
        keyreeve protect                               step by step\n  \
        keyreeve protect --yes --all                   everything, for your plan\n  \
        keyreeve protect --yes --bind plan --claude    only these parts\n  \
        keyreeve protect --yes --directory ~/work --bind work --login ~/.claude-work\n  \
        keyreeve protect status\n  \
        keyreeve protect --undo"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag as typed")]
pub(crate) struct ProtectArgs {
    #[command(subcommand)]
    pub(crate) action: Option<ProtectAction>,
    /// Comment out lines of shell files that export a credential
    #[arg(long)]
    pub(crate) fix: bool,
    /// Bind a directory to who should pay: plan, metered, cloud, gateway or a profile
    #[arg(long, value_name = "PAYER")]
    pub(crate) bind: Option<Expected>,
    /// Directory to bind, with everything below it [default: your home directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Directory of the account's login (`CLAUDE_CONFIG_DIR`), for a profile that is new
    #[arg(long, value_name = "DIR", requires = "bind")]
    pub(crate) login: Option<PathBuf>,
    /// Load the shell hook, which warns if the wrong account would pay
    #[arg(long)]
    pub(crate) hook: bool,
    /// Show who pays in Claude Code's status line
    #[arg(long)]
    pub(crate) status_line: bool,
    /// Define a shell function `claude` that obeys the binding
    #[arg(long)]
    pub(crate) claude: bool,
    /// Put a program `claude` that obeys the binding first on PATH, instead of the function
    #[arg(long, conflicts_with = "claude")]
    pub(crate) shim: bool,
    /// All parts, with the function
    #[arg(long)]
    pub(crate) all: bool,
    /// Shell to protect; may be repeated [default: that of SHELL]
    #[arg(long, value_name = "SHELL")]
    pub(crate) shell: Vec<HookShell>,
    /// Change without asking
    #[arg(
        long = "yes",
        short = 'y',
        action = ArgAction::SetTrue,
        value_parser = switch(Consent::Ask, Consent::Given)
    )]
    pub(crate) consent: Consent,
    /// Take back what `protect` added
    #[arg(long, conflicts_with_all = [
        "fix", "bind", "directory", "login", "hook", "status_line", "claude", "shim", "all", "shell",
    ])]
    pub(crate) undo: bool,
}

/// Subcommands of `protect`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Subcommand)]
pub(crate) enum ProtectAction {
    /// Show what is protected
    #[command(
        after_help = "Examples:\n  keyreeve protect status\n  keyreeve protect status --json"
    )]
    Status,
}
