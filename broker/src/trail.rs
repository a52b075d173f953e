//! One request's way through its attempts: what was tried, how long it may still take, and for how long it was waited.
//!
//! Invariants: a request has [`MOST_ATTEMPTS`] at the most, and begins no further one after its client has stopped waiting;
//! it waits for no limit whose end is beyond its patience, of which all its waits together are taken.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::profile::{Name, Profile, ProfileId};
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::select::{Further, MOST_ATTEMPTS, Tried};
use keyreeve_core::verdict::Verdict;
use tokio::time::Instant;

use crate::Lease;

/// The attempts of one request.
#[derive(Clone, Debug)]
pub struct Trail {
    tried: Vec<Tried>,
    attempts: u32,
    last: Option<Left>,
    /// The credential that was refused last, where its source may have another by now.
    refused: Option<(ProfileId, Fingerprint)>,
    ends: Instant,
    patience: Duration,
}

/// The profile that was left, and what made it so.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    pub(crate) profile: Name,
    pub(crate) verdict: &'static str,
}

/// What an attempt brought.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Brought {
    /// An error of this status, known whole, of which the client has seen nothing.
    Error(u16),
    /// No connection: nothing was sent.
    NoConnection,
    /// An answer on its way; or nothing that is known, though something may have been produced that is billed.
    Something,
}

/// What becomes of a request after an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Next {
    /// The answer stands.
    Stands,
    /// Another attempt may be made, if a profile is there for it.
    MayGoOn,
}

impl Trail {
    /// Begins. No further attempt is begun after `ends`, and the ends of limits are waited for within `patience`.
    pub fn new(ends: Instant, patience: Duration) -> Self {
        Self {
            tried: Vec::new(),
            attempts: 0,
            last: None,
            refused: None,
            ends,
            patience,
        }
    }

    /// Takes in what came of an attempt, and says whether another may follow.
    pub fn after(&mut self, lease: &Lease, verdict: Verdict, brought: Brought) -> Next {
        self.attempts += 1;
        let status = match brought {
            Brought::Error(status) => Some(status),
            Brought::NoConnection => None,
            Brought::Something => return Next::Stands,
        };
        let Some(further) = Further::after(verdict, status, lease.kept()) else {
            return Next::Stands;
        };
        if further == Further::WithItsSecretRenewed {
            self.refused = Some((lease.profile.id, lease.fingerprint().clone()));
        }
        self.leave(&lease.profile, verdict.code(), further);
        if self.attempts < MOST_ATTEMPTS && !self.is_over() {
            Next::MayGoOn
        } else {
            Next::Stands
        }
    }

    /// Whether it is too late for a further attempt. The first is always made: its client is there until it goes.
    pub(crate) fn is_over(&self) -> bool {
        self.attempts > 0 && self.time_left().is_zero()
    }

    /// For how long the client still waits.
    pub(crate) fn time_left(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }

    /// What was tried, in order.
    pub(crate) fn tried(&self) -> &[Tried] {
        &self.tried
    }

    /// The number of the next attempt, from 1.
    pub(crate) fn number(&self) -> u32 {
        self.attempts + 1
    }

    /// Who was left last in this request.
    pub(crate) fn left(&self) -> Option<&Left> {
        self.last.as_ref()
    }

    /// Up to when a limit's end is waited for, if it is `now`.
    pub(crate) fn wait_until(&self, now: Timestamp) -> Timestamp {
        let wait = self.time_left().min(self.patience);
        let wait = SignedDuration::try_from(wait).unwrap_or_default();
        now.checked_add(wait).unwrap_or(now)
    }

    /// Notes that it was waited.
    pub(crate) fn waited(&mut self, time: Duration) {
        self.patience = self.patience.saturating_sub(time);
    }

    /// Whether this credential was refused in this request.
    pub(crate) fn has_refused(&self, profile: ProfileId, credential: &Fingerprint) -> bool {
        self.refused
            .as_ref()
            .is_some_and(|(whose, refused)| *whose == profile && refused == credential)
    }

    /// Leaves a profile out of what follows, because its secret cannot be had.
    pub(crate) fn pass_over(&mut self, profile: &Profile) {
        self.leave(profile, "no_secret", Further::AnotherCredential);
    }

    /// Leaves a profile out of what follows that was refused before: its source gave the same secret again.
    pub(crate) fn not_renewed(&mut self, profile: &Profile) {
        self.tried.push(tried(profile, Further::AnotherCredential));
    }

    fn leave(&mut self, profile: &Profile, verdict: &'static str, further: Further) {
        self.tried.push(tried(profile, further));
        self.last = Some(Left {
            profile: profile.name.clone(),
            verdict,
        });
    }
}

fn tried(profile: &Profile, further: Further) -> Tried {
    Tried {
        profile: profile.id,
        origin: profile.base_url.origin().clone(),
        further,
    }
}
