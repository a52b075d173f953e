//! Runs a part of these tests in a process of its own, under a shell's umask and limits.
//!
//! Invariant: the tests named `in_child_*` are ignored in an ordinary run and do nothing without a directory given.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

const DIRECTORY: &str = "KEYREEVE_OS_TEST_DIRECTORY";

/// Runs the ignored test `name` after the shell commands `setup`; it works in `directory`.
pub(crate) fn run(name: &str, setup: &str, directory: &Path) -> ExitStatus {
    let script = format!("{setup}; exec \"$0\" --exact {name} --ignored");
    Command::new("sh")
        .args(["-c", &script])
        .arg(Path::new("/proc/self/exe").canonicalize().unwrap())
        .env(DIRECTORY, directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
}

/// In the child: the directory to work in; none in an ordinary run with `--ignored`.
pub(crate) fn directory() -> Option<PathBuf> {
    std::env::var_os(DIRECTORY).map(PathBuf::from)
}
