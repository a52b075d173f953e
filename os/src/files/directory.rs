//! A directory whose files are opened strictly.

use std::fs::{DirBuilder, File};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, open, openat, openat2, unlinkat};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::{FileError, NewFile, checks, replace};

/// An open directory that is ours and into which nobody else can write.
#[derive(Debug)]
pub struct SafeDir {
    fd: OwnedFd,
    path: PathBuf,
}

/// Whether a missing directory is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Make {
    /// It is, with the missing ones above it, each 0700.
    IfAbsent,
    /// It is not: a missing one is an error.
    Never,
}

impl SafeDir {
    /// Opens a directory. What lies above it may hold symbolic links (ordinary homes do); it is resolved once, here.
    ///
    /// # Errors
    /// It is missing and may not be made, no directory, somebody else's, or others can write into it.
    pub fn open(path: &Path, make: Make) -> Result<Self, FileError> {
        if make == Make::IfAbsent {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
            made.map_err(|source| wrong_directory("make", path, source))?;
        }
        let path = path
            .canonicalize()
            .map_err(|source| wrong_directory("open", path, source))?;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let fd = open(&path, flags, Mode::empty())
            .map_err(|errno| wrong_directory("open", &path, errno.into()))?;
        checks::directory(&fd, &path)?;
        Ok(Self { fd, path })
    }

    /// The directory's path, without symbolic links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a whole file into memory that is overwritten when dropped.
    ///
    /// # Errors
    /// As [`SafeDir::open_strict`], and when it is longer than `limit` bytes.
    pub fn read(&self, name: &str, limit: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
        self.whole(self.open_strict(name)?, name, limit)
    }

    /// Reads a whole file without secrets in it: others may read it, too, and nobody else may write it.
    ///
    /// # Errors
    /// It is missing, a link, not ours, writable by others, or longer than `limit` bytes.
    pub fn read_public(&self, name: &str, limit: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let file = self.open_with(name, OFlags::RDONLY, Mode::empty())?;
        checks::unwritable(&file, &self.path.join(name))?;
        self.whole(file.into(), name, limit)
    }

    fn whole(&self, file: File, name: &str, limit: usize) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let path = self.path.join(name);
        // One byte more than allowed, so that too long is told from just long enough; the buffer never moves.
        let mut bytes = Zeroizing::new(Vec::with_capacity(limit + 1));
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        file.take(most)
            .read_to_end(&mut bytes)
            .map_err(|source| FileError::System {
                doing: "read",
                path: path.clone(),
                source,
            })?;
        if bytes.len() > limit {
            Err(FileError::TooLong { path, limit })
        } else {
            Ok(bytes)
        }
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// It is missing, or not strictly ours.
    pub fn open_strict(&self, name: &str) -> Result<File, FileError> {
        let file = self.open_with(name, OFlags::RDONLY, Mode::empty())?;
        checks::file(&file, &self.path.join(name))?;
        Ok(file.into())
    }

    /// Checks a file that somebody else is about to open, such as a database, and returns its length in bytes.
    ///
    /// It is looked at without being opened: closing an ordinary descriptor would give up every POSIX lock this
    /// process holds on the file, and with them the database's.
    ///
    /// # Errors
    /// It is missing, or not strictly ours.
    pub fn check(&self, name: &str) -> Result<u64, FileError> {
        let file = self.open_with(name, OFlags::PATH, Mode::empty())?;
        let stat = checks::file(&file, &self.path.join(name))?;
        Ok(stat.st_size.unsigned_abs())
    }

    /// Says whether the name is taken, by whatever it is.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn contains(&self, name: &str) -> Result<bool, FileError> {
        let path = self.child(name)?;
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(FileError::system("look at", &path)(errno)),
        }
    }

    /// Makes a file, whole or not at all, and synced.
    ///
    /// # Errors
    /// [`FileError::Exists`] when the name is taken; otherwise when the system refuses.
    pub fn create_new(&self, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        let mut file = self.start(name)?;
        file.write_all(bytes)?;
        file.finish()
    }

    /// Starts a file that is written piece by piece; it gets its name when it is finished.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn start(&self, name: &str) -> Result<NewFile, FileError> {
        NewFile::start(
            self.own_fd()?,
            &self.child(name)?,
            replace::Old::MustNotExist,
        )
    }

    /// Replaces a file, or makes it: at every moment, crash included, it is whole, the old or the new.
    ///
    /// # Errors
    /// When the file there is not strictly ours, or the system refuses; the old file then stays.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        match self.check(name) {
            Ok(_) | Err(FileError::Missing { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut file = NewFile::start(self.own_fd()?, &self.child(name)?, replace::Old::GoesAway)?;
        file.write_all(bytes)?;
        file.finish()
    }

    /// Gives a file the name of another one in this directory that must not exist yet, and syncs the directory.
    ///
    /// # Errors
    /// [`FileError::Exists`] when the name is taken; otherwise when the system refuses.
    pub fn settle(&self, from: &str, to: &str) -> Result<(), FileError> {
        let (from, to) = (self.child(from)?, self.child(to)?);
        replace::settle(&self.fd, &from, &to, replace::Old::MustNotExist)
    }

    /// Removes a file; that there is none is well.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn remove(&self, name: &str) -> Result<(), FileError> {
        let path = self.child(name)?;
        match unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(FileError::system("remove", &path)(errno)),
        }
    }

    /// Opens a file for reading and writing, making an empty one where there is none.
    pub(crate) fn open_or_create(&self, name: &str) -> Result<File, FileError> {
        let mode = Mode::RUSR | Mode::WUSR;
        let file = self.open_with(name, OFlags::RDWR | OFlags::CREATE, mode)?;
        checks::file(&file, &self.path.join(name))?;
        Ok(file.into())
    }

    /// Opens without following links, without waiting for the other end of a pipe, and closed to children.
    fn open_with(&self, name: &str, flags: OFlags, mode: Mode) -> Result<OwnedFd, FileError> {
        let path = self.child(name)?;
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        // O_PATH knows only some flags, and openat2 refuses the others.
        let flags = if flags.contains(OFlags::PATH) {
            flags - OFlags::NONBLOCK
        } else {
            flags
        };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        // With O_PATH a link is opened itself and found out by the check; a kernel before 5.6 has no openat2.
        let opened = if flags.contains(OFlags::PATH) {
            openat(&self.fd, name, flags, mode)
        } else {
            match openat2(&self.fd, name, flags, mode, resolve) {
                Err(Errno::NOSYS) => openat(&self.fd, name, flags, mode),
                answer => answer,
            }
        };
        opened.map_err(|errno| match errno {
            Errno::NOENT => FileError::Missing { path },
            Errno::LOOP => FileError::Symlink { path },
            Errno::ISDIR => FileError::NotAFile {
                path,
                found: "a directory",
            },
            Errno::NXIO => FileError::NotAFile {
                path,
                found: "a pipe or socket",
            },
            errno => FileError::system("open", &path)(errno),
        })
    }

    fn own_fd(&self) -> Result<OwnedFd, FileError> {
        self.fd.try_clone().map_err(|source| FileError::System {
            doing: "open",
            path: self.path.clone(),
            source,
        })
    }

    fn child(&self, name: &str) -> Result<PathBuf, FileError> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(FileError::BadName {
                name: name.to_owned(),
            });
        }
        Ok(self.path.join(name))
    }
}

/// Opens a regular file anywhere for reading, whoever owns it: only for what is checked by other means.
///
/// # Errors
/// It is missing, no regular file, or the system refuses.
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

fn wrong_directory(doing: &'static str, path: &Path, source: std::io::Error) -> FileError {
    let path = path.to_owned();
    match source.kind() {
        std::io::ErrorKind::NotFound => FileError::Missing { path },
        std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => {
            FileError::NotADirectory { path }
        }
        _ => FileError::System {
            doing,
            path,
            source,
        },
    }
}
