//! A place with loopback alone, where the resolver's port is the test's own.
//!
//! Invariant: nothing of the machine outside changes, and nothing inside can reach it.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// A command that runs a program in a user, mount and network namespace of its own; the rest of its arguments are the
/// program's. `resolver` stands for `/etc/resolv.conf` there.
pub fn command(resolver: &Path, program: impl AsRef<OsStr>) -> Command {
    let script = "ip link set lo up && mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-r", "-m", "-n", "sh", "-c", script]);
    command.arg(resolver).arg(program).stdin(Stdio::null());
    command
}

/// Whether this machine lets a test make such a place.
pub fn is_there(resolver: &Path) -> bool {
    let mut command = command(resolver, "true");
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
