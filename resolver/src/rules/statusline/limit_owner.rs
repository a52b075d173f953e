//! Determines the owner of the limits that a session reports, and which limits are new.
//!
//! Invariant: only limits of the login in Claude Code's own directory have an owner: a token from a variable may belong
//! to another account, and a gateway may report anything.

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::limits::{Limit, LimitObservation, LimitOwner};

use super::SessionInput;
use crate::rules::resolve::{Location, Method, PayerClass, Resolution};
use crate::rules::snapshot::Snapshot;

/// Interval after which an unchanged limit is recorded again, to confirm that it is still current.
const REPEAT_INTERVAL: SignedDuration = SignedDuration::from_mins(1);

/// Returns the owner of the session's limits, or `None` if it cannot be determined.
pub fn limit_owner(snapshot: &Snapshot, resolution: &Resolution) -> Option<LimitOwner> {
    let slot = resolution.authorization.as_ref()?;
    match resolution.payer.class {
        PayerClass::Plan => {}
        PayerClass::OrganizationCredit
        | PayerClass::Cloud
        | PayerClass::Gateway
        | PayerClass::Conflict
        | PayerClass::NoPayer
        | PayerClass::Unknown => return None,
    }
    let path = match &slot.location {
        Location::Login { path } if slot.method == Method::Login => path,
        Location::Login { .. }
        | Location::Variable { .. }
        | Location::Setting { .. }
        | Location::SdkProfile { .. }
        | Location::Federation
        | Location::Profile { .. } => return None,
    };
    let (directory, _file) = path.rsplit_once('/')?;
    let home = snapshot
        .home
        .as_deref()
        .map(|home| home.trim_end_matches('/'));
    let is_default = home.is_some_and(|home| directory.strip_prefix(home) == Some("/.claude"));
    Some(LimitOwner::ClaudeCode {
        config_dir: (!is_default).then(|| directory.to_owned()),
    })
}

/// Returns the limits of `owner` that are new, or unchanged for at least a minute.
pub fn new_observations(
    owner: &LimitOwner,
    known: &[LimitObservation],
    input: &SessionInput,
    now: Timestamp,
) -> Vec<LimitObservation> {
    let is_new = |limit: &Limit| {
        let is_same_limit =
            |known: &&LimitObservation| known.owner == *owner && known.limit.kind == limit.kind;
        known.iter().find(is_same_limit).is_none_or(|known| {
            let old = &known.limit;
            let is_unchanged = (old.usage, old.resets_at) == (limit.usage, limit.resets_at);
            // A clock that was ahead may have recorded it with a time in the future.
            !is_unchanged || now.duration_since(old.observed_at).abs() >= REPEAT_INTERVAL
        })
    };
    let windows = input.windows.iter().filter(|limit| is_new(limit));
    LimitObservation::from_limits(owner, None, windows.cloned().collect())
}
