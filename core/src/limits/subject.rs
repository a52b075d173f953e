//! Whose limit it is.

use crate::limits::Limit;
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
