//! How a test says that this machine cannot run it, so that no skip goes unseen.
//!
//! Invariant: a skip is a line `SKIPPED <test>: <reason>` on standard error and, where `KEYREEVE_SKIPS_FILE` names a
//! file, one appended there, which `cargo xtask test` prints at its end.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Names the file that collects the skips of a whole run.
pub const SKIPS_FILE: &str = "KEYREEVE_SKIPS_FILE";

/// Announces that the calling test is skipped, and why, and returns from it. The reason is formatted as by `format!`.
///
/// ```no_run
/// fn needs_strace() {
///     keyreeve_testkit::skip!("{} is not installed", "strace");
/// }
/// needs_strace();
/// ```
#[macro_export]
macro_rules! skip {
    ($($reason:tt)+) => {{
        fn here() {}
        $crate::skip::announce(::std::any::type_name_of_val(&here), &format!($($reason)+));
        return;
    }};
}

/// Announces a skip. `place` is the type name of a function inside the test, which [`skip!`](crate::skip!) gives.
pub fn announce(place: &str, reason: &str) {
    let line = format!("SKIPPED {}: {reason}\n", place.trim_end_matches("::here"));
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("standard error takes a line");
    if let Some(file) = std::env::var_os(SKIPS_FILE) {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .expect("the file of skips can be appended to");
        file.write_all(line.as_bytes())
            .expect("the file of skips takes a line");
    }
}
