//! Runs parts of these tests in a child process, under a shell's umask and limits.
//!
//! Invariant: the tests named `in_child_*` are ignored in an ordinary run and do nothing without a given directory.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

const DIRECTORY: &str = "KEYREEVE_OS_TEST_DIRECTORY";

/// Runs the ignored test `name` in `directory`, after the shell commands `setup`.
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

/// In the child: returns the directory to work in, or `None` in an ordinary run with `--ignored`.
pub(crate) fn directory() -> Option<PathBuf> {
    std::env::var_os(DIRECTORY).map(PathBuf::from)
}
