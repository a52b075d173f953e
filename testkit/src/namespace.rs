//! A namespace with only a loopback interface, in which a test controls DNS.
//!
//! Invariant: nothing outside the namespace changes, and nothing inside can reach it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// Returns a command that runs a program in a user, mount and network namespace of its own; further arguments go to the
/// program. `resolver` is mounted as `/etc/resolv.conf`.
pub fn command(resolver: &Path, program: impl AsRef<OsStr>) -> Command {
    let script = "ip link set lo up && mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-r", "-m", "-n", "sh", "-c", script]);
    command.arg(resolver).arg(program).stdin(Stdio::null());
    command
}

/// Returns `true` if this machine can create such a namespace.
pub fn is_available(resolver: &Path) -> bool {
    let mut command = command(resolver, "true");
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
