//! Commands that run on certain cores, and a priority over other work on the machine. Linux only.

use std::ffi::OsStr;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// File with the priority of this session, which is that of all processes in it to those outside.
const SESSION: &str = "/proc/self/autogroup";
const RAISED: &str = "-15";
const NORMAL: &str = "0";

/// Returns a command that runs on these cores only.
pub(super) fn pinned(cores: &str, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", cores]).arg(program);
    command
}

/// A priority of this process, of those that it starts and of its session; the session's ends on drop.
pub(super) struct Priority(());

impl Priority {
    /// Raises the priority, which only root may do.
    pub(super) fn raise() -> Result<Self> {
        let status = Command::new("renice")
            .args(["-n", RAISED, "-p", &std::process::id().to_string()])
            .output()
            .context("cannot run renice")?
            .status;
        ensure!(status.success(), "--priority needs root");
        if fs::exists(SESSION)? {
            fs::write(SESSION, RAISED).context("cannot raise the priority of the session")?;
        }
        Ok(Self(()))
    }
}

impl Drop for Priority {
    fn drop(&mut self) {
        let _absent = fs::write(SESSION, NORMAL);
    }
}
