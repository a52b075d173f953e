//! The errors of file access, and the commands that fix them.

use std::io;
use std::path::{Path, PathBuf};

/// A file or directory that was refused or could not be used.
///
/// Each text names the path; [`FileError::fix_command`] returns the command that fixes it, if there is one.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It does not exist.
    #[error("{} does not exist", path.display())]
    Missing {
        /// The missing path.
        path: PathBuf,
    },
    /// It already exists.
    #[error("{} already exists", path.display())]
    Exists {
        /// The existing path.
        path: PathBuf,
    },
    /// It is owned by another user, who could change it at any time.
    #[error("{} is owned by user {owner}, but keyreeve runs as user {user}", path.display())]
    OtherOwner {
        /// The file or directory.
        path: PathBuf,
        /// The user id of its owner.
        owner: u32,
        /// The effective user id of this process.
        user: u32,
    },
    /// The file is accessible to others.
    #[error("{} is accessible to other users (mode {mode:04o})", path.display())]
    FileOpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is writable by others.
    #[error("{} is writable by other users (mode {mode:04o})", path.display())]
    FileWritableByOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Others can create files in the directory.
    #[error("{} is writable by other users (mode {mode:04o})", path.display())]
    DirectoryOpenToOthers {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is a symbolic link.
    #[error("{} is a symbolic link", path.display())]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// The same file has other names, perhaps in a directory that others can reach.
    #[error("{} has {links} hard links", path.display())]
    HardLinked {
        /// One of the names.
        path: PathBuf,
        /// The number of hard links.
        links: u64,
    },
    /// It is a directory, pipe, socket or device.
    #[error("{} is {kind}, not a regular file", path.display())]
    NotAFile {
        /// The path that was opened.
        path: PathBuf,
        /// Its kind, with an article.
        kind: &'static str,
    },
    /// It is not a directory.
    #[error("{} is not a directory", path.display())]
    NotADirectory {
        /// The path that was opened.
        path: PathBuf,
    },
    /// It is larger than allowed.
    #[error("{} is larger than {}", path.display(), size(*limit))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The maximum size in bytes.
        limit: usize,
    },
    /// It was modified after it was read.
    #[error("{} was modified by another program in the meantime", path.display())]
    ModifiedMeanwhile {
        /// The file.
        path: PathBuf,
    },
    /// The name is empty or contains a separator: a programming error of the caller.
    #[error("{name:?} is not a valid file name")]
    InvalidName {
        /// The name.
        name: String,
    },
    /// A system call failed.
    #[error("cannot {action} {}", path.display())]
    System {
        /// The attempted action, as a verb.
        action: &'static str,
        /// The path it was attempted on.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

impl FileError {
    /// Returns the shell command that fixes it, ready to paste, if there is one.
    pub fn fix_command(&self) -> Option<String> {
        match self {
            Self::OtherOwner { path, user, .. } => {
                Some(format!("chown {user} {}", shell_quote(path)))
            }
            Self::FileOpenToOthers { path, .. } => Some(format!("chmod 600 {}", shell_quote(path))),
            Self::FileWritableByOthers { path, .. } => {
                Some(format!("chmod go-w {}", shell_quote(path)))
            }
            Self::DirectoryOpenToOthers { path, .. } => {
                Some(format!("chmod 700 {}", shell_quote(path)))
            }
            // Copies, since the link's target or the other name may be the only copy of the data.
            Self::Symlink { path } | Self::HardLinked { path, .. } => {
                let path = shell_quote(path);
                Some(format!("cp -p {path} {path}.one && mv {path}.one {path}"))
            }
            Self::Missing { .. }
            | Self::Exists { .. }
            | Self::NotAFile { .. }
            | Self::NotADirectory { .. }
            | Self::TooLarge { .. }
            | Self::ModifiedMeanwhile { .. }
            | Self::InvalidName { .. }
            | Self::System { .. } => None,
        }
    }

    /// Returns a function that converts the error of a system call into [`FileError::System`]. `action` is a verb.
    pub fn system<E: Into<io::Error>>(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(E) -> Self + use<E> {
        let path = path.to_owned();
        move |error| Self::System {
            action,
            path,
            source: error.into(),
        }
    }
}

/// Quotes a path for a shell if it contains special characters.
fn shell_quote(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+');
    if text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Formats a size in bytes as people read it: in MiB or KiB if it is a whole number of them.
fn size(bytes: usize) -> String {
    const KIB: usize = 1024;
    const MIB: usize = 1024 * KIB;
    match bytes {
        0 => "0 bytes".to_owned(),
        _ if bytes.is_multiple_of(MIB) => format!("{} MiB", bytes / MIB),
        _ if bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
        _ => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fix_commands_can_be_pasted() {
        for (path, command) in [
            ("/home/me/key", "chmod 600 /home/me/key"),
            ("/home/my name/key", "chmod 600 '/home/my name/key'"),
            ("/home/o'neil/key", r"chmod 600 '/home/o'\''neil/key'"),
        ] {
            let error = FileError::FileOpenToOthers {
                path: path.into(),
                mode: 0o644,
            };
            assert_eq!(error.fix_command().as_deref(), Some(command));
        }
    }
}
