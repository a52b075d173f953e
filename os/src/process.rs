//! Hardens this process against other processes of the same user, first thing in `main`, and executes other programs.
//!
//! Invariants: no hard limit is lowered, so that a child can get the user's original limits back; a program that is
//! executed gets the original umask and limits.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use rustix::fs::Mode;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit, umask,
};

use crate::supervise::ChildProcess;

/// A protection that the system did not grant. Its text names the resulting risk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weakness {
    /// Other processes of the same user can read this one's memory and environment.
    Dumpable,
    /// A crash can write memory to a file.
    CoreDumps,
}

impl std::fmt::Display for Weakness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Dumpable => "other processes of this user can read this process's memory",
            Self::CoreDumps => "a crash can write this process's memory to a file",
        })
    }
}

/// The user's umask and core-dump limit before [`harden`] changed them.
#[derive(Clone, Copy, Debug)]
pub struct OriginalLimits {
    umask: Mode,
    core: Option<u64>,
}

/// Protects the process against debuggers and core dumps, and the files it creates against other users.
///
/// Returns the original limits and the protections that could not be applied; the caller decides whether to continue.
pub fn harden() -> (OriginalLimits, Vec<Weakness>) {
    let original = OriginalLimits {
        umask: umask(Mode::RWXG | Mode::RWXO),
        core: getrlimit(Resource::Core).current,
    };
    let mut weaknesses = Vec::new();
    if set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err() {
        weaknesses.push(Weakness::Dumpable);
    }
    let no_core = Rlimit {
        current: Some(0),
        maximum: getrlimit(Resource::Core).maximum,
    };
    if setrlimit(Resource::Core, no_core).is_err() {
        weaknesses.push(Weakness::CoreDumps);
    }
    (original, weaknesses)
}

/// A program and its arguments and environment changes.
#[derive(Debug)]
pub struct ProgramSpec<'a> {
    /// Its executable file.
    pub file: &'a Path,
    /// `argv[0]` and the arguments.
    pub argv: &'a [OsString],
    /// Environment variables to remove.
    pub remove: &'a [String],
    /// Environment variables to set, in addition to this process's own.
    pub set: &'a [(&'a str, &'a str)],
}

impl OriginalLimits {
    /// Replaces this process with another program, which gets the original umask and limits, and this process's id,
    /// terminal and standard streams. The kernel makes it dumpable again.
    ///
    /// Returns only if that fails.
    pub fn exec_program(self, program: &ProgramSpec<'_>) -> io::Error {
        match self.with_original_limits(|| command(program).exec()) {
            Ok(error) | Err(error) => error,
        }
    }

    /// Starts a program as a child, in the same process group and at the same terminal, with the original umask and
    /// limits. This process has them too for a moment, so no other thread should be creating files.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn spawn_program(self, program: &ProgramSpec<'_>) -> io::Result<ChildProcess> {
        let child = self.with_original_limits(|| command(program).spawn())??;
        Ok(ChildProcess::from_child(&child))
    }

    fn with_original_limits<T>(self, work: impl FnOnce() -> T) -> io::Result<T> {
        let hardened = umask(self.umask);
        let maximum = getrlimit(Resource::Core).maximum;
        let set_core = |current| setrlimit(Resource::Core, Rlimit { current, maximum });
        let result = set_core(self.core).map(|()| work());
        umask(hardened);
        // There is no recovery if this fails.
        let _not_hardened = set_core(Some(0));
        Ok(result?)
    }
}

fn command(program: &ProgramSpec<'_>) -> Command {
    let mut command = Command::new(program.file);
    if let Some((name, arguments)) = program.argv.split_first() {
        command.arg0(name).args(arguments);
    }
    for name in program.remove {
        command.env_remove(name);
    }
    command.envs(program.set.iter().copied());
    command
}

/// Returns the path of the running executable with symbolic links resolved.
///
/// # Errors
/// If the path is unknown to the system, or the file is gone.
pub fn own_program() -> io::Result<std::path::PathBuf> {
    std::env::current_exe()?.canonicalize()
}

/// Returns `true` if this process was started with SIGHUP ignored, as `nohup` does, or `false` if that is unknown.
pub fn ignores_hangup() -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "/proc files need no strict checks"
    )]
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    is_hangup_in(&status, "SigIgn:")
}

/// Returns `true` if a mask in the text of `/proc/self/status` contains SIGHUP.
fn is_hangup_in(status: &str, mask: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix(mask));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // SIGHUP is signal 1, the lowest bit.
    mask.is_some_and(|mask| mask & 1 == 1)
}

/// Returns the id of this process.
pub fn pid() -> u32 {
    std::process::id()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hangup_is_found_in_a_signal_mask() {
        for (status, expected) in [
            (
                "SigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\n",
                false,
            ),
            (
                "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n",
                true,
            ),
            ("SigIgn:\tx\n", false),
            ("", false),
        ] {
            assert_eq!(is_hangup_in(status, "SigIgn:"), expected, "{status}");
        }
    }
}
