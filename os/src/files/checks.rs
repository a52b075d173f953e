//! What must be true of an open file or directory before it is used.
//!
//! Invariant: it is the open descriptor that is asked, never the path again, so nobody can swap it in between.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{FileType, Stat, fstat};
use rustix::process::geteuid;

use super::FileError;

/// Takes a regular file that is ours, closed to others and has one name.
pub(super) fn file(open: impl AsFd, path: &Path) -> Result<Stat, FileError> {
    let stat = regular(open, path)?;
    ours(&stat, path)?;
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
    if links != 1 {
        return Err(FileError::HardLinked {
            path: path.to_owned(),
            links,
        });
    }
    Ok(stat)
}

/// Takes a regular file that is ours and that nobody else can write, though others may read it: one without secrets.
pub(super) fn unwritable(open: impl AsFd, path: &Path) -> Result<(), FileError> {
    let stat = regular(open, path)?;
    ours(&stat, path)?;
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

/// Takes a regular file, whoever owns it.
pub(super) fn regular(open: impl AsFd, path: &Path) -> Result<Stat, FileError> {
    let stat = fstat(open).map_err(FileError::system("look at", path))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Ok(stat),
        FileType::Symlink => Err(FileError::Symlink {
            path: path.to_owned(),
        }),
        other => Err(FileError::NotAFile {
            path: path.to_owned(),
            found: kind(other),
        }),
    }
}

/// Takes a file that nobody but us and the system can have put there, and returns its permission bits.
pub(super) fn ours_or_the_systems(open: impl AsFd, path: &Path) -> Result<u32, FileError> {
    let stat = regular(open, path)?;
    if stat.st_uid != 0 {
        ours(&stat, path)?;
    }
    Ok(permissions(&stat))
}

/// Takes a directory that is ours and into which nobody else can write.
pub(super) fn directory(open: impl AsFd, path: &Path) -> Result<(), FileError> {
    let stat = fstat(open).map_err(FileError::system("look at", path))?;
    ours(&stat, path)?;
    let mode = permissions(&stat);
    if mode & 0o022 != 0 {
        return Err(FileError::DirectoryOpenToOthers {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

fn ours(stat: &Stat, path: &Path) -> Result<(), FileError> {
    let us = geteuid().as_raw();
    if stat.st_uid == us {
        Ok(())
    } else {
        Err(FileError::OtherOwner {
            path: path.to_owned(),
            owner: stat.st_uid,
            us,
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
