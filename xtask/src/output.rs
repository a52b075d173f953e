//! Output: the only module of these commands that writes to the terminal.

use std::fmt::Display;

/// Prints a line to standard output.
#[expect(
    clippy::print_stdout,
    reason = "a developer command prints to standard output"
)]
pub(crate) fn print_line(text: impl Display) {
    println!("{text}");
}
