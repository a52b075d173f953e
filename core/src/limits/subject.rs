//! Whose limit it is.

use jiff::Timestamp;

use crate::limits::{Limit, State, Which, Window};
use crate::profile::ProfileId;
use crate::standing::RequestClass;
use crate::virtual_key::KeyId;

/// Whose limits they are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    /// A profile of ours: its answers told.
    Profile(ProfileId),
    /// Claude Code's own login: its status line told.
    ClaudeCode {
        /// The configuration directory, as an absolute path; none: the usual one.
        config_dir: Option<String>,
    },
    /// The login that a client brought itself, under this virtual key.
    PassThrough(KeyId),
}

/// A limit, whose it is and what it is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Whose.
    pub subject: Subject,
    /// The class of requests that have it in common; none for a plan's windows, and where the request named no model.
    pub class: Option<RequestClass>,
    /// What was told.
    pub limit: Limit,
}

impl Seen {
    /// Puts together what an answer to a request of `class` told about `subject`. A plan's windows are not of a class.
    pub fn all(subject: &Subject, class: Option<&RequestClass>, limits: Vec<Limit>) -> Vec<Self> {
        let seen = |limit: Limit| Self {
            subject: subject.clone(),
            class: class.filter(|_| limit.which.is_per_class()).cloned(),
            limit,
        };
        limits.into_iter().map(seen).collect()
    }
}

/// The one of several limits that will be felt first, as far as can be told at `now`: a rejected one, else the one of
/// which most is used. None where each figure is of a window that has ended, or says nothing. What is bought beyond a plan
/// is no limit of the plan.
pub fn tightest<'a>(
    limits: impl IntoIterator<Item = &'a Seen>,
    now: Timestamp,
) -> Option<&'a Seen> {
    let tightness = |Seen { limit, .. }: &Seen| {
        let is_rejected = limit.state == Some(State::Rejected);
        (is_rejected, limit.used())
    };
    let counts = |Seen { limit, .. }: &&Seen| {
        limit.which != Which::Plan(Window::Overage) && !limit.has_reset(now)
    };
    limits
        .into_iter()
        .filter(counts)
        .filter(|seen| tightness(seen) != (false, None))
        .max_by_key(|seen| tightness(seen))
}
