//! Arguments of `statusline`.

/// Arguments of `statusline`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Claude Code runs this command and pipes it a JSON object. It always exits 0: a\n\
    status line must not break. If Claude Code's own login pays, the plan windows\n\
    are saved for `keyreeve limits`.\n\n\
    Examples:\n  \
    keyreeve statusline --print-settings         for ~/.claude/settings.json\n  \
    echo '{}' | keyreeve statusline --verbose    who would pay here"
)]
pub(crate) struct StatuslineArgs {
    /// Print the settings that make Claude Code show it
    #[arg(long, conflicts_with = "verbose")]
    pub(crate) print_settings: bool,
    /// Report on standard error what could not be read or saved
    #[arg(long, short)]
    pub(crate) verbose: bool,
}
