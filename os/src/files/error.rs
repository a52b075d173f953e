//! Why a file or directory was not taken, and the command that mends it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file or directory was not taken.
///
/// Each text names the path; [`FileError::hint`] gives the command that mends it, where one does.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is none.
    #[error("{} does not exist", path.display())]
    Missing {
        /// What was looked for.
        path: PathBuf,
    },
    /// There is one already.
    #[error("{} exists already", path.display())]
    Exists {
        /// What was to be made.
        path: PathBuf,
    },
    /// It belongs to somebody else, who could change it at any time.
    #[error("{} belongs to user {owner}, not to user {us} who runs this", path.display())]
    OtherOwner {
        /// Whose it is not.
        path: PathBuf,
        /// The user id it belongs to.
        owner: u32,
        /// The effective user id of this process.
        us: u32,
    },
    /// Others can open the file.
    #[error("{} can be opened by other users (mode {mode:04o})", path.display())]
    FileOpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Others can change the file.
    #[error("{} can be written to by other users (mode {mode:04o})", path.display())]
    FileWritableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Others can put files into the directory.
    #[error("{} can be written to by other users (mode {mode:04o})", path.display())]
    DirectoryOpenToOthers {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It leads somewhere else.
    #[error("{} is a symbolic link", path.display())]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// The same file has another name, perhaps where others can reach it.
    #[error("{} has {links} names (hard links)", path.display())]
    HardLinked {
        /// One of the names.
        path: PathBuf,
        /// How many there are.
        links: u64,
    },
    /// A directory, pipe, socket or device lies in its place.
    #[error("{} is {found}, not a regular file", path.display())]
    NotAFile {
        /// What was opened.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// Something else than a directory lies in its place.
    #[error("{} is not a directory", path.display())]
    NotADirectory {
        /// What was opened.
        path: PathBuf,
    },
    /// It is longer than such a file can be.
    #[error("{} is longer than {limit} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// How long it may be.
        limit: usize,
    },
    /// Somebody wrote to it since it was read.
    #[error("{} changed while it was looked at", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A name with a separator or nothing in it: a mistake of the caller.
    #[error("{name:?} is not the name of a file in a directory")]
    BadName {
        /// The name.
        name: String,
    },
    /// The system said no.
    #[error("cannot {doing} {}", path.display())]
    System {
        /// What was tried, as a verb.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl FileError {
    /// Gives the command that mends it, ready to paste, where one does.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::OtherOwner { path, us, .. } => Some(format!("chown {us} {}", quoted(path))),
            Self::FileOpenToOthers { path, .. } => Some(format!("chmod 600 {}", quoted(path))),
            Self::FileWritableByOthers { path, .. } => Some(format!("chmod go-w {}", quoted(path))),
            Self::DirectoryOpenToOthers { path, .. } => Some(format!("chmod 700 {}", quoted(path))),
            // A copy, since what the other name or the link leads to may be all there is of it.
            Self::Symlink { path } | Self::HardLinked { path, .. } => {
                let path = quoted(path);
                Some(format!("cp -p {path} {path}.one && mv {path}.one {path}"))
            }
            Self::Missing { .. }
            | Self::Exists { .. }
            | Self::NotAFile { .. }
            | Self::NotADirectory { .. }
            | Self::TooLong { .. }
            | Self::Changed { .. }
            | Self::BadName { .. }
            | Self::System { .. } => None,
        }
    }

    pub(crate) fn system(
        doing: &'static str,
        path: &Path,
    ) -> impl FnOnce(rustix::io::Errno) -> Self {
        let path = path.to_owned();
        move |errno| Self::System {
            doing,
            path,
            source: errno.into(),
        }
    }
}

/// Quotes a path for a shell where it holds more than plain characters.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+');
    if text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_can_be_pasted() {
        for (path, hint) in [
            ("/home/me/key", "chmod 600 /home/me/key"),
            ("/home/my name/key", "chmod 600 '/home/my name/key'"),
            ("/home/o'neil/key", r"chmod 600 '/home/o'\''neil/key'"),
        ] {
            let error = FileError::FileOpenToOthers {
                path: path.into(),
                mode: 0o644,
            };
            assert_eq!(error.hint().as_deref(), Some(hint));
        }
    }
}
