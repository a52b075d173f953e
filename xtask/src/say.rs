//! Prints: the one place of these commands that writes to the terminal.

use std::fmt::Display;

/// Prints a line to standard output.
#[expect(
    clippy::print_stdout,
    reason = "a developer command speaks on standard output"
)]
pub(crate) fn line(text: impl Display) {
    println!("{text}");
}
