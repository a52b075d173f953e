//! Changes a file that a person wrote, such as a shell's: whole or not at all, with a copy of what it was beside it.
//!
//! Invariants: the file keeps its permission bits and its owner; a file that is not ours is refused; what somebody wrote
//! in the meantime is never lost; the copy is 0600, since the file may hold credentials.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, open};
use rustix::process::geteuid;
use zeroize::Zeroizing;

use super::FileError;
use super::replace::{NewFile, Old};

/// A longer file was not written by a person.
const LIMIT: usize = 1024 * 1024;

/// No day has more changes than this to one file.
const MOST_COPIES: usize = 100;

/// A file that is about to be changed.
pub struct Amendment {
    path: PathBuf,
    text: Zeroizing<String>,
    group: u32,
    mode: u32,
}

impl Amendment {
    /// Reads a file. A symbolic link is followed: [`Amendment::path`] says where to.
    ///
    /// # Errors
    /// [`FileError`] for what is no text file of ours.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let path = fs::canonicalize(path).map_err(|source| FileError::System {
            doing: "find",
            path: path.to_owned(),
            source,
        })?;
        let (text, metadata) = read(&path)?;
        Ok(Self {
            path,
            text,
            group: metadata.gid(),
            mode: metadata.mode() & 0o7777,
        })
    }

    /// The file itself, every symbolic link followed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Writes the new text, after a copy of the old one at `<file>.<label>.bak`, or with a number where that is taken.
    /// Gives the path of the copy.
    ///
    /// # Errors
    /// [`FileError::Changed`] where somebody wrote to it since it was read; otherwise where the system refuses.
    pub fn replace(self, text: &str, label: &str) -> Result<PathBuf, FileError> {
        let (now, _) = read(&self.path)?;
        if *now != *self.text {
            return Err(FileError::Changed { path: self.path });
        }
        let copy = self.copy(label)?;
        let directory = self.path.parent().unwrap_or_else(|| Path::new("/"));
        let descriptor = open(
            directory,
            OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map_err(FileError::system("open", directory))?;
        let mut file = NewFile::start(descriptor, &self.path, Old::GoesAway)?;
        file.write_all(text.as_bytes())?;
        file.take_after(self.group, self.mode)?;
        file.finish()?;
        Ok(copy)
    }

    fn copy(&self, label: &str) -> Result<PathBuf, FileError> {
        let mut taken = None;
        for number in 1..=MOST_COPIES {
            let mut name = OsString::from(self.path.file_name().unwrap_or_default());
            name.push(format!(".{label}"));
            if number > 1 {
                name.push(format!("-{number}"));
            }
            name.push(".bak");
            let path = self.path.with_file_name(name);
            let mut file = match NewFile::anywhere(&path) {
                Ok(file) => file,
                Err(error @ FileError::Exists { .. }) => {
                    taken = Some(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            file.write_all(self.text.as_bytes())?;
            file.finish()?;
            return Ok(path);
        }
        Err(taken.unwrap_or_else(|| FileError::Missing {
            path: self.path.clone(),
        }))
    }
}

fn read(path: &Path) -> Result<(Zeroizing<String>, Metadata), FileError> {
    // A pipe in the place of a file must not make us wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file: File = open(path, flags, Mode::empty())
        .map_err(FileError::system("read", path))?
        .into();
    let failed = |source| FileError::System {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(FileError::NotAFile {
            path: path.to_owned(),
            found: "something else",
        });
    }
    let us = geteuid().as_raw();
    if metadata.uid() != us {
        return Err(FileError::OtherOwner {
            path: path.to_owned(),
            owner: metadata.uid(),
            us,
        });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(LIMIT as u64 + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() > LIMIT {
        return Err(FileError::TooLong {
            path: path.to_owned(),
            limit: LIMIT,
        });
    }
    Ok((text, metadata))
}
