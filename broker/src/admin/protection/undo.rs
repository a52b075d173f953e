//! Undoing the protection of files.

use std::path::PathBuf;

use keyreeve_os::files::{FileEdit, FileError};
use keyreeve_resolver::finding::{ScriptKind, propose};
use keyreeve_resolver::protect::RemovalOutcome;
use zeroize::Zeroizing;

use super::record::{BackupRecord, FileRecord, InsertionRecord, hash};
use super::{Protection, ProtectionError};

/// A file from which our additions were removed.
#[derive(Debug)]
pub struct FileUndo {
    /// The file.
    pub path: PathBuf,
    /// The result.
    pub result: UndoResult,
    /// The changed lines, with secrets redacted; empty if the file is as it was before.
    pub changes: Vec<LineChange>,
    /// The backups that were removed, because the file is as it was before.
    pub removed_backups: Vec<PathBuf>,
    /// The backups that remain.
    pub remaining_backups: Vec<PathBuf>,
}

/// The result of undoing the protection of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UndoResult {
    /// The file is as it was before, to the byte.
    Restored,
    /// The file that we created is removed.
    Deleted,
    /// Our part is removed, and the user's changes are kept.
    KeptEdits,
    /// Our part was gone already, or the user changed it: the file is left as it is.
    LeftAlone,
}

/// Lines that were removed, and those in their place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineChange {
    /// The lines before.
    pub removed: Vec<String>,
    /// The lines after.
    pub added: Vec<String>,
}

impl Protection {
    /// Removes our additions from all files, the newest first. A file that cannot be changed stays in the record.
    ///
    /// # Errors
    /// [`ProtectionError`] if the record cannot be written.
    pub fn undo_files(&mut self) -> Result<Vec<Result<FileUndo, FileError>>, ProtectionError> {
        let mut undone = Vec::new();
        for file in std::mem::take(&mut self.record.files).into_iter().rev() {
            let result = undo_file(&file);
            if result.is_err() {
                self.record.files.insert(0, file);
            }
            undone.push(result);
        }
        self.save()?;
        Ok(undone)
    }
}

fn undo_file(file: &FileRecord) -> Result<FileUndo, FileError> {
    let edit = match FileEdit::open(&file.path) {
        Ok(edit) => edit,
        Err(_) if file.path.symlink_metadata().is_err() => {
            return Ok(undo_result(file, UndoResult::LeftAlone, Vec::new()));
        }
        Err(error) => return Err(error),
    };
    let is_unchanged = hash(edit.text()) == file.after;
    let (text, changes) = remove_insertions(file, edit.text());
    let result = match &file.before {
        _ if *text == *edit.text() && !is_unchanged => UndoResult::LeftAlone,
        None if text.trim().is_empty() || (is_unchanged && is_whole_file(file)) => {
            edit.remove()?;
            for directory in file.created_directories.iter().rev() {
                // One that the user has put files into stays.
                std::fs::remove_dir(directory).ok();
            }
            UndoResult::Deleted
        }
        before => {
            edit.replace_without_backup(&text)?;
            if before.as_ref().is_some_and(|before| *before == hash(&text)) && is_unchanged {
                UndoResult::Restored
            } else {
                UndoResult::KeptEdits
            }
        }
    };
    Ok(undo_result(file, result, changes))
}

fn is_whole_file(file: &FileRecord) -> bool {
    file.insertions
        .iter()
        .all(|insertion| insertion.insertion().is_none())
}

fn undo_result(file: &FileRecord, result: UndoResult, changes: Vec<LineChange>) -> FileUndo {
    let (removed, remaining): (Vec<_>, Vec<_>) = match result {
        UndoResult::Restored => file.backups.iter().partition(|it| remove_backup(it)),
        UndoResult::Deleted | UndoResult::KeptEdits | UndoResult::LeftAlone => {
            (Vec::new(), file.backups.iter().collect())
        }
    };
    let paths = |backups: Vec<&BackupRecord>| backups.iter().map(|it| it.path.clone()).collect();
    FileUndo {
        path: file.path.clone(),
        result,
        changes: match result {
            UndoResult::Restored | UndoResult::Deleted => Vec::new(),
            UndoResult::KeptEdits | UndoResult::LeftAlone => changes,
        },
        removed_backups: paths(removed),
        remaining_backups: paths(remaining),
    }
}

/// Removes a backup whose content is in the restored file. Returns `false` if it was changed.
fn remove_backup(backup: &BackupRecord) -> bool {
    match FileEdit::open(&backup.path) {
        Ok(edit) if hash(edit.text()) == backup.hash => edit.remove().is_ok(),
        Ok(_) | Err(_) => false,
    }
}

/// Removes the insertions from a text, the newest first, and returns the changes in the order of the file.
fn remove_insertions(file: &FileRecord, text: &str) -> (Zeroizing<String>, Vec<LineChange>) {
    let mut text = Zeroizing::new(text.to_owned());
    let mut changes = Vec::new();
    for record in file.insertions.iter().rev() {
        let Some(insertion) = record.insertion() else {
            continue;
        };
        let removed = insertion.remove(&text, |line| record.is_commented_line(line));
        match removed.outcome {
            RemovalOutcome::Missing => {}
            RemovalOutcome::Removed | RemovalOutcome::KeptEdits => {
                changes.extend(change(record, (&text, &removed.text), file));
                text = removed.text;
            }
        }
    }
    changes.reverse();
    (text, changes)
}

/// Returns the changed lines, of which only one that was commented out can contain a secret.
fn change(
    record: &InsertionRecord,
    (before, after): (&str, &str),
    file: &FileRecord,
) -> Option<LineChange> {
    let old: Vec<&str> = before.lines().collect();
    let new: Vec<&str> = after.lines().collect();
    let start = old.iter().zip(&new).take_while(|(one, two)| one == two);
    let start = start.count();
    let pairs = old[start..].iter().rev().zip(new[start..].iter().rev());
    let end = pairs.take_while(|(one, two)| one == two).count();
    let lines = |lines: &[&str]| {
        let changed = lines.get(start..lines.len() - end).unwrap_or_default();
        changed.iter().map(|line| (*line).to_owned()).collect()
    };
    match record {
        InsertionRecord::Comment { .. } => {
            let kind = ScriptKind::guess(&file.path.to_string_lossy());
            let proposal = propose(after, start + 1, kind)?;
            Some(LineChange {
                removed: vec![proposal.after],
                added: vec![proposal.before],
            })
        }
        InsertionRecord::Block { .. } | InsertionRecord::StatusLine { .. } => Some(LineChange {
            removed: lines(&old),
            added: lines(&new),
        }),
        InsertionRecord::Shim => None,
    }
}
