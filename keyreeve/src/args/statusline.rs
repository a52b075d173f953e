//! `statusline` as typed.

/// `statusline`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Claude Code runs it and pipes it a JSON object. It always ends with 0: a status line must not break.\n\
    Where Claude Code's own login pays, the windows of the plan are kept for `keyreeve limits`, if there is a store.\n\n\
    Examples:\n  \
    keyreeve statusline --print-settings           what to put into ~/.claude/settings.json\n  \
    echo '{}' | keyreeve statusline --verbose      who would pay here, and what was not told"
)]
pub(crate) struct Statusline {
    /// Print the settings with which Claude Code shows it, and read nothing
    #[arg(long, conflicts_with = "verbose")]
    pub(crate) print_settings: bool,
    /// Say on standard error what could not be read or kept, and why
    #[arg(long, short)]
    pub(crate) verbose: bool,
}
