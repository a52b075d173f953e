//! Writes files atomically: to a temporary file in the same directory, which is synced and then renamed.
//!
//! Invariant: an unfinished file leaves nothing behind except after a crash, and the file that had the name before is
//! still there.

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
use crate::system;

/// A file that is being written: mode 0600, under a temporary name. Dropping it removes it; finishing renames it.
#[derive(Debug)]
pub struct NewFile {
    dir: OwnedFd,
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    existing: ExistingFile,
    is_finished: bool,
}

/// The handling of an existing file with the same name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ExistingFile {
    /// Replaces it.
    Replace,
    /// Returns an error, and leaves the file unchanged.
    MustNotExist,
}

impl NewFile {
    /// Starts a file in any directory, including one that others can write to: only for encrypted content.
    ///
    /// # Errors
    /// [`FileError::Exists`] if the file already exists; otherwise on an I/O error.
    pub fn create_anywhere(path: &Path) -> Result<Self, FileError> {
        if path.file_name().is_none() {
            return Err(FileError::InvalidName {
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
        Self::start(dir, path, ExistingFile::MustNotExist)
    }

    /// Starts the file that will be named by the last component of `path`, in `dir`.
    pub(super) fn start(
        dir: OwnedFd,
        path: &Path,
        existing: ExistingFile,
    ) -> Result<Self, FileError> {
        let temporary = temporary_path(path)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fd = openat(&dir, file_name(&temporary), flags, Mode::RUSR | Mode::WUSR)
            .map_err(FileError::system("write", path))?;
        let path = path.to_owned();
        Ok(Self {
            dir,
            file: fd.into(),
            temporary,
            path,
            existing,
            is_finished: false,
        })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// On an I/O error.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let written = self.file.write_all(bytes);
        written.map_err(FileError::system("write", &self.path))
    }

    /// Syncs and renames the file, then syncs the directory, so that a power loss leaves the old or the new version.
    ///
    /// # Errors
    /// [`FileError::Exists`] if the name was taken meanwhile; otherwise on an I/O error.
    pub fn finish(mut self) -> Result<(), FileError> {
        self.file
            .sync_all()
            .map_err(FileError::system("write", &self.path))?;
        rename_and_sync(&self.dir, &self.temporary, &self.path, self.existing)?;
        self.is_finished = true;
        Ok(())
    }

    /// Finishes the file and returns it, open for writing and with an exclusive lock that it has from the moment it has
    /// its name, so that no other process can take it for a file left behind.
    ///
    /// # Errors
    /// As [`NewFile::finish`], and if the file system has no locks.
    pub fn finish_locked(self) -> Result<File, FileError> {
        let locked = self
            .file
            .try_lock()
            .map_err(std::io::Error::from)
            .and_then(|()| self.file.try_clone())
            .map_err(FileError::system("lock", &self.path))?;
        self.finish()?;
        Ok(locked)
    }

    /// Sets the group and the permission bits, to those of the file that it replaces.
    pub(super) fn set_group_and_mode(&self, group: u32, mode: u32) -> Result<(), FileError> {
        let mode = Mode::from_bits_truncate(mode);
        fchown(&self.file, None, Some(Gid::from_raw(group)))
            .and_then(|()| fchmod(&self.file, mode))
            .map_err(FileError::system("write", &self.path))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_finished {
            // A file that cannot be removed has mode 0600 and is never read.
            unlinkat(&self.dir, file_name(&self.temporary), AtFlags::empty()).ok();
        }
    }
}

/// Renames within `dir` and syncs it, so that the new name survives a power loss.
pub(super) fn rename_and_sync(
    dir: impl AsFd,
    from: &Path,
    to: &Path,
    existing: ExistingFile,
) -> Result<(), FileError> {
    let dir = dir.as_fd();
    let (source, target) = (file_name(from), file_name(to));
    let renamed = match existing {
        ExistingFile::Replace => renameat(dir, source, dir, target),
        ExistingFile::MustNotExist => {
            match renameat_with(dir, source, dir, target, RenameFlags::NOREPLACE) {
                // Some network file systems do not support this; link and unlink have the same effect.
                Err(Errno::INVAL | Errno::NOSYS) => {
                    linkat(dir, source, dir, target, AtFlags::empty())
                        .and_then(|()| unlinkat(dir, source, AtFlags::empty()))
                }
                result => result,
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

fn temporary_path(path: &Path) -> Result<PathBuf, FileError> {
    let random = system::random::<8>()
        .map_err(std::io::Error::other)
        .map_err(FileError::system("choose a temporary name for", path))?;
    let mut name = OsString::from(".");
    name.push(file_name(path));
    name.push(format!(".{:016x}.tmp", u64::from_ne_bytes(random)));
    Ok(path.with_file_name(name))
}

/// Returns the name within the directory; the constructors ensure that there is one.
fn file_name(path: &Path) -> &OsStr {
    path.file_name().unwrap_or_default()
}
