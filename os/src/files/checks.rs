//! Checks of an open file or directory before it is used: type, owner, mode and hard links.
//!
//! Invariant: only the open descriptor is checked, never the path again, so the file cannot be swapped in between.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{FileType, Stat, fstat};
use rustix::process::geteuid;

use super::FileError;

/// Accepts a regular file of this user that is closed to others and has one hard link.
pub(super) fn file(open: impl AsFd, path: &Path) -> Result<Stat, FileError> {
    let stat = regular(open, path)?;
    owned_by_user(&stat, path)?;
    let mode = permissions(&stat);
    if mode & 0o077 != 0 {
        return Err(FileError::FileOpenToOthers {
            path: path.to_owned(),
            mode,
        });
    }
    #[expect(
        clippy::useless_conversion,
        reason = "the width of st_nlink differs by platform"
    )]
    let links = u64::from(stat.st_nlink);
    if links == 0 {
        // Removed since it was opened.
        return Err(FileError::Missing {
            path: path.to_owned(),
        });
    }
    if links != 1 {
        return Err(FileError::HardLinked {
            path: path.to_owned(),
            links,
        });
    }
    Ok(stat)
}

/// Accepts a regular file of this user that others cannot write but may read: one without secrets.
pub(super) fn unwritable(open: impl AsFd, path: &Path) -> Result<(), FileError> {
    let stat = regular(open, path)?;
    owned_by_user(&stat, path)?;
    let mode = permissions(&stat);
    if mode & 0o022 == 0 {
        Ok(())
    } else {
        Err(FileError::FileWritableByOthers {
            path: path.to_owned(),
            mode,
        })
    }
}

/// Accepts a regular file of any owner.
pub(super) fn regular(open: impl AsFd, path: &Path) -> Result<Stat, FileError> {
    let stat = fstat(open).map_err(FileError::system("inspect", path))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(stat),
        FileType::Symlink => Err(FileError::Symlink {
            path: path.to_owned(),
        }),
        other => Err(FileError::NotAFile {
            path: path.to_owned(),
            kind: kind(other),
        }),
    }
}

/// Accepts a file owned by this user or by root, and returns its permission bits.
pub(super) fn owned_by_user_or_root(open: impl AsFd, path: &Path) -> Result<u32, FileError> {
    let stat = regular(open, path)?;
    if stat.st_uid != 0 {
        owned_by_user(&stat, path)?;
    }
    Ok(permissions(&stat))
}

/// Accepts a directory of this user that others cannot write to.
pub(super) fn directory(open: impl AsFd, path: &Path) -> Result<(), FileError> {
    let stat = fstat(open).map_err(FileError::system("inspect", path))?;
    owned_by_user(&stat, path)?;
    let mode = permissions(&stat);
    if mode & 0o022 != 0 {
        return Err(FileError::DirectoryOpenToOthers {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

fn owned_by_user(stat: &Stat, path: &Path) -> Result<(), FileError> {
    let user = geteuid().as_raw();
    if stat.st_uid == user {
        Ok(())
    } else {
        Err(FileError::OtherOwner {
            path: path.to_owned(),
            owner: stat.st_uid,
            user,
        })
    }
}

fn permissions(stat: &Stat) -> u32 {
    stat.st_mode & 0o7777
}

fn kind(file_type: FileType) -> &'static str {
    match file_type {
        FileType::Directory => "a directory",
        FileType::Fifo => "a pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::RegularFile | FileType::Symlink | FileType::Unknown => "of an unknown kind",
    }
}
