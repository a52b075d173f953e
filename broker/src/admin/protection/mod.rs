//! Protection of a machine: what `protect` adds to the user's files and bindings, recorded so that it can be undone.
//!
//! Invariants: an addition is in the record before it is on disk; the record contains no secret, only positions, hashes
//! and keyreeve's own text; undoing restores a file to the byte if nothing else changed in it, and otherwise removes
//! only what was added.

mod bindings;
mod edit;
mod error;
mod record;
mod undo;

use std::path::{Path, PathBuf};

use keyreeve_os::files::{CreateDir, FileError, SafeDir};

pub use bindings::{BoundPayer, UndoneBinding};
pub use edit::{Addition, PlannedEdit, plan_edit};
pub use error::ProtectionError;
pub use undo::{FileUndo, LineChange, UndoResult};

use record::Record;

use crate::wire::ProtectedPartView;

/// Name of the record in keyreeve's data directory.
const RECORD_NAME: &str = "protect.json";

/// Maximum size of the record in bytes.
const MAX_RECORD_BYTES: usize = 1024 * 1024;

/// The record of what protects this machine.
pub struct Protection {
    data: PathBuf,
    record: Record,
}

/// A part of the protection in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProtectedPart {
    /// A noun phrase for it, such as `hook`.
    pub name: &'static str,
    /// The file.
    pub path: PathBuf,
    /// `true` if it is still there as it was added.
    pub is_intact: bool,
}

impl From<&ProtectedPart> for ProtectedPartView {
    fn from(part: &ProtectedPart) -> Self {
        Self {
            name: part.name,
            path: part.path.to_string_lossy().into_owned(),
            intact: part.is_intact,
        }
    }
}

impl Protection {
    /// Reads the record in keyreeve's data directory; without one, nothing is protected.
    ///
    /// # Errors
    /// [`ProtectionError`] if it cannot be read.
    pub fn open(data: &Path) -> Result<Self, ProtectionError> {
        let read = SafeDir::open(data, CreateDir::Never)
            .and_then(|directory| directory.read(RECORD_NAME, MAX_RECORD_BYTES));
        let record = match read {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|source| ProtectionError::Record {
                    path: data.join(RECORD_NAME),
                    source,
                })?
            }
            Err(FileError::Missing { .. }) => Record::default(),
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            data: data.to_owned(),
            record,
        })
    }

    /// Returns `true` if nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.record.is_empty()
    }

    /// Returns the recorded parts in files, in the order in which they were added.
    pub fn parts(&self) -> Vec<ProtectedPart> {
        self.record.files.iter().flat_map(edit::parts).collect()
    }

    /// Returns the directories that were bound.
    pub fn bound_directories(&self) -> Vec<String> {
        let bindings = self.record.bindings.iter();
        bindings.map(|binding| binding.directory.clone()).collect()
    }

    fn save(&self) -> Result<(), ProtectionError> {
        let directory = SafeDir::open(&self.data, CreateDir::IfMissing)?;
        if self.record.is_empty() {
            return Ok(directory.remove(RECORD_NAME)?);
        }
        let text = serde_json::to_vec_pretty(&self.record).map_err(ProtectionError::Encode)?;
        Ok(directory.replace(RECORD_NAME, &text)?)
    }
}
