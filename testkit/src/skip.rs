//! Skips of tests that this machine cannot run; each skip is reported.
//!
//! Invariant: a skip prints a line `SKIPPED <test>: <reason>` to standard error and, if `KEYREEVE_SKIPS_FILE` names a
//! file, appends it there; `cargo xtask test` prints that file at its end.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Environment variable with the path of the file that collects the skips of a whole run.
pub const SKIPS_FILE_VARIABLE: &str = "KEYREEVE_SKIPS_FILE";

/// Reports that the calling test is skipped, with a reason formatted as by `format!`, and returns from the test.
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

/// Reports a skip. `place` is the type name of a function inside the test, as passed by [`skip!`](crate::skip!).
pub fn announce(place: &str, reason: &str) {
    let line = format!("SKIPPED {}: {reason}\n", place.trim_end_matches("::here"));
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("standard error is writable");
    if let Some(file) = std::env::var_os(SKIPS_FILE_VARIABLE) {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .expect("the skips file can be opened");
        file.write_all(line.as_bytes())
            .expect("a line can be appended to the skips file");
    }
}
