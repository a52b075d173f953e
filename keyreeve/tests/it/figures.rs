//! What a test measured, for whoever reads its output (`cargo nextest run --success-output immediate`).

use std::io::Write as _;

/// Writes a line where a test's own talk goes.
pub(crate) fn tell(line: &str) {
    let line = format!("{line}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
