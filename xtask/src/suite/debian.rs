//! Puts Debian's packages on the machine that some tests need, where that is allowed: as root, with apt.
//!
//! Invariant: nothing fails here. A test that misses its program skips itself by name.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{environment, say};

/// Programs that tests start, and the package each comes in.
const WANTED: [(&str, &str); 4] = [
    ("strace", "strace"),
    ("curl", "curl"),
    ("zsh", "zsh"),
    ("fish", "fish"),
];

/// Installs what is missing.
pub(super) fn install_what_is_missing() {
    let missing: Vec<_> = WANTED
        .iter()
        .filter(|(program, _)| environment::find(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return;
    }
    if !is_root() || environment::find("apt-get").is_none() {
        say::line(format_args!(
            "missing, and not to be installed from here: {}",
            missing.join(", ")
        ));
        return;
    }
    say::line(format_args!("installing {}", missing.join(", ")));
    let installed = apt(
        &["install", "-y", "-qq", "--no-install-recommends"],
        &missing,
    ) || (apt(&["update", "-qq"], &[])
        && apt(
            &["install", "-y", "-qq", "--no-install-recommends"],
            &missing,
        ));
    if !installed {
        say::line(format_args!("could not install {}", missing.join(", ")));
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // The owner of a process's folder is the user it runs as.
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
