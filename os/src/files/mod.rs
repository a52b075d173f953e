//! Opens and replaces files that matter: nobody else can read them, and a crash leaves the old or the new.
//!
//! Invariants: the base directory is canonicalised once; below it a file is taken only when it is a regular file, ours,
//! closed to everybody else (mode & 077 == 0), with one name, and no symbolic link. What is weaker is refused
//! with the command that mends it; nothing is ever mended silently. What is made carries 0600 or 0700 from the first
//! instant, whatever the umask.

mod amend;
mod checks;
mod directory;
mod error;
mod foreign;
mod replace;

pub use amend::Amendment;
pub use directory::{Make, SafeDir, open_anywhere};
pub use error::FileError;
pub use foreign::{Foreign, look_at_foreign, names_in, read_foreign};
pub use replace::NewFile;
