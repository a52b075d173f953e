//! `statusline`: what was typed, parsed once, ready to use.

use crate::args;

/// `statusline`
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Statusline {
    /// Print the settings.
    Settings,
    /// Print the line.
    Line(Trouble),
}

/// What is done with what goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// The line says what it can, and that is all.
    Passed,
    /// It is told, beside the line.
    Told,
}

impl Statusline {
    pub(super) fn of(typed: &args::Statusline) -> Self {
        match (typed.print_settings, typed.verbose) {
            (true, _) => Self::Settings,
            (false, true) => Self::Line(Trouble::Told),
            (false, false) => Self::Line(Trouble::Passed),
        }
    }
}
