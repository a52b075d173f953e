//! Protection of a machine as values: what `protect` writes into a shell's startup file and Claude Code's settings, and
//! how each addition is taken out again without touching what the user changed since.
//!
//! Invariants: adding what is already there changes nothing; removing an addition from the text it was added to gives
//! the earlier text, to the byte.

mod comment_mark;
mod insertion;
mod removal;
mod shell;
mod shell_block;
mod status_line;
mod watched;

pub use self::comment_mark::CommentMark;
pub use self::insertion::Insertion;
pub use self::removal::{Removal, RemovalOutcome};
pub use self::shell::{BlockValues, Shell, shim_script};
pub use self::shell_block::{BlockKind, ShellBlock};
pub use self::status_line::{StatusLineCommand, StatusLineError};
pub use self::watched::WATCHED_PREFIXES;
