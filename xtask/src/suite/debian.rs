//! Installs the Debian packages that some tests need, if run as root with apt.
//!
//! Invariant: nothing fails here. A test whose program is missing is skipped, by name.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{environment, output};

/// Programs that tests start, each with its package.
const PACKAGES: [(&str, &str); 4] = [
    ("strace", "strace"),
    ("curl", "curl"),
    ("zsh", "zsh"),
    ("fish", "fish"),
];

/// Installs the missing packages.
pub(super) fn install_missing() {
    let missing: Vec<_> = PACKAGES
        .iter()
        .filter(|(program, _)| environment::find_program(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return;
    }
    if !is_root() || environment::find_program("apt-get").is_none() {
        output::print_line(format_args!(
            "missing, cannot be installed without root and apt: {}",
            missing.join(", ")
        ));
        return;
    }
    output::print_line(format_args!("installing {}", missing.join(", ")));
    let install = || {
        apt(
            &["install", "-y", "-qq", "--no-install-recommends"],
            &missing,
        )
    };
    let installed = install() || (apt(&["update", "-qq"], &[]) && install());
    if !installed {
        output::print_line(format_args!("cannot install {}", missing.join(", ")));
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // The owner of the process's directory is its user.
    Path::new("/proc/self")
        .metadata()
        .is_ok_and(|process| process.uid() == 0)
}

fn apt(arguments: &[&str], packages: &[&str]) -> bool {
    let status = Command::new("apt-get")
        .args(arguments)
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
