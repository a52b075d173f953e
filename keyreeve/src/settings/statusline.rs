//! Settings of `statusline`.

use crate::args;

/// Actions of `statusline`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Statusline {
    /// Print the settings for Claude Code.
    Settings,
    /// Print the status line.
    Line(Diagnostics),
}

/// Reporting of problems.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Diagnostics {
    /// Not reported; the line shows what is known.
    Hidden,
    /// Reported on standard error.
    Shown,
}

impl Statusline {
    /// Converts the arguments.
    pub(super) fn from_args(typed: &args::StatuslineArgs) -> Self {
        match (typed.print_settings, typed.verbose) {
            (true, _) => Self::Settings,
            (false, true) => Self::Line(Diagnostics::Shown),
            (false, false) => Self::Line(Diagnostics::Hidden),
        }
    }
}
