//! The environment that tests and clients run in: made of a short list, with a home of its own.
//!
//! Invariant: no credential and no setting of the person who runs the tests gets through, so a test can neither use
//! nor harm what is theirs.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What a build needs from the caller: where the toolchain is and how to use it.
const KEPT: &[&str] = &[
    "PATH",
    "CARGO_TARGET_DIR",
    "CARGO_BUILD_JOBS",
    "CARGO_INCREMENTAL",
    "CARGO_TERM_COLOR",
    "RUSTUP_TOOLCHAIN",
    "RUSTFLAGS",
    "RUST_BACKTRACE",
    "CC",
    "CXX",
    "CI",
    "TERM",
    "TMPDIR",
    "KEYREEVE_TEST_SEED",
];

/// Empties a command's environment and gives it the kept variables and a home.
pub(crate) fn scrub(command: &mut Command, home: &Path) {
    command.env_clear().env("HOME", home).env("LANG", "C.UTF-8");
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

/// Adds what cargo needs when the home is not the caller's; it may ask no registry.
pub(crate) fn offline_cargo(command: &mut Command) {
    command.env("CARGO_HOME", in_home("CARGO_HOME", ".cargo"));
    command.env("RUSTUP_HOME", in_home("RUSTUP_HOME", ".rustup"));
    command.env("CARGO_NET_OFFLINE", "true");
}

fn in_home(variable: &str, folder: &str) -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    std::env::var_os(variable).map_or_else(|| home().join(folder), PathBuf::from)
}

/// Where cargo builds.
pub(crate) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// Finds a program on the caller's `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::scrub;

    #[test]
    fn only_the_list_and_a_home_get_through() {
        let mut command = Command::new("env");
        command.env("ANTHROPIC_API_KEY", "planted");
        scrub(&mut command, Path::new("/nowhere"));
        let output = command.output().expect("run env");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("HOME=/nowhere\n"), "{text}");
        assert!(!text.contains("planted"), "{text}");
    }
}
