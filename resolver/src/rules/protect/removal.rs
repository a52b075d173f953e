//! The result of removing an insertion.

use zeroize::Zeroizing;

/// The result of removing an insertion.
#[derive(Clone, PartialEq, Eq)]
pub struct Removal {
    /// The new text, which may contain secrets of the user.
    pub text: Zeroizing<String>,
    /// The outcome.
    pub outcome: RemovalOutcome,
}

/// The outcome of removing an insertion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RemovalOutcome {
    /// The insertion was removed as a whole.
    Removed,
    /// The user has edited it: their part is kept.
    KeptEdits,
    /// The insertion is not in the text any more.
    Missing,
}

impl Removal {
    pub(super) fn new(text: String, outcome: RemovalOutcome) -> Self {
        Self {
            text: Zeroizing::new(text),
            outcome,
        }
    }
}
