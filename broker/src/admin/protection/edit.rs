//! Additions to files: planned, so that the user can see them first, then recorded and written.

use std::path::{Path, PathBuf};

use keyreeve_os::files::{FileEdit, FileError};
use keyreeve_resolver::protect::{CommentMark, RemovalOutcome, ShellBlock, StatusLineCommand};
use zeroize::Zeroizing;

use super::record::{BackupRecord, FileRecord, InsertionRecord, hash};
use super::{ProtectedPart, Protection, ProtectionError};

/// Something to add to a file.
#[derive(Clone, Copy, Debug)]
pub enum Addition<'a> {
    /// A block of a shell's startup file.
    Block(&'a ShellBlock),
    /// Claude Code's status line.
    StatusLine(&'a StatusLineCommand),
    /// A shim: the whole file.
    Shim(&'a str),
}

/// An addition that can be shown and then applied.
pub struct PlannedEdit {
    path: PathBuf,
    /// `None` if the file is to be created.
    existing: Option<FileEdit>,
    text: Zeroizing<String>,
    insertion: InsertionRecord,
    inserted: String,
}

/// Plans an addition to a file, or returns `None` if it is there already.
///
/// # Errors
/// [`ProtectionError`] if the file cannot be read, or must not be changed.
pub fn plan_edit(
    path: &Path,
    addition: Addition<'_>,
) -> Result<Option<PlannedEdit>, ProtectionError> {
    let existing = match FileEdit::open(path) {
        Ok(edit) => Some(edit),
        // A dangling link is not missing: it is never replaced.
        Err(_) if path.symlink_metadata().is_err() => None,
        Err(error) => return Err(error.into()),
    };
    let current = existing.as_ref().map_or("", FileEdit::text);
    let added = match addition {
        Addition::Block(block) => block.appended_to(current).map(|inserted| {
            let text = format!("{current}{inserted}");
            let record = InsertionRecord::Block {
                text: inserted.clone(),
            };
            (text, record, inserted)
        }),
        Addition::StatusLine(line) => added_status_line(path, current, line)?,
        Addition::Shim(script) => {
            let is_there = current == script;
            if existing.is_some() && !is_there {
                return Err(FileError::Exists {
                    path: path.to_owned(),
                }
                .into());
            }
            let script = script.to_owned();
            (!is_there).then(|| (script.clone(), InsertionRecord::Shim, script))
        }
    };
    let path = existing.as_ref().map_or(path, FileEdit::path).to_owned();
    Ok(added.map(|(text, insertion, inserted)| PlannedEdit {
        path,
        text: Zeroizing::new(text),
        insertion,
        inserted,
        existing,
    }))
}

type AddedText = (String, InsertionRecord, String);

fn added_status_line(
    path: &Path,
    current: &str,
    line: &StatusLineCommand,
) -> Result<Option<AddedText>, ProtectionError> {
    let added = line.added_to(current);
    let added = added.map_err(|source| ProtectionError::StatusLine {
        path: path.to_owned(),
        source,
    })?;
    Ok(added.map(|(new, text)| {
        let command = line.command.clone();
        let inserted = text.clone();
        (new, InsertionRecord::StatusLine { text, command }, inserted)
    }))
}

impl PlannedEdit {
    /// Returns the file, with symbolic links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns `true` if the file is to be created.
    pub fn is_new_file(&self) -> bool {
        self.existing.is_none()
    }

    /// Returns the text to insert.
    pub fn inserted(&self) -> &str {
        &self.inserted
    }
}

impl Protection {
    /// Records an addition and writes it, after a backup. Returns the backup, unless an earlier one is enough.
    ///
    /// # Errors
    /// [`ProtectionError`].
    pub fn apply(
        &mut self,
        planned: PlannedEdit,
        label: &str,
    ) -> Result<Option<PathBuf>, ProtectionError> {
        let PlannedEdit {
            path,
            existing,
            text,
            insertion,
            inserted: _,
        } = planned;
        let old = existing.as_ref().map(FileEdit::text);
        let has_backup = self.has_backup(&path, old);
        self.note_change(&path, (old, &text), vec![insertion]);
        self.save()?;
        let backup = match existing {
            Some(edit) if has_backup => {
                edit.replace_without_backup(&text)?;
                None
            }
            Some(edit) => {
                let old = hash(edit.text());
                let backup = edit.replace(&text, label)?;
                self.note_backup(&path, backup.clone(), old);
                Some(backup)
            }
            None => {
                let created = FileEdit::create(&path, &text)?;
                if let Some(file) = self.file_mut(&path) {
                    file.created_directories = created;
                }
                None
            }
        };
        self.save()?;
        Ok(backup)
    }

    /// Records lines that were commented out in a file, and its backup.
    ///
    /// # Errors
    /// [`ProtectionError`] if the record cannot be written.
    pub fn record_comments(
        &mut self,
        path: &Path,
        (before, after): (&str, &str),
        backup: PathBuf,
    ) -> Result<(), ProtectionError> {
        let changed = before.lines().zip(after.lines());
        let marks = changed.filter_map(|(old, new)| {
            let CommentMark { offset, mark } = CommentMark::between(old, new)?;
            let line = hash(new);
            Some(InsertionRecord::Comment { offset, mark, line })
        });
        self.note_change(path, (Some(before), after), marks.collect());
        self.note_backup(path, backup, hash(before));
        self.save()
    }

    fn file_mut(&mut self, path: &Path) -> Option<&mut FileRecord> {
        self.record.files.iter_mut().find(|file| file.path == path)
    }

    /// Returns `true` if the file before our changes is in a backup, or did not exist, and nothing else changed since.
    fn has_backup(&self, path: &Path, current: Option<&str>) -> bool {
        let mut files = self.record.files.iter();
        let file = files.find(|file| file.path == path);
        let unchanged = file.filter(|file| current.is_some_and(|text| hash(text) == file.after));
        unchanged.is_some_and(|file| {
            file.before.is_none() || file.backups.iter().any(|backup| backup.path.exists())
        })
    }

    fn note_change(
        &mut self,
        path: &Path,
        (old, new): (Option<&str>, &str),
        insertions: Vec<InsertionRecord>,
    ) {
        if let Some(file) = self.file_mut(path) {
            // The part that the user removed since is not ours any more.
            if let Some(old) = old.filter(|old| hash(old) != file.after) {
                file.insertions.retain(|it| is_intact(it, old));
                let own = without(&file.insertions, old);
                file.before = file.before.as_ref().map(|_| hash(&own));
            }
            file.after = hash(new);
            file.insertions.extend(insertions);
            return;
        }
        self.record.files.push(FileRecord {
            path: path.to_owned(),
            before: old.map(hash),
            after: hash(new),
            created_directories: Vec::new(),
            insertions,
            backups: Vec::new(),
        });
    }

    fn note_backup(&mut self, path: &Path, backup: PathBuf, hash: String) {
        if let Some(file) = self.file_mut(path) {
            file.backups.push(BackupRecord { path: backup, hash });
        }
    }
}

/// Returns the parts that a file contains.
pub(super) fn parts(file: &FileRecord) -> impl Iterator<Item = ProtectedPart> + '_ {
    let text = FileEdit::open(&file.path).ok();
    file.insertions.iter().map(move |insertion| ProtectedPart {
        name: insertion.name(),
        path: file.path.clone(),
        is_intact: text
            .as_ref()
            .is_some_and(|edit| is_intact(insertion, edit.text())),
    })
}

fn is_intact(insertion: &InsertionRecord, text: &str) -> bool {
    let Some(removable) = insertion.insertion() else {
        return !text.is_empty();
    };
    let removed = removable.remove(text, |line| insertion.is_commented_line(line));
    match removed.outcome {
        RemovalOutcome::Removed => true,
        RemovalOutcome::KeptEdits | RemovalOutcome::Missing => false,
    }
}

/// Returns a text without our insertions.
fn without(insertions: &[InsertionRecord], text: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(text.to_owned());
    for insertion in insertions.iter().rev() {
        if let Some(removable) = insertion.insertion() {
            text = removable
                .remove(&text, |line| insertion.is_commented_line(line))
                .text;
        }
    }
    text
}
