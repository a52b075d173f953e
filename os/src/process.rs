//! Makes this process hard to read from outside, first thing in `main`, and hands over to another program.
//!
//! Invariants: nothing here lowers a hard limit, so that a child can be given the person's own limits back; a program
//! that takes over gets back what was changed.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use rustix::fs::Mode;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit, umask,
};

use crate::supervise::Supervised;

/// A protection the system did not grant. The text says what it would have prevented.
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
            Self::Dumpable => "other processes of this user can read this one's memory",
            Self::CoreDumps => "a crash can write this process's memory to a file",
        })
    }
}

/// What was the person's own before [`harden`] changed it.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    umask: Mode,
    core: Option<u64>,
}

/// Closes the process to debuggers, core dumps and, for the files it makes, other users.
///
/// Returns what was before, and what could not be done; going on is the caller's decision.
pub fn harden() -> (Before, Vec<Weakness>) {
    let before = Before {
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
    (before, weaknesses)
}

/// A program, as it is to be started.
#[derive(Debug)]
pub struct Start<'a> {
    /// Its file.
    pub file: &'a Path,
    /// What it is called, and its arguments.
    pub argv: &'a [OsString],
    /// Variables that it does not get.
    pub remove: &'a [String],
    /// Variables that it gets beside this process's own.
    pub set: &'a [(&'a str, &'a str)],
}

impl Before {
    /// Becomes another program, which has the person's own umask and limits, and this process's number, terminal and
    /// standard streams. Being dumpable again is the kernel's doing.
    ///
    /// Returns only where that fails.
    pub fn become_program(self, start: &Start<'_>) -> io::Error {
        match self.as_before(|| command(start).exec()) {
            Ok(error) | Err(error) => error,
        }
    }

    /// Starts a program beside this process, in the same group and at the same terminal, with the person's own umask and
    /// limits, which this process has too for a moment: nothing else should be at work.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_program(self, start: &Start<'_>) -> io::Result<Supervised> {
        let child = self.as_before(|| command(start).spawn())??;
        Ok(Supervised::of(&child))
    }

    fn as_before<T>(self, work: impl FnOnce() -> T) -> io::Result<T> {
        let hardened = umask(self.umask);
        let maximum = getrlimit(Resource::Core).maximum;
        let core = |current| setrlimit(Resource::Core, Rlimit { current, maximum });
        let done = core(self.core).map(|()| work());
        umask(hardened);
        // Nothing is left to be done where even this fails.
        let _still_open = core(Some(0));
        Ok(done?)
    }
}

fn command(start: &Start<'_>) -> Command {
    let mut command = Command::new(start.file);
    if let Some((name, arguments)) = start.argv.split_first() {
        command.arg0(name).args(arguments);
    }
    for name in start.remove {
        command.env_remove(name);
    }
    command.envs(start.set.iter().copied());
    command
}

/// Where the program that runs here lies.
///
/// # Errors
/// When the system does not tell, or the file is gone.
pub fn own_program() -> io::Result<std::path::PathBuf> {
    std::env::current_exe()?.canonicalize()
}

/// The number of this process.
pub fn pid() -> u32 {
    std::process::id()
}
