//! Looks at files that belong to other programs: read-only, bounded, and telling what is odd instead of refusing.
//!
//! A value, so that a test can put a made-up file system in its place. Invariant: nothing is ever written, and
//! nothing that is no regular file is waited for.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use crate::files::names_in;

/// A file with more bytes than this is not read.
pub const LIMIT: u64 = 1024 * 1024;

/// A file that grows by itself is not read when it has more bytes than this.
pub const LONG: u64 = 16 * 1024 * 1024;

/// The files that can be looked at.
#[derive(Debug)]
pub enum Files {
    /// Those of this machine.
    OfMachine,
    /// Made-up ones, by their absolute paths.
    MadeUp(BTreeMap<PathBuf, Seen>),
}

/// What lies at a path.
#[derive(Clone, Debug)]
pub enum Seen {
    /// Nothing.
    Nothing,
    /// A text.
    Text(Text),
    /// Something that cannot be read as a text: no permission, no regular file, no UTF-8, or more than [`LIMIT`] bytes.
    Unreadable,
}

/// A text, and who else can get at it.
#[derive(Clone)]
pub struct Text {
    /// What it says.
    pub text: Zeroizing<String>,
    /// Its permission bits, such as `0o600`; those of the file itself where a symbolic link leads to it.
    pub mode: u32,
    /// Whether the path is a symbolic link.
    pub is_link: bool,
    /// Whether it belongs to whoever runs this.
    pub is_ours: bool,
}

/// Who else can get at a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Openness {
    /// Its permission bits, such as `0o600`.
    pub mode: u32,
    /// Whether it belongs to whoever runs this.
    pub is_ours: bool,
}

impl std::fmt::Debug for Text {
    /// Shows everything but the text.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Text")
            .field("mode", &format_args!("{:o}", self.mode))
            .field("is_link", &self.is_link)
            .field("is_ours", &self.is_ours)
            .finish_non_exhaustive()
    }
}

impl Seen {
    /// A text of whoever runs this, with these permission bits, as a made-up file.
    pub fn made_up(mode: u32, text: &str) -> Self {
        Self::Text(Text {
            text: Zeroizing::new(text.to_owned()),
            mode,
            is_link: false,
            is_ours: true,
        })
    }
}

impl Files {
    /// Looks at a file.
    pub fn look(&self, path: &Path) -> Seen {
        match self {
            Self::OfMachine => read(path, text),
            Self::MadeUp(files) => files.get(path).cloned().unwrap_or(Seen::Nothing),
        }
    }

    /// Looks at a file that may be long or no clean text, such as a shell's history or settings that their program reads
    /// all the same: up to [`LONG`] bytes, and what is no UTF-8 becomes U+FFFD.
    pub fn look_long(&self, path: &Path) -> Seen {
        match self {
            Self::OfMachine => read(path, long_text),
            Self::MadeUp(_) => self.look(path),
        }
    }

    /// Who else can get at a file, without reading it; none where there is no file. Of a link the file it leads to counts.
    pub fn openness(&self, path: &Path) -> Option<Openness> {
        match self {
            Self::OfMachine => {
                let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
                Some(Openness {
                    mode: metadata.mode() & 0o7777,
                    is_ours: metadata.uid() == geteuid().as_raw(),
                })
            }
            Self::MadeUp(files) => match files.get(path)? {
                Seen::Text(text) => Some(Openness {
                    mode: text.mode,
                    is_ours: text.is_ours,
                }),
                Seen::Nothing | Seen::Unreadable => None,
            },
        }
    }

    /// The names in a directory, in order; none where there is no such directory.
    pub fn names(&self, directory: &Path) -> Vec<String> {
        match self {
            Self::OfMachine => names_in(directory),
            // They are in the order of their paths.
            Self::MadeUp(files) => files
                .keys()
                .filter(|path| path.parent() == Some(directory))
                .filter_map(|path| path.file_name()?.to_str().map(ToOwned::to_owned))
                .collect(),
        }
    }
}

fn read(path: &Path, take: fn(&Path, File) -> Option<Text>) -> Seen {
    // A pipe in the place of a file must not make us wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(descriptor) => take(path, File::from(descriptor)).map_or(Seen::Unreadable, Seen::Text),
        Err(Errno::NOENT | Errno::NOTDIR) => Seen::Nothing,
        Err(_) => Seen::Unreadable,
    }
}

fn text(path: &Path, file: File) -> Option<Text> {
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > LIMIT {
        return None;
    }
    let mut text = Zeroizing::new(String::new());
    file.take(LIMIT).read_to_string(&mut text).ok()?;
    Some(described(path, &metadata, text))
}

fn long_text(path: &Path, file: File) -> Option<Text> {
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > LONG {
        return None;
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(metadata.len()).ok()? + 1,
    ));
    file.take(LONG).read_to_end(&mut bytes).ok()?;
    let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
    Some(described(path, &metadata, text))
}

fn described(path: &Path, metadata: &fs::Metadata, text: Zeroizing<String>) -> Text {
    Text {
        text,
        mode: metadata.mode() & 0o7777,
        is_link: fs::symlink_metadata(path).is_ok_and(|link| link.is_symlink()),
        is_ours: metadata.uid() == geteuid().as_raw(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "another program's file is put there"
    )]
    fn put(path: &Path, bytes: &[u8]) {
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn what_is_there_is_told_with_its_openness() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        put(&path("text"), b"one");
        fs::set_permissions(path("text"), fs::Permissions::from_mode(0o644)).unwrap();
        symlink("text", path("link")).unwrap();
        put(&path("bytes"), &[0xff]);
        let look = |name: &str| Files::OfMachine.look(&path(name));
        for (name, is_link) in [("text", false), ("link", true)] {
            let Seen::Text(seen) = look(name) else {
                panic!("{name}: {:?}", look(name));
            };
            assert_eq!(
                (seen.text.as_str(), seen.mode, seen.is_link, seen.is_ours),
                ("one", 0o644, is_link, true)
            );
        }
        let openness = |name: &str| Files::OfMachine.openness(&path(name));
        assert_eq!(openness("link").map(|it| it.mode), Some(0o644));
        assert_eq!((openness("absent"), openness(".")), (None, None));
        assert!(matches!(look("absent"), Seen::Nothing));
        assert!(matches!(look("text/below"), Seen::Nothing));
        assert!(matches!(look("bytes"), Seen::Unreadable));
        let Seen::Text(seen) = Files::OfMachine.look_long(&path("bytes")) else {
            panic!("a history need not be UTF-8");
        };
        assert_eq!(seen.text.as_str(), "\u{fffd}");
        assert!(matches!(
            Files::OfMachine.look(folder.path()),
            Seen::Unreadable
        ));
        assert_eq!(
            Files::OfMachine.names(folder.path()),
            ["bytes", "link", "text"]
        );
    }

    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::RWXU).unwrap();
        assert!(matches!(Files::OfMachine.look(&pipe), Seen::Unreadable));
    }
}
