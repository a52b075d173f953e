//! Gathers the input of resolution and `doctor` from the environment and from files that other programs own.
//!
//! Invariants: nothing is written or sent, and no program is started; tokens of other programs' logins are not stored; a
//! file that cannot be read is recorded as unreadable and never stops the rest.

mod claude_directory;
mod evidence;
mod repository;
mod scripts;
mod shells;
mod snapshot;

pub use evidence::{evidence, shell_scripts};
pub use snapshot::{Machine, gather};
