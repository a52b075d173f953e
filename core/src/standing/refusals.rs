//! A credential that is refused again and again without a known reason: one such answer is the request's own affair,
//! several in a row, to different kinds of requests, are not.
//!
//! Invariants: only the API's own envelope counts, and only where neither its code nor its words say why; refusals of one
//! class of requests come to nothing, so that whoever asks for a model or a feature that is not granted takes the
//! credential from nobody; a success clears the count, all else leaves it as it is. It is not worth remembering beyond
//! the process.

use super::scope::RequestClass;
use crate::verdict::{Effect, Verdict};

/// How many in a row block it.
pub const REFUSALS: u32 = 3;

/// Refusals counted, of one credential.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Refusals {
    count: u32,
    classes: Classes,
}

/// What was asked when they came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Classes {
    #[default]
    None,
    /// Requests of one class; or such as name none.
    One(Option<RequestClass>),
    Several,
}

impl Refusals {
    /// Counts what an answer to a request of `class` means.
    #[must_use]
    pub fn heard(self, verdict: Verdict, class: Option<&RequestClass>) -> Self {
        if verdict.is_unexplained_refusal() {
            return Self {
                count: self.count.saturating_add(1),
                classes: self.classes.and(class),
            };
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
    pub fn is_clear(&self) -> bool {
        *self == Self::default()
    }

    /// What they come to: [`Verdict::always_refused`] after [`REFUSALS`] of them, of more than one class.
    pub fn verdict(&self) -> Option<Verdict> {
        let too_many = self.count >= REFUSALS && self.classes == Classes::Several;
        too_many.then(Verdict::always_refused)
    }
}

impl Classes {
    fn and(self, class: Option<&RequestClass>) -> Self {
        match self {
            Self::None => Self::One(class.cloned()),
            Self::One(one) if one.as_ref() == class => Self::One(one),
            Self::One(_) | Self::Several => Self::Several,
        }
    }
}
