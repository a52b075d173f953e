//! The record of what was added, as JSON in keyreeve's data directory.
//!
//! Invariant: no text of the user's files is in it, only hashes of whole files and lines.

use std::path::PathBuf;

use keyreeve_resolver::protect::{CommentMark, Insertion};
use serde::{Deserialize, Serialize};

/// Everything that was added.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Record {
    /// The files that were changed or created.
    pub(super) files: Vec<FileRecord>,
    /// The directories that were bound.
    pub(super) bindings: Vec<BindingRecord>,
    /// The ids of profiles that were added.
    pub(super) profiles: Vec<String>,
}

/// A file that was changed or created.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct FileRecord {
    /// The path, with symbolic links resolved.
    pub(super) path: PathBuf,
    /// Hash of the file without our insertions, or `None` if we created it.
    pub(super) before: Option<String>,
    /// Hash of the file after the last insertion.
    pub(super) after: String,
    /// Directories that were created for it, the outermost first.
    pub(super) created_directories: Vec<PathBuf>,
    /// The insertions, in the order in which they were made.
    pub(super) insertions: Vec<InsertionRecord>,
    /// The backups, with the hash of each.
    pub(super) backups: Vec<BackupRecord>,
}

/// A backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct BackupRecord {
    /// Its path.
    pub(super) path: PathBuf,
    /// Hash of its content.
    pub(super) hash: String,
}

/// An insertion.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum InsertionRecord {
    /// A block of a shell's startup file.
    Block {
        /// The inserted text.
        text: String,
    },
    /// The status line.
    StatusLine {
        /// The inserted text.
        text: String,
        /// The command.
        command: String,
    },
    /// A mark that comments out a line.
    Comment {
        /// Position of the mark in the line.
        offset: usize,
        /// The mark.
        mark: String,
        /// Hash of the line with the mark.
        line: String,
    },
    /// The whole file, a shim.
    Shim,
}

/// A directory that was bound.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct BindingRecord {
    /// The directory.
    pub(super) directory: String,
    /// The binding before, or `None` if there was none.
    pub(super) before: Option<PayerRecord>,
    /// The binding that was made.
    pub(super) after: PayerRecord,
}

/// The payer of a binding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct PayerRecord {
    /// The id of the profile.
    pub(super) profile: Option<String>,
    /// The expected payer.
    pub(super) expect: Option<String>,
}

impl Record {
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.bindings.is_empty() && self.profiles.is_empty()
    }
}

impl InsertionRecord {
    /// Returns a noun phrase for it.
    pub(super) fn name(&self) -> &'static str {
        use keyreeve_resolver::protect::BlockKind;

        match self {
            Self::Block { text } => {
                let mut kinds = BlockKind::ALL.into_iter();
                kinds
                    .find(|kind| kind.is_in(text))
                    .map_or("block", BlockKind::name)
            }
            Self::StatusLine { .. } => "status line",
            Self::Comment { .. } => "commented-out key",
            Self::Shim => "shim",
        }
    }

    /// Returns the insertion in a file that existed, or `None` for a file of our own.
    pub(super) fn insertion(&self) -> Option<Insertion> {
        Some(match self {
            Self::Block { text } => Insertion::Block(text.clone()),
            Self::StatusLine { text, command } => Insertion::StatusLine {
                text: text.clone(),
                command: command.clone(),
            },
            Self::Comment { offset, mark, .. } => Insertion::Comment(CommentMark {
                offset: *offset,
                mark: mark.clone(),
            }),
            Self::Shim => return None,
        })
    }

    /// Returns `true` if it is the mark of this line.
    pub(super) fn is_commented_line(&self, content: &str) -> bool {
        match self {
            Self::Comment { line, .. } => *line == hash(content),
            Self::Block { .. } | Self::StatusLine { .. } | Self::Shim => false,
        }
    }
}

/// Hashes a text.
pub(super) fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}
