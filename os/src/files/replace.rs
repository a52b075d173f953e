//! Writes a file whole or not at all: a temporary one beside it, synced, then given its name.
//!
//! Invariant: a file that is not finished leaves nothing behind but in a crash, and what lay under the name before
//! still lies there.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, RenameFlags, fchmod, fchown, fsync, linkat, open, openat, renameat,
    renameat_with, unlinkat,
};
use rustix::io::Errno;

use super::FileError;
use crate::world;

/// A file being written: 0600, under a temporary name. Dropping it removes it; finishing gives it its name.
#[derive(Debug)]
pub struct NewFile {
    dir: OwnedFd,
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    old: Old,
    finished: bool,
}

/// What becomes of a file that has the name already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Old {
    /// It is replaced.
    GoesAway,
    /// It is kept, and the writing refused.
    MustNotExist,
}

impl NewFile {
    /// Starts a file in any directory, also one where others can write: only for content that is sealed.
    ///
    /// # Errors
    /// [`FileError::Exists`] when there is one already; otherwise when the system refuses.
    pub fn anywhere(path: &Path) -> Result<Self, FileError> {
        if path.file_name().is_none() {
            return Err(FileError::BadName {
                name: path.display().to_string(),
            });
        }
        if path.symlink_metadata().is_ok() {
            return Err(FileError::Exists {
                path: path.to_owned(),
            });
        }
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let dir = open(parent, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(FileError::system("open", parent))?;
        Self::start(dir, path, Old::MustNotExist)
    }

    /// Starts the file that will get the last component of `path`, which lies in `dir`.
    pub(super) fn start(dir: OwnedFd, path: &Path, old: Old) -> Result<Self, FileError> {
        let temporary = temporary_beside(path)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fd = openat(&dir, last(&temporary), flags, Mode::RUSR | Mode::WUSR)
            .map_err(FileError::system("write", path))?;
        let path = path.to_owned();
        Ok(Self {
            dir,
            file: fd.into(),
            temporary,
            path,
            old,
            finished: false,
        })
    }

    /// Appends to it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let written = self.file.write_all(bytes);
        written.map_err(|source| self.failed(source))
    }

    /// Syncs it, gives it its name and syncs the directory, so that a power cut leaves the old or the new.
    ///
    /// # Errors
    /// [`FileError::Exists`] when somebody took the name; otherwise when the system refuses.
    pub fn finish(mut self) -> Result<(), FileError> {
        self.file.sync_all().map_err(|source| self.failed(source))?;
        settle(&self.dir, &self.temporary, &self.path, self.old)?;
        self.finished = true;
        Ok(())
    }

    /// Gives it the group and the permission bits of the file that it replaces.
    pub(super) fn take_after(&self, group: u32, mode: u32) -> Result<(), FileError> {
        let mode = Mode::from_bits_truncate(mode);
        fchown(&self.file, None, Some(Gid::from_raw(group)))
            .and_then(|()| fchmod(&self.file, mode))
            .map_err(FileError::system("write", &self.path))
    }

    fn failed(&self, source: std::io::Error) -> FileError {
        FileError::System {
            doing: "write",
            path: self.path.clone(),
            source,
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed is 0600 and never read.
            unlinkat(&self.dir, last(&self.temporary), AtFlags::empty()).ok();
        }
    }
}

/// Renames within `dir` and syncs it, so that the new name survives a power cut.
pub(super) fn settle(dir: impl AsFd, from: &Path, to: &Path, old: Old) -> Result<(), FileError> {
    let dir = dir.as_fd();
    let (source, target) = (last(from), last(to));
    let renamed = match old {
        Old::GoesAway => renameat(dir, source, dir, target),
        Old::MustNotExist => {
            match renameat_with(dir, source, dir, target, RenameFlags::NOREPLACE) {
                // Some network file systems cannot; a link that must not exist and an unlink are as good.
                Err(Errno::INVAL | Errno::NOSYS) => {
                    linkat(dir, source, dir, target, AtFlags::empty())
                        .and_then(|()| unlinkat(dir, source, AtFlags::empty()))
                }
                answer => answer,
            }
        }
    };
    renamed.map_err(|errno| match errno {
        Errno::EXIST => FileError::Exists {
            path: to.to_owned(),
        },
        errno => FileError::system("write", to)(errno),
    })?;
    fsync(dir).map_err(FileError::system("sync the directory of", to))
}

fn temporary_beside(path: &Path) -> Result<PathBuf, FileError> {
    let random = world::random::<8>().map_err(|error| FileError::System {
        doing: "find a temporary name for",
        path: path.to_owned(),
        source: std::io::Error::other(error),
    })?;
    let mut name = OsString::from(".");
    name.push(last(path));
    name.push(format!(".{:016x}.tmp", u64::from_ne_bytes(random)));
    Ok(path.with_file_name(name))
}

/// The name within the directory; the constructors see to it that there is one.
fn last(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}
