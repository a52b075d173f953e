//! Text that may be a secret, such as a value in a file of the user.
//!
//! Invariants: it is never printed, not even by `Debug`; it is overwritten when dropped.

use std::fmt;

use zeroize::Zeroizing;

/// Text that may be a secret: it is never printed, and overwritten when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct HiddenText(Zeroizing<String>);

impl HiddenText {
    /// Hides a text.
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Returns the text, to inspect and never to print.
    pub fn inspect(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HiddenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}
