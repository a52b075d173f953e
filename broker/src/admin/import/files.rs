//! Reads the other program's files, and notes the ones that are unreadable or open to other users.

use std::path::{Path, PathBuf};

use keyreeve_os::environment::Environment;
use keyreeve_os::files::{FileError, ForeignFile, check_foreign, list_names, read_foreign};
use keyreeve_resolver::import::{
    FileFormat, FilePattern, FileRole, FoundFile, ImportNote, ImportSource,
};
use keyreeve_store::{ForeignCell, ForeignError, read_foreign_text};
use zeroize::Zeroizing;

use crate::admin::AdminError;

/// Maximum size of a file, or of a text in a database, in bytes.
const MAX_TEXT: usize = 1024 * 1024;

/// The same for Claude Code's state, which grows with its history.
const MAX_STATE: usize = 16 * 1024 * 1024;

/// The other program's files. Has no `Debug`, because it may contain tokens.
pub struct ImportFiles {
    pub(super) program: ImportSource,
    directory: String,
    /// `true` for the default directory, to which references need no path.
    is_default: bool,
    pub(super) files: Vec<FoundFile>,
    /// Notes about unreadable or exposed files.
    pub(super) notes: Vec<ImportNote>,
}

impl ImportFiles {
    /// Finds and reads the files of a program, in the given directory, or else in the usual one.
    ///
    /// # Errors
    /// [`AdminError::NoImportDirectory`], [`AdminError::NoDefaultDirectory`], [`AdminError::InvalidPath`],
    /// [`AdminError::PathNotText`].
    pub fn read(
        program: ImportSource,
        given: Option<&Path>,
        environment: &Environment,
    ) -> Result<Self, AdminError> {
        let (path, is_default) = find_directory(program, given, environment)?;
        if !path.is_dir() {
            return Err(AdminError::NoImportDirectory { program, path });
        }
        let Some(directory) = path.to_str() else {
            return Err(AdminError::PathNotText(path));
        };
        let mut read = Self {
            program,
            directory: directory.to_owned(),
            is_default,
            files: Vec::new(),
            notes: Vec::new(),
        };
        for pattern in program.files() {
            read.read_matching(&path, "", *pattern);
        }
        if let (true, Some(parent)) = (is_default, path.parent()) {
            for pattern in program.files_next_to_directory() {
                read.read_matching(parent, "../", pattern);
            }
        }
        if given.is_none()
            && let Some(directory) = agent_directory(program, environment)
        {
            let prefix = format!("{}/", directory.display());
            for pattern in program.agent_files() {
                read.read_matching(&directory, &prefix, pattern);
            }
        }
        Ok(read)
    }

    /// Returns the directory.
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// Returns the directory if references to its files need it.
    pub(super) fn reference_directory(&self) -> Option<&str> {
        (!self.is_default).then_some(&self.directory)
    }

    fn read_matching(&mut self, directory: &Path, prefix: &str, pattern: FilePattern) {
        for (path, relative) in matching(directory, prefix, pattern) {
            match read(&path, pattern) {
                Ok(None) => {}
                Ok(Some((text, _))) if pattern.role.is_irrelevant(&text) => {}
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

/// Returns the program's directory, and whether it is the default one: the given one, else the one in its variable, else
/// the default one.
fn find_directory(
    program: ImportSource,
    given: Option<&Path>,
    environment: &Environment,
) -> Result<(PathBuf, bool), AdminError> {
    if let Some(path) = given {
        let absolute = std::path::absolute(path).map_err(AdminError::InvalidPath)?;
        return Ok((absolute, false));
    }
    let selected = program.directory_variable();
    if let Some(path) = selected.and_then(|name| path_in_variable(name, environment)) {
        return Ok((path, false));
    }
    let home = path_in_variable("HOME", environment);
    home.map(|home| (home.join(program.default_directory()), true))
        .ok_or(AdminError::NoDefaultDirectory { program })
}

fn agent_directory(program: ImportSource, environment: &Environment) -> Option<PathBuf> {
    let mut variables = program.agent_directory_variables().iter();
    variables.find_map(|name| path_in_variable(name, environment))
}

/// Returns the absolute path in a variable. A relative one is ignored: nothing is read from the working directory.
fn path_in_variable(variable: &str, environment: &Environment) -> Option<PathBuf> {
    let path = PathBuf::from(environment.get(variable)?);
    path.is_absolute().then_some(path)
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
fn read(path: &Path, pattern: FilePattern) -> Result<FileText, ImportNote> {
    let max = match pattern.role {
        FileRole::State => MAX_STATE,
        FileRole::Config
        | FileRole::AuthProfiles
        | FileRole::AuthState
        | FileRole::OlderAuth
        | FileRole::Settings
        | FileRole::Login
        | FileRole::SdkProfile
        | FileRole::ActiveConfig => MAX_TEXT,
    };
    let read = match pattern.format {
        FileFormat::Presence => check_foreign(path).map(|mode| (Zeroizing::default(), mode)),
        FileFormat::Text => match read_foreign(path, max) {
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
