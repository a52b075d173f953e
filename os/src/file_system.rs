//! Reads files that belong to other programs: read-only, bounded, and reporting unsafe permissions instead of refusing.
//!
//! It is a value, so that tests can substitute a fake file system. Invariants: nothing is ever written, and reading
//! never blocks on anything other than a regular file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use crate::files::list_names;

/// Maximum size in bytes of a file that [`FileSystem::read`] reads.
const MAX_TEXT_BYTES: u64 = 1024 * 1024;

/// Maximum size in bytes of a file that [`FileSystem::read_lossy`] reads.
const MAX_LOSSY_BYTES: u64 = 16 * 1024 * 1024;

/// A file system that can be read.
#[derive(Debug)]
pub enum FileSystem {
    /// The real files of this machine.
    Real,
    /// Fake files by their absolute paths, for tests.
    Fake(BTreeMap<PathBuf, FileState>),
}

/// The result of reading a path.
#[derive(Clone, Debug)]
pub enum FileState {
    /// There is no file.
    Missing,
    /// A text file.
    Text(TextFile),
    /// It cannot be read as text: no permission, not a regular file, not UTF-8, or more than 1 MiB.
    Unreadable,
}

/// A text file with its permissions.
#[derive(Clone)]
pub struct TextFile {
    /// Its content.
    pub text: Zeroizing<String>,
    /// Its permission bits, such as `0o600`; of a symbolic link, those of its target.
    pub mode: u32,
    /// `true` if it is owned by the user that runs this process.
    pub is_ours: bool,
}

/// The permissions and ownership of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FilePermissions {
    /// Its permission bits, such as `0o600`.
    pub mode: u32,
    /// `true` if it is owned by the user that runs this process.
    pub is_ours: bool,
}

impl std::fmt::Debug for TextFile {
    /// Shows everything except the content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Text")
            .field("mode", &format_args!("{:o}", self.mode))
            .field("is_ours", &self.is_ours)
            .finish_non_exhaustive()
    }
}

impl FileState {
    /// Returns a fake text file of the current user with these permission bits.
    pub fn fake(mode: u32, text: &str) -> Self {
        Self::Text(TextFile {
            text: Zeroizing::new(text.to_owned()),
            mode,
            is_ours: true,
        })
    }
}

impl FileSystem {
    /// Reads a text file.
    pub fn read(&self, path: &Path) -> FileState {
        match self {
            Self::Real => read(path, MAX_TEXT_BYTES, |bytes| {
                Some(str::from_utf8(bytes).ok()?.to_owned())
            }),
            Self::Fake(files) => match files.get(path) {
                Some(state) => state.clone(),
                // A directory is there, but no text.
                None if files.keys().any(|file| file.starts_with(path)) => FileState::Unreadable,
                None => FileState::Missing,
            },
        }
    }

    /// Reads a file that may be long or not valid UTF-8, such as a shell history or settings that their program accepts
    /// anyway: up to 16 MiB, with invalid UTF-8 replaced by U+FFFD.
    pub fn read_lossy(&self, path: &Path) -> FileState {
        match self {
            Self::Real => read(path, MAX_LOSSY_BYTES, |bytes| {
                Some(String::from_utf8_lossy(bytes).into_owned())
            }),
            Self::Fake(_) => self.read(path),
        }
    }

    /// Returns the permissions of a file without reading it, or `None` if there is none. Symbolic links are followed.
    pub fn permissions(&self, path: &Path) -> Option<FilePermissions> {
        match self {
            Self::Real => {
                let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
                Some(FilePermissions {
                    mode: metadata.mode() & 0o7777,
                    is_ours: metadata.uid() == geteuid().as_raw(),
                })
            }
            Self::Fake(files) => match files.get(path)? {
                FileState::Text(text) => Some(FilePermissions {
                    mode: text.mode,
                    is_ours: text.is_ours,
                }),
                FileState::Missing | FileState::Unreadable => None,
            },
        }
    }

    /// Lists the names in a directory in sorted order; the list is empty if there is no such directory.
    pub fn list(&self, directory: &Path) -> Vec<String> {
        match self {
            Self::Real => list_names(directory),
            // A map iterates in the order of its paths.
            Self::Fake(files) => files
                .keys()
                .filter(|path| path.parent() == Some(directory))
                .filter_map(|path| path.file_name()?.to_str().map(ToOwned::to_owned))
                .collect(),
        }
    }
}

/// Reads a file of at most `limit` bytes as text, if `decode` accepts its content.
fn read(path: &Path, limit: u64, decode: fn(&[u8]) -> Option<String>) -> FileState {
    // Opening a pipe must not block until it has a writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(descriptor) => read_text(descriptor.into(), limit, decode)
            .map_or(FileState::Unreadable, FileState::Text),
        Err(Errno::NOENT | Errno::NOTDIR) => FileState::Missing,
        Err(_) => FileState::Unreadable,
    }
}

fn read_text(file: File, limit: u64, decode: fn(&[u8]) -> Option<String>) -> Option<TextFile> {
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > limit {
        return None;
    }
    // Allocated once: growing would leave copies in freed memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(metadata.len()).ok()? + 1,
    ));
    file.take(limit).read_to_end(&mut bytes).ok()?;
    Some(TextFile {
        text: Zeroizing::new(decode(&bytes)?),
        mode: metadata.mode() & 0o7777,
        is_ours: metadata.uid() == geteuid().as_raw(),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "the test writes another program's file"
    )]
    fn put(path: &Path, bytes: &[u8]) {
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn file_is_read_with_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        put(&path("text"), b"one");
        fs::set_permissions(path("text"), fs::Permissions::from_mode(0o644)).unwrap();
        symlink("text", path("link")).unwrap();
        put(&path("bytes"), &[0xff]);
        let read = |name: &str| FileSystem::Real.read(&path(name));
        for name in ["text", "link"] {
            let FileState::Text(file) = read(name) else {
                panic!("{name}: {:?}", read(name));
            };
            assert_eq!(
                (file.text.as_str(), file.mode, file.is_ours),
                ("one", 0o644, true)
            );
        }
        let permissions = |name: &str| FileSystem::Real.permissions(&path(name));
        assert_eq!(permissions("link").map(|it| it.mode), Some(0o644));
        assert_eq!((permissions("absent"), permissions(".")), (None, None));
        assert!(matches!(read("absent"), FileState::Missing));
        assert!(matches!(read("text/below"), FileState::Missing));
        assert!(matches!(read("bytes"), FileState::Unreadable));
        let FileState::Text(file) = FileSystem::Real.read_lossy(&path("bytes")) else {
            panic!("history is read although it is not UTF-8");
        };
        assert_eq!(file.text.as_str(), "\u{fffd}");
        assert!(matches!(
            FileSystem::Real.read(folder.path()),
            FileState::Unreadable
        ));
        assert_eq!(
            FileSystem::Real.list(folder.path()),
            ["bytes", "link", "text"]
        );
    }

    #[test]
    fn pipe_does_not_block() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RWXU).unwrap();
        assert!(matches!(
            FileSystem::Real.read(&pipe),
            FileState::Unreadable
        ));
    }
}
