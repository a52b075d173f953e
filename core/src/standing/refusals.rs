//! A credential that is refused again and again without a known reason: one such answer is the request's own affair,
//! several in a row are not.
//!
//! Invariants: only the API's own envelope counts, and only where neither its code nor its words say why; a success
//! clears the count, all else leaves it as it is. It is not worth remembering beyond the process.

use crate::verdict::{Effect, Verdict};

/// How many in a row block it.
pub const REFUSALS: u32 = 3;

/// Refusals counted, of one credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Refusals(u32);

impl Refusals {
    /// Counts what an answer means.
    #[must_use]
    pub fn heard(self, verdict: Verdict) -> Self {
        if verdict.is_unexplained_refusal() {
            return Self(self.0.saturating_add(1));
        }
        match verdict.effect() {
            Effect::None => Self::default(),
            Effect::Dead
            | Effect::Refresh
            | Effect::Blocked
            | Effect::OutOfCredit
            | Effect::SpentUntil
            | Effect::CoolUntil
            | Effect::CoolModelUntil
            | Effect::Transient
            | Effect::Feature
            | Effect::Request
            | Effect::Config => self,
        }
    }

    /// Whether there is nothing to remember.
    pub fn is_clear(self) -> bool {
        self == Self::default()
    }

    /// What they come to: [`Verdict::always_refused`] after [`REFUSALS`] of them.
    pub fn verdict(self) -> Option<Verdict> {
        (self.0 >= REFUSALS).then(Verdict::always_refused)
    }
}
