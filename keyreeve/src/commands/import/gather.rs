//! Reads the other program's files, and notes the ones that are unreadable or open to other users.

use std::path::{Path, PathBuf};

use keyreeve_os::files::{FileError, ForeignFile, check_foreign, list_names, read_foreign};
use keyreeve_resolver::import::{FileFormat, FilePattern, FoundFile, ImportNote, ImportSource};
use keyreeve_store::{ForeignCell, ForeignError, read_foreign_text};
use zeroize::Zeroizing;

use crate::args::ImportArgs;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::variables;

/// Maximum size of a file, or of a text in a database, in bytes.
const MAX_TEXT: usize = 1024 * 1024;

/// The other program's files. Has no `Debug`, because it may contain tokens.
pub(super) struct GatheredFiles {
    /// The directory.
    pub(super) directory: String,
    /// `true` if it is the default directory, to which references need no path.
    pub(super) is_default: bool,
    /// The files.
    pub(super) files: Vec<FoundFile>,
    /// Notes about unreadable or exposed files.
    pub(super) notes: Vec<ImportNote>,
}

/// Finds and reads the files.
///
/// # Errors
/// Exit 1 if there is no such directory, 2 for an unusable path, 3 if `HOME` is needed and not set.
pub(super) fn gather(
    import: &ImportArgs,
    context: &Context,
) -> Result<GatheredFiles, CommandError> {
    let (directory, is_default) = directory(import, context)?;
    if !directory.is_dir() {
        let text = format!("no such directory: {}", directory.display());
        return Err(CommandError::new(Exit::Failed, text)
            .fix(format!("keyreeve import {} PATH", import.from.name())));
    }
    let Some(name) = directory.to_str() else {
        let text = format!("path {} is not UTF-8", directory.display());
        return Err(CommandError::new(Exit::Usage, text));
    };
    let mut gathered = GatheredFiles {
        directory: name.to_owned(),
        is_default,
        files: Vec::new(),
        notes: Vec::new(),
    };
    for pattern in import.from.files() {
        gathered.read_matching(&directory, "", *pattern);
    }
    if import.path.is_none() {
        for directory in agent_directories(import.from, context) {
            let prefix = format!("{}/", directory.display());
            for pattern in import.from.agent_files() {
                gathered.read_matching(&directory, &prefix, pattern);
            }
        }
    }
    Ok(gathered)
}

/// Returns the program's directory: the given one, else the one in its variable, else the default one.
fn directory(import: &ImportArgs, context: &Context) -> Result<(PathBuf, bool), CommandError> {
    if let Some(path) = &import.path {
        let absolute = std::path::absolute(path)
            .map_err(|error| CommandError::new(Exit::Usage, "invalid path").caused_by(&error))?;
        return Ok((absolute, false));
    }
    if let Some(path) = import
        .from
        .directory_variable()
        .and_then(|name| path_in_variable(name, context))
    {
        return Ok((path, false));
    }
    match path_in_variable(variables::USER_HOME, context) {
        Some(home) => Ok((home.join(import.from.default_directory()), true)),
        None => Err(CommandError::new(
            Exit::Configuration,
            "HOME is not set, so there is no default directory",
        )
        .fix(format!("keyreeve import {} PATH", import.from.name()))),
    }
}

fn agent_directories(kind: ImportSource, context: &Context) -> impl Iterator<Item = PathBuf> {
    let directory = kind
        .agent_directory_variables()
        .iter()
        .find_map(|name| path_in_variable(name, context));
    directory.into_iter()
}

/// Returns the absolute path in a variable. A relative one is ignored: nothing is read from the working directory.
fn path_in_variable(variable: &str, context: &Context) -> Option<PathBuf> {
    let path = PathBuf::from(context.snapshot.environment.get(variable)?);
    path.is_absolute().then_some(path)
}

impl GatheredFiles {
    fn read_matching(&mut self, directory: &Path, prefix: &str, pattern: FilePattern) {
        for (path, relative) in matching(directory, prefix, pattern) {
            match read(&path, pattern.format) {
                Ok(None) => {}
                Ok(Some((text, exposed_mode))) => {
                    if let Some(mode) = exposed_mode {
                        let path = path.clone();
                        self.add_note(&FileError::FileOpenToOthers { path, mode });
                    }
                    self.files.push(FoundFile {
                        path: relative,
                        role: pattern.role,
                        text,
                    });
                }
                Err(note) => self.notes.push(note),
            }
        }
    }

    fn add_note(&mut self, error: &FileError) {
        let (text, hint) = (error.to_string(), error.fix_command());
        self.notes.push(ImportNote { text, hint });
    }
}

/// Returns the files that match a pattern, with their paths relative to the directory.
fn matching(directory: &Path, prefix: &str, pattern: FilePattern) -> Vec<(PathBuf, String)> {
    let mut matches = vec![(directory.to_owned(), String::new())];
    for component in pattern.path.split('/') {
        let mut deeper = Vec::new();
        for (directory, relative) in matches {
            let names = if component.contains('*') {
                list_names(&directory)
            } else {
                vec![component.to_owned()]
            };
            for name in names
                .iter()
                .filter(|name| FilePattern::matches(component, name))
            {
                let separator = if relative.is_empty() { "" } else { "/" };
                deeper.push((directory.join(name), format!("{relative}{separator}{name}")));
            }
        }
        matches = deeper;
    }
    let prefixed = |(path, relative)| (path, format!("{prefix}{relative}"));
    matches.into_iter().map(prefixed).collect()
}

type FileText = Option<(Zeroizing<String>, Option<u32>)>;

/// Reads a file; returns `None` if it does not exist.
fn read(path: &Path, format: FileFormat) -> Result<FileText, ImportNote> {
    let read = match format {
        FileFormat::Presence => check_foreign(path).map(|mode| (Zeroizing::default(), mode)),
        FileFormat::Text => match read_foreign(path, MAX_TEXT) {
            Ok(file) => return text(path, &file).map(Some),
            Err(error) => Err(error),
        },
        FileFormat::Database {
            table,
            key,
            row,
            value,
        } => {
            let cell = ForeignCell {
                table,
                key,
                row,
                value,
            };
            return database(path, cell);
        }
    };
    read.map(Some).or_else(|error| none_if_missing(&error))
}

fn text(path: &Path, file: &ForeignFile) -> Result<(Zeroizing<String>, Option<u32>), ImportNote> {
    match std::str::from_utf8(&file.bytes) {
        Ok(text) => Ok((Zeroizing::new(text.to_owned()), file.exposed_mode)),
        Err(_) => Err(unreadable_note(path, "not UTF-8 text", None)),
    }
}

fn database(path: &Path, cell: ForeignCell<'_>) -> Result<FileText, ImportNote> {
    let text = match read_foreign_text(path, cell, MAX_TEXT) {
        Ok(text) => text,
        Err(ForeignError::File(error)) => return none_if_missing(&error),
        Err(error @ ForeignError::Unfinished) => {
            let reason = format!("{error}; stop the program, then import again");
            return Err(unreadable_note(path, &reason, None));
        }
        Err(error @ (ForeignError::TooLong { .. } | ForeignError::Unreadable)) => {
            return Err(unreadable_note(path, &error.to_string(), None));
        }
    };
    let exposed_mode = check_foreign(path).ok().flatten();
    Ok(text.map(|text| (text, exposed_mode)))
}

/// Returns `None` for a missing file, and a note for any other error.
fn none_if_missing(error: &FileError) -> Result<FileText, ImportNote> {
    match error {
        FileError::Missing { .. } => Ok(None),
        FileError::System { source, .. } if source.kind() == std::io::ErrorKind::NotADirectory => {
            Ok(None)
        }
        other => Err(ImportNote {
            text: format!("Skipped a file: {other}"),
            hint: other.fix_command(),
        }),
    }
}

fn unreadable_note(path: &Path, reason: &str, hint: Option<String>) -> ImportNote {
    ImportNote {
        text: format!("Skipped {}: {reason}", path.display()),
        hint,
    }
}
