//! The reasons protection cannot be added or undone.

use std::path::PathBuf;

use keyreeve_os::files::FileError;
use keyreeve_resolver::protect::StatusLineError;
use keyreeve_store::StoreError;

use crate::admin::AdminError;

/// Protection that cannot be added or undone.
#[derive(Debug, thiserror::Error)]
pub enum ProtectionError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The record is not one.
    #[error("{} is not a record of `keyreeve protect`", path.display())]
    Record {
        /// Its path.
        path: PathBuf,
        /// The parser's error.
        #[source]
        source: serde_json::Error,
    },
    /// The record cannot be encoded.
    #[error("cannot encode the record of `keyreeve protect`")]
    Encode(#[source] serde_json::Error),
    /// The status line cannot be added to this file.
    #[error("cannot add the status line to {}", path.display())]
    StatusLine {
        /// The settings file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: StatusLineError,
    },
    /// A binding or a profile cannot be changed.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
