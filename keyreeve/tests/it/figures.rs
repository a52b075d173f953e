//! Prints measurements of a test (`cargo nextest run --success-output immediate`).

use std::io::Write as _;

/// Writes a line to the test's standard error.
pub(crate) fn print_figure(line: &str) {
    let line = format!("{line}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
