//! Edits a file that the user wrote, such as a shell's startup file: atomically, with a backup next to it.
//!
//! Invariants: the file keeps its permission bits and its owner; a file of another user is refused; a concurrent change
//! by another program is never lost; the backup has mode 0600, since the file may contain credentials.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, fchmod, open};
use rustix::process::geteuid;
use zeroize::Zeroizing;

use super::FileError;
use super::replace::{ExistingFile, NewFile};

/// Maximum size in bytes of a file that can be edited.
const MAX_EDITABLE_BYTES: usize = 1024 * 1024;

/// Maximum number of backups of one file with the same label.
const MAX_BACKUPS: usize = 100;

/// A file that has been read in order to be replaced.
pub struct FileEdit {
    path: PathBuf,
    text: Zeroizing<String>,
    group: u32,
    mode: u32,
}

impl FileEdit {
    /// Reads a file. A symbolic link is followed: [`FileEdit::path`] returns its target.
    ///
    /// # Errors
    /// [`FileError`] if it is not a text file of this user.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let path = fs::canonicalize(path).map_err(FileError::system("find", path))?;
        let (text, metadata) = read(&path)?;
        Ok(Self {
            path,
            text,
            group: metadata.gid(),
            mode: metadata.mode() & 0o7777,
        })
    }

    /// Returns the path of the file, with symbolic links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the content that was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Creates a file with mode 0600, and the missing directories above it. Returns the directories that were created,
    /// the outermost first.
    ///
    /// # Errors
    /// [`FileError::Exists`] if the file already exists; otherwise on an I/O error.
    pub fn create(path: &Path, text: &str) -> Result<Vec<PathBuf>, FileError> {
        let directory = path.parent().unwrap_or_else(|| Path::new("/"));
        let missing = directory.ancestors().take_while(|it| !it.exists());
        let mut created: Vec<PathBuf> = missing.map(Path::to_owned).collect();
        created.reverse();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(FileError::system("create", directory))?;
        let mut file = NewFile::create_anywhere(path)?;
        file.write_all(text.as_bytes())?;
        file.finish()?;
        Ok(created)
    }

    /// Writes the new text, after a backup of the old one at `<file>.<label>.bak`, with a number if that name is taken.
    /// Returns the path of the backup.
    ///
    /// # Errors
    /// [`FileError::ModifiedMeanwhile`] if the file was modified since it was read; otherwise on an I/O error.
    pub fn replace(self, text: &str, label: &str) -> Result<PathBuf, FileError> {
        self.check_unmodified()?;
        let backup = self.back_up(label)?;
        self.write(text)?;
        Ok(backup)
    }

    /// Writes the new text without a backup: it restores an earlier text, or a secret was removed.
    ///
    /// # Errors
    /// See [`FileEdit::replace`].
    pub fn replace_without_backup(self, text: &str) -> Result<(), FileError> {
        self.check_unmodified()?;
        self.write(text)
    }

    /// Removes the file.
    ///
    /// # Errors
    /// See [`FileEdit::replace`].
    pub fn remove(self) -> Result<(), FileError> {
        self.check_unmodified()?;
        fs::remove_file(&self.path).map_err(FileError::system("remove", &self.path))
    }

    fn check_unmodified(&self) -> Result<(), FileError> {
        let (current, _) = read(&self.path)?;
        if *current == *self.text {
            Ok(())
        } else {
            Err(FileError::ModifiedMeanwhile {
                path: self.path.clone(),
            })
        }
    }

    fn write(&self, text: &str) -> Result<(), FileError> {
        let directory = self.path.parent().unwrap_or_else(|| Path::new("/"));
        let descriptor = open(
            directory,
            OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map_err(FileError::system("open", directory))?;
        let mut file = NewFile::start(descriptor, &self.path, ExistingFile::Replace)?;
        file.write_all(text.as_bytes())?;
        file.set_group_and_mode(self.group, self.mode)?;
        file.finish()
    }

    fn back_up(&self, label: &str) -> Result<PathBuf, FileError> {
        let mut taken = None;
        for number in 1..=MAX_BACKUPS {
            let mut name = OsString::from(self.path.file_name().unwrap_or_default());
            name.push(format!(".{label}"));
            if number > 1 {
                name.push(format!("-{number}"));
            }
            name.push(".bak");
            let path = self.path.with_file_name(name);
            let mut file = match NewFile::create_anywhere(&path) {
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

/// Lets the owner alone run a file of this user.
///
/// # Errors
/// [`FileError`] if it is not one, or on an I/O error.
pub fn make_executable(path: &Path) -> Result<(), FileError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = open(path, flags, Mode::empty()).map_err(FileError::system("open", path))?;
    fchmod(file, Mode::RWXU).map_err(FileError::system("change the mode of", path))
}

fn read(path: &Path) -> Result<(Zeroizing<String>, Metadata), FileError> {
    // Opening a pipe must not block until it has a writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file: File = open(path, flags, Mode::empty())
        .map_err(FileError::system("read", path))?
        .into();
    let metadata = file.metadata().map_err(FileError::system("read", path))?;
    if !metadata.is_file() {
        return Err(FileError::NotAFile {
            path: path.to_owned(),
            kind: "a directory or a special file",
        });
    }
    let user = geteuid().as_raw();
    if metadata.uid() != user {
        return Err(FileError::OtherOwner {
            path: path.to_owned(),
            owner: metadata.uid(),
            user,
        });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_EDITABLE_BYTES as u64 + 1)
        .read_to_string(&mut text)
        .map_err(FileError::system("read", path))?;
    if text.len() > MAX_EDITABLE_BYTES {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
            limit: MAX_EDITABLE_BYTES,
        });
    }
    Ok((text, metadata))
}
