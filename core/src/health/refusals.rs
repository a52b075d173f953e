//! Counts consecutive unexplained 403s of one credential. A single one concerns its request; several in a row, for
//! different kinds of requests, block the credential.
//!
//! Invariants: only the API's own error envelope counts, and only if neither its code nor its wording gives a reason;
//! refusals of a single request class never block, so that a client that asks for a model or feature it may not use
//! cannot block the credential for other clients; a success resets the count, every other response leaves it unchanged.
//! The count lives in memory only and is not stored.

use crate::request_class::RequestClass;
use crate::verdict::{Verdict, VerdictEffect};

/// Number of consecutive refusals that blocks a credential.
pub const MAX_CONSECUTIVE_REFUSALS: u32 = 3;

/// The consecutive unexplained refusals of one credential.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConsecutiveRefusals {
    count: u32,
    classes: RequestClasses,
}

/// The request classes of the counted refusals.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum RequestClasses {
    #[default]
    None,
    /// Requests of one class, or of no known class.
    One(Option<RequestClass>),
    Several,
}

impl ConsecutiveRefusals {
    /// Updates the count with the verdict on a response to a request of `class`.
    #[must_use]
    pub fn observe(self, verdict: Verdict, class: Option<&RequestClass>) -> Self {
        if verdict.is_unexplained_refusal() {
            return Self {
                count: self.count.saturating_add(1),
                classes: self.classes.and(class),
            };
        }
        if verdict.effect() == VerdictEffect::None {
            Self::default()
        } else {
            self
        }
    }

    /// Returns `true` if no refusal is counted.
    pub fn is_clear(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the verdict `always_refused` after [`MAX_CONSECUTIVE_REFUSALS`] refusals of more than one class.
    pub fn verdict(&self) -> Option<Verdict> {
        let is_blocked =
            self.count >= MAX_CONSECUTIVE_REFUSALS && self.classes == RequestClasses::Several;
        is_blocked.then(Verdict::always_refused)
    }
}

impl RequestClasses {
    fn and(self, class: Option<&RequestClass>) -> Self {
        match self {
            Self::None => Self::One(class.cloned()),
            Self::One(one) if one.as_ref() == class => Self::One(one),
            Self::One(_) | Self::Several => Self::Several,
        }
    }
}
