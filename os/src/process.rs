//! Makes this process hard to read from outside, first thing in `main`.
//!
//! Invariant: nothing here lowers a hard limit, so that a child can be given the person's own limits back.

use rustix::fs::Mode;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit, umask,
};

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

/// Closes the process to debuggers, core dumps and, for the files it makes, other users.
///
/// Returns what could not be done; going on is the caller's decision.
pub fn harden() -> Vec<Weakness> {
    umask(Mode::RWXG | Mode::RWXO);
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
    weaknesses
}

/// Where the program that runs here lies.
///
/// # Errors
/// When the system does not tell, or the file is gone.
pub fn own_program() -> std::io::Result<std::path::PathBuf> {
    std::env::current_exe()?.canonicalize()
}

/// The number of this process.
pub fn pid() -> u32 {
    std::process::id()
}
