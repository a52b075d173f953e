//! The environment of tests and clients: a short list of variables, and a scratch directory for their homes and files.
//!
//! Invariant: no credential and no setting of the user is passed on, so a test can neither use nor change them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// Variables of the caller that are passed on, mainly for the toolchain.
const ALLOWED: &[&str] = &[
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

/// Replaces a command's environment by the allowed variables and a home.
pub(crate) fn scrub(command: &mut Command, home: &Path) {
    command.env_clear().env("HOME", home).env("LANG", "C.UTF-8");
    for name in ALLOWED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

/// Adds the variables that cargo needs without the caller's home, and forbids access to registries.
pub(crate) fn offline_cargo(command: &mut Command) {
    command.env("CARGO_HOME", in_home("CARGO_HOME", ".cargo"));
    command.env("RUSTUP_HOME", in_home("RUSTUP_HOME", ".rustup"));
    command.env("CARGO_NET_OFFLINE", "true");
}

fn in_home(variable: &str, folder: &str) -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    std::env::var_os(variable).map_or_else(|| home().join(folder), PathBuf::from)
}

/// Returns cargo's target directory.
pub(crate) fn target_dir(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |folder| root.join(folder))
}

/// Finds a program on the caller's `PATH`.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// A scratch directory; removed on drop.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Creates an empty directory in `target`, named for this process.
    pub(crate) fn new(target: &Path, name: &str) -> Result<Self> {
        let path = target.join(format!("xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }

    /// Creates a subdirectory and returns its path.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(path)
    }

    /// Returns the path of a file in the directory, which may be missing.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ignored = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::scrub;

    #[test]
    fn only_allowed_variables_and_a_home_are_passed_on() {
        let mut command = Command::new("env");
        command.env("ANTHROPIC_API_KEY", "planted");
        scrub(&mut command, Path::new("/nowhere"));
        let output = command.output().expect("run env");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("HOME=/nowhere\n"), "{text}");
        assert!(!text.contains("planted"), "{text}");
    }
}
