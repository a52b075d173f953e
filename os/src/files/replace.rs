//! Writes a file whole or not at all: a temporary one beside it, synced, then given its name.
//!
//! Invariant: on any error the temporary file is removed and what lay under the name before still lies there.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, fsync, linkat, openat, renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;

use super::FileError;
use crate::world;

/// What becomes of a file that has the name already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Old {
    /// It is replaced.
    GoesAway,
    /// It is kept, and the writing refused.
    MustNotExist,
}

/// Writes `bytes` under the last component of `path`, which lies in `dir`.
pub(super) fn write(dir: impl AsFd, path: &Path, bytes: &[u8], old: Old) -> Result<(), FileError> {
    let dir = dir.as_fd();
    let temporary = temporary_beside(path)?;
    let written = fill(dir, &temporary, bytes).and_then(|()| settle(dir, &temporary, path, old));
    if written.is_err() {
        // The first error is the one to report; a file left behind is 0600 and never read.
        unlinkat(dir, last(&temporary), AtFlags::empty()).ok();
    }
    written
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

fn fill(dir: BorrowedFd<'_>, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let fd = openat(dir, last(path), flags, Mode::RUSR | Mode::WUSR)
        .map_err(FileError::system("write", path))?;
    let mut file = File::from(fd);
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|source| FileError::System {
            doing: "write",
            path: path.to_owned(),
            source,
        })
}

fn temporary_beside(path: &Path) -> Result<PathBuf, FileError> {
    let random = world::random::<8>().map_err(|error| FileError::System {
        doing: "find a temporary name for",
        path: path.to_owned(),
        source: std::io::Error::other(error),
    })?;
    let mut name = std::ffi::OsString::from(".");
    name.push(last(path));
    name.push(format!(".{:016x}.tmp", u64::from_ne_bytes(random)));
    Ok(path.with_file_name(name))
}

/// The name within the directory. Paths come from `SafeDir::child` and always have one.
fn last(path: &Path) -> &std::ffi::OsStr {
    path.file_name().unwrap_or_default()
}
