//! Reads the other program's files, and tells what of them could not be read or is open to others.

use std::path::{Path, PathBuf};

use keyreeve_core::import::{Form, Found, Kind, Note, Wanted};
use keyreeve_os::files::{FileError, Foreign, look_at_foreign, names_in, read_foreign};
use keyreeve_store::{Cell, ForeignError, read_foreign_text};
use zeroize::Zeroizing;

use crate::error::{CommandError, Exit};
use crate::settings::Import;
use crate::variables;
use crate::wiring::World;

/// No file, and no text in a database, has more bytes than this.
const LIMIT: usize = 1024 * 1024;

/// What was found. It has no `Debug`: it may hold tokens.
pub(super) struct Gathered {
    /// The directory.
    pub(super) directory: String,
    /// Whether it is the usual one, to which references need no path.
    pub(super) is_usual: bool,
    /// The files.
    pub(super) files: Vec<Found>,
    /// What is worth knowing about them.
    pub(super) notes: Vec<Note>,
}

/// Finds and reads the files.
///
/// # Errors
/// Exit 1 where there is no such directory, exit 2 for a path that cannot be kept, exit 3 where there is no home.
pub(super) fn gather(import: &Import, world: &World) -> Result<Gathered, CommandError> {
    let (directory, is_usual) = directory(import, world)?;
    if !directory.is_dir() {
        let text = format!("there is no directory {}", directory.display());
        return Err(CommandError::new(Exit::Failed, text)
            .hint(format!("keyreeve import {} PATH", import.kind.word())));
    }
    let Some(name) = directory.to_str() else {
        let text = format!("{} is not a path in UTF-8", directory.display());
        return Err(CommandError::new(Exit::Usage, text));
    };
    let mut gathered = Gathered {
        directory: name.to_owned(),
        is_usual,
        files: Vec::new(),
        notes: Vec::new(),
    };
    for wanted in import.kind.wanted() {
        gathered.take_all(&directory, "", *wanted);
    }
    if import.path.is_none() {
        for folder in agents_folders(import.kind, world) {
            let before = format!("{}/", folder.display());
            for wanted in import.kind.wanted_of_agent() {
                gathered.take_all(&folder, &before, wanted);
            }
        }
    }
    Ok(gathered)
}

/// The program's directory: the one that was typed, else the one its variable names, else the usual one.
fn directory(import: &Import, world: &World) -> Result<(PathBuf, bool), CommandError> {
    if let Some(path) = &import.path {
        let whole = std::path::absolute(path)
            .map_err(|error| CommandError::new(Exit::Usage, "that is no path").caused_by(&error))?;
        return Ok((whole, false));
    }
    if let Some(path) = import.kind.variable().and_then(|name| named(name, world)) {
        return Ok((path, false));
    }
    match named(variables::USER_HOME, world) {
        Some(home) => Ok((home.join(import.kind.in_home()), true)),
        None => Err(CommandError::new(
            Exit::Configuration,
            "HOME is not set, so there is no usual place to look in",
        )
        .hint(format!("keyreeve import {} PATH", import.kind.word()))),
    }
}

fn agents_folders(kind: Kind, world: &World) -> impl Iterator<Item = PathBuf> {
    let named = kind
        .agent_variables()
        .iter()
        .find_map(|name| named(name, world));
    named.into_iter()
}

/// The whole path in a variable. A relative one would lead into the working directory, where nothing is read.
fn named(variable: &str, world: &World) -> Option<PathBuf> {
    let path = PathBuf::from(world.snapshot.environment.get(variable)?);
    path.is_absolute().then_some(path)
}

impl Gathered {
    fn take_all(&mut self, below: &Path, before: &str, wanted: Wanted) {
        for (path, shown) in matching(below, before, wanted) {
            match read(&path, wanted.form) {
                Ok(None) => {}
                Ok(Some((text, open_to_others))) => {
                    if let Some(mode) = open_to_others {
                        let path = path.clone();
                        self.note(&FileError::FileOpenToOthers { path, mode });
                    }
                    self.files.push(Found {
                        path: shown,
                        role: wanted.role,
                        text,
                    });
                }
                Err(unread) => self.notes.push(unread),
            }
        }
    }

    fn note(&mut self, error: &FileError) {
        let (text, hint) = (error.to_string(), error.hint());
        self.notes.push(Note { text, hint });
    }
}

/// The files that a pattern stands for, and what they are called below the directory.
fn matching(below: &Path, before: &str, wanted: Wanted) -> Vec<(PathBuf, String)> {
    let mut found = vec![(below.to_owned(), String::new())];
    for component in wanted.path.split('/') {
        let mut deeper = Vec::new();
        for (folder, shown) in found {
            let names = if component.contains('*') {
                names_in(&folder)
            } else {
                vec![component.to_owned()]
            };
            for name in names.iter().filter(|name| Wanted::takes(component, name)) {
                let separator = if shown.is_empty() { "" } else { "/" };
                deeper.push((folder.join(name), format!("{shown}{separator}{name}")));
            }
        }
        found = deeper;
    }
    let told = |(path, shown)| (path, format!("{before}{shown}"));
    found.into_iter().map(told).collect()
}

type Read = Option<(Zeroizing<String>, Option<u32>)>;

/// Reads a file, none where there is none.
fn read(path: &Path, form: Form) -> Result<Read, Note> {
    let read = match form {
        Form::Presence => look_at_foreign(path).map(|mode| (Zeroizing::default(), mode)),
        Form::Text => match read_foreign(path, LIMIT) {
            Ok(file) => return text(path, &file).map(Some),
            Err(error) => Err(error),
        },
        Form::Database {
            table,
            key,
            row,
            value,
        } => {
            let cell = Cell {
                table,
                key,
                row,
                value,
            };
            return database(path, cell);
        }
    };
    read.map(Some).or_else(|error| absent(&error))
}

fn text(path: &Path, file: &Foreign) -> Result<(Zeroizing<String>, Option<u32>), Note> {
    match std::str::from_utf8(&file.bytes) {
        Ok(text) => Ok((Zeroizing::new(text.to_owned()), file.open_to_others)),
        Err(_) => Err(unread(path, "it is not UTF-8 text", None)),
    }
}

fn database(path: &Path, cell: Cell<'_>) -> Result<Read, Note> {
    let text = match read_foreign_text(path, cell, LIMIT) {
        Ok(text) => text,
        Err(ForeignError::File(error)) => return absent(&error),
        Err(error @ ForeignError::Unfinished) => {
            let why = format!("{error}: stop it first, then import again");
            return Err(unread(path, &why, None));
        }
        Err(error @ (ForeignError::TooLong { .. } | ForeignError::Unreadable)) => {
            return Err(unread(path, &error.to_string(), None));
        }
    };
    let open_to_others = look_at_foreign(path).ok().flatten();
    Ok(text.map(|text| (text, open_to_others)))
}

/// A file that is not there is nothing; anything else is told.
fn absent(error: &FileError) -> Result<Read, Note> {
    match error {
        FileError::Missing { .. } => Ok(None),
        FileError::System { source, .. } if source.kind() == std::io::ErrorKind::NotADirectory => {
            Ok(None)
        }
        other => Err(Note {
            text: format!("not read: {other}"),
            hint: other.hint(),
        }),
    }
}

fn unread(path: &Path, why: &str, hint: Option<String>) -> Note {
    Note {
        text: format!("{} is not read: {why}", path.display()),
        hint,
    }
}
