//! A directory whose files are opened with strict checks.

use std::fs::{DirBuilder, File};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, ResolveFlags, open, openat, openat2, unlinkat};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::{FileError, NewFile, checks, replace};

/// An open directory of this user that others cannot write to.
#[derive(Debug)]
pub struct SafeDir {
    fd: OwnedFd,
    path: PathBuf,
}

/// The handling of a missing directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CreateDir {
    /// Creates it and its missing parents, each with mode 0700.
    IfMissing,
    /// Returns an error.
    Never,
}

impl SafeDir {
    /// Opens a directory. Its parents may contain symbolic links, as ordinary homes do; they are resolved once, here.
    ///
    /// # Errors
    /// If it is missing and is not to be created, is not a directory, is owned by another user, or is writable by
    /// others.
    pub fn open(path: &Path, create: CreateDir) -> Result<Self, FileError> {
        if create == CreateDir::IfMissing {
            let created = DirBuilder::new().recursive(true).mode(0o700).create(path);
            created.map_err(|source| directory_error("create", path, source))?;
        }
        let path = path
            .canonicalize()
            .map_err(|source| directory_error("open", path, source))?;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let fd = open(&path, flags, Mode::empty())
            .map_err(|errno| directory_error("open", &path, errno.into()))?;
        checks::directory(&fd, &path)?;
        Ok(Self { fd, path })
    }

    /// Returns the directory's path with symbolic links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a whole file into memory that is overwritten when dropped.
    ///
    /// # Errors
    /// As [`SafeDir::open_strict`], and if it is larger than `limit` bytes.
    pub fn read(&self, name: &str, limit: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
        read_whole(self.open_strict(name)?, &self.path.join(name), limit)
    }

    /// Reads a whole file that contains no secrets: others may read it, but not write it.
    ///
    /// # Errors
    /// If it is missing, a symbolic link, owned by another user, writable by others, or larger than `limit` bytes.
    pub fn read_public(&self, name: &str, limit: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let file = self.open_with(name, OFlags::RDONLY, Mode::empty())?;
        let path = self.path.join(name);
        checks::unwritable(&file, &path)?;
        read_whole(file.into(), &path, limit)
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// If it is missing or fails the strict checks.
    pub fn open_strict(&self, name: &str) -> Result<File, FileError> {
        let file = self.open_with(name, OFlags::RDONLY, Mode::empty())?;
        checks::file(&file, &self.path.join(name))?;
        Ok(file.into())
    }

    /// Checks a file that other code is about to open, such as a database, and returns its size in bytes.
    ///
    /// It is inspected without being opened: closing an ordinary descriptor would release every POSIX lock that this
    /// process has on the file, the database's included.
    ///
    /// # Errors
    /// If it is missing or fails the strict checks.
    pub fn check(&self, name: &str) -> Result<u64, FileError> {
        let file = self.open_with(name, OFlags::PATH, Mode::empty())?;
        let stat = checks::file(&file, &self.path.join(name))?;
        Ok(stat.st_size.unsigned_abs())
    }

    /// Returns `true` if the name is taken by a file of any kind.
    ///
    /// # Errors
    /// On an I/O error.
    pub fn contains(&self, name: &str) -> Result<bool, FileError> {
        let path = self.child(name)?;
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(FileError::system("inspect", &path)(errno)),
        }
    }

    /// Lists the names that start with `prefix`, in sorted order. A name that is not UTF-8 is none of ours.
    ///
    /// # Errors
    /// On an I/O error.
    pub fn names(&self, prefix: &str) -> Result<Vec<String>, FileError> {
        let listed = Dir::read_from(&self.fd)
            .and_then(Iterator::collect::<rustix::io::Result<Vec<_>>>)
            .map_err(FileError::system("list", &self.path))?;
        let mut names: Vec<_> = listed
            .iter()
            .filter_map(|entry| entry.file_name().to_str().ok())
            .filter(|name| name.starts_with(prefix) && !matches!(*name, "." | ".."))
            .map(str::to_owned)
            .collect();
        names.sort();
        Ok(names)
    }

    /// Returns a second handle of the same directory.
    ///
    /// # Errors
    /// If no descriptor is left.
    pub fn try_clone(&self) -> Result<Self, FileError> {
        Ok(Self {
            fd: self.clone_fd()?,
            path: self.path.clone(),
        })
    }

    /// Creates a file atomically and syncs it.
    ///
    /// # Errors
    /// [`FileError::Exists`] if the name is taken; otherwise on an I/O error.
    pub fn create_new(&self, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        let mut file = self.start(name)?;
        file.write_all(bytes)?;
        file.finish()
    }

    /// Starts a file that is written in parts; it gets its name when it is finished.
    ///
    /// # Errors
    /// On an I/O error.
    pub fn start(&self, name: &str) -> Result<NewFile, FileError> {
        NewFile::start(
            self.clone_fd()?,
            &self.child(name)?,
            replace::ExistingFile::MustNotExist,
        )
    }

    /// Replaces or creates a file atomically: even after a crash it is complete, either the old or the new version.
    ///
    /// # Errors
    /// If the existing file fails the strict checks, or on an I/O error; the old file then remains.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        match self.check(name) {
            Ok(_) | Err(FileError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut file = NewFile::start(
            self.clone_fd()?,
            &self.child(name)?,
            replace::ExistingFile::Replace,
        )?;
        file.write_all(bytes)?;
        file.finish()
    }

    /// Renames a file in this directory to a name that must not exist yet, and syncs the directory.
    ///
    /// # Errors
    /// [`FileError::Exists`] if the name is taken; otherwise on an I/O error.
    pub fn rename_new(&self, from: &str, to: &str) -> Result<(), FileError> {
        let (from, to) = (self.child(from)?, self.child(to)?);
        replace::rename_and_sync(&self.fd, &from, &to, replace::ExistingFile::MustNotExist)
    }

    /// Removes a file. A missing file is not an error.
    ///
    /// # Errors
    /// On an I/O error.
    pub fn remove(&self, name: &str) -> Result<(), FileError> {
        let path = self.child(name)?;
        match unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(FileError::system("remove", &path)(errno)),
        }
    }

    /// Opens a file for reading and writing, creating an empty one if it is missing.
    pub(crate) fn open_or_create(&self, name: &str) -> Result<File, FileError> {
        let mode = Mode::RUSR | Mode::WUSR;
        let file = self.open_with(name, OFlags::RDWR | OFlags::CREATE, mode)?;
        checks::file(&file, &self.path.join(name))?;
        Ok(file.into())
    }

    /// Opens without following links, without blocking on a pipe, and not inherited by child processes.
    fn open_with(&self, name: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, FileError> {
        let path = self.child(name)?;
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        // O_PATH allows only some flags, and openat2 rejects the others.
        let flags = if flags.contains(OFlags::PATH) {
            flags - OFlags::NONBLOCK
        } else {
            flags
        };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        // With O_PATH a link itself is opened, which the check then refuses; kernels before 5.6 have no openat2.
        let opened = if flags.contains(OFlags::PATH) {
            openat(&self.fd, name, flags, mode)
        } else {
            match openat2(&self.fd, name, flags, mode, resolve) {
                Err(Errno::NOSYS) => openat(&self.fd, name, flags, mode),
                result => result,
            }
        };
        opened.map_err(|errno| match errno {
            Errno::NOENT => FileError::Missing { path },
            Errno::LOOP => FileError::Symlink { path },
            Errno::ISDIR => FileError::NotAFile {
                path,
                kind: "a directory",
            },
            Errno::NXIO => FileError::NotAFile {
                path,
                kind: "a pipe or a socket",
            },
            errno => FileError::system("open", &path)(errno),
        })
    }

    fn clone_fd(&self) -> Result<OwnedFd, FileError> {
        self.fd
            .try_clone()
            .map_err(FileError::system("open", &self.path))
    }

    fn child(&self, name: &str) -> Result<PathBuf, FileError> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(FileError::InvalidName {
                name: name.to_owned(),
            });
        }
        Ok(self.path.join(name))
    }
}

/// The identity of a file and the time of its last change. A file that was replaced has another identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileVersion {
    device: u64,
    inode: u64,
    /// Time of the last change of its content, in seconds and nanoseconds.
    modified: (i64, i64),
}

impl FileVersion {
    /// Returns the version of the file at a path, which may have been moved or replaced since it was opened.
    ///
    /// # Errors
    /// If it is missing or cannot be inspected.
    pub fn of(path: &Path) -> Result<Self, FileError> {
        let metadata = path
            .symlink_metadata()
            .map_err(FileError::system("inspect", path))?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }

    /// Returns `true` if both are versions of one file.
    pub fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// Opens a regular file of any owner, anywhere, for reading: only for content that is verified by other means.
///
/// # Errors
/// If it is missing, is not a regular file, or cannot be opened.
pub fn open_anywhere(path: &Path) -> Result<File, FileError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let fd = open(path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT => FileError::Missing {
            path: path.to_owned(),
        },
        errno => FileError::system("open", path)(errno),
    })?;
    checks::regular(&fd, path)?;
    Ok(fd.into())
}

/// Reads a whole file of at most `limit` bytes.
pub(super) fn read_whole(
    file: File,
    path: &Path,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, FileError> {
    // One byte more than allowed, to detect a file that is too large. Allocated once: growing would leave copies in
    // freed memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit.saturating_add(1)));
    let max_read = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(max_read)
        .read_to_end(&mut bytes)
        .map_err(FileError::system("read", path))?;
    if bytes.len() > limit {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

fn directory_error(action: &'static str, path: &Path, source: std::io::Error) -> FileError {
    let path = path.to_owned();
    match source.kind() {
        std::io::ErrorKind::NotFound => FileError::Missing { path },
        std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => {
            FileError::NotADirectory { path }
        }
        _ => FileError::system(action, &path)(source),
    }
}
