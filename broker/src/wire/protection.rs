//! The protection of a machine.

use serde::Serialize;

/// The protection of a machine, and what a command changed about it.
#[derive(Debug, Serialize)]
pub struct ProtectionView {
    /// The payer of Claude Code here, as a sentence.
    pub payer: String,
    /// Changes made, as sentences.
    pub changes: Vec<String>,
    /// The parts in files.
    pub parts: Vec<ProtectedPartView>,
    /// The directories that were bound.
    pub bindings: Vec<String>,
}

/// A part in a file.
#[derive(Debug, Serialize)]
pub struct ProtectedPartView {
    /// Its name: `hook`, `status line`, `claude function`, `claude shim`, `shim` or `commented-out key`.
    pub name: &'static str,
    /// The path of the file.
    pub path: String,
    /// `true` if it is still there as it was added.
    pub intact: bool,
}
