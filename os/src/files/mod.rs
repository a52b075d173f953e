//! Opens and replaces private files safely: closed to other users, and a crash leaves the old or the new version.
//!
//! Invariants: the base directory is canonicalized once; below it a file is accepted only if it is a regular file owned
//! by this user, closed to others (mode & 077 == 0), with one hard link, and not a symbolic link. Anything weaker is
//! refused with the command that fixes it; nothing is ever fixed silently. New files and directories have mode 0600 or
//! 0700 from the start, whatever the umask.

mod checks;
mod directory;
mod edit;
mod error;
mod foreign;
mod preallocate;
mod replace;

pub use directory::{CreateDir, FileVersion, SafeDir, open_anywhere};
pub use edit::{FileEdit, make_executable};
pub use error::FileError;
pub use foreign::{ForeignFile, check_foreign, list_names, read_foreign};
pub use preallocate::preallocate;
pub use replace::NewFile;
