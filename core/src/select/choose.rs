//! Chooses the profile for the next attempt: affinity, then strategy, then early probe or wait.

use jiff::Timestamp;

use super::conversation::CacheBenefit;
use super::no_profile::{ExcludedProfiles, NoProfileError};
use super::retry::{Eligibility, FailedAttempt, RetryWith, eligibility};
use super::selection::{LeaseMode, PinUpdate, Reason, SelectedProfile, Selection};
use crate::health::{CooldownReason, EarlyProbe, Readiness};
use crate::profile::{BillingClass, Profile, ProfileId};
use crate::virtual_key::{Strategy, VirtualKey};

/// The input for choosing the profile of a request's next attempt.
#[derive(Clone, Copy, Debug)]
pub struct SelectionInput<'a> {
    /// The virtual key of the client.
    pub key: &'a VirtualKey,
    /// The failed attempts of this request so far.
    pub failed_attempts: &'a [FailedAttempt],
    /// The profile that its conversation is pinned to (affinity).
    pub pinned: Option<ProfileId>,
    /// The benefit of the pinned profile's prompt cache.
    pub cache_benefit: CacheBenefit,
    /// The latest limit reset to wait for; a time in the past means no waiting.
    pub wait_until: Timestamp,
}

/// Chooses the profile of the next attempt. `last_use` returns a profile's last use as a number that grows with each
/// use, or `None` if it was never used.
///
/// Candidates are the key's profiles that exist, are not plan logins, have a billing class that the key allows, and
/// have not refused this request. The order is: a profile whose secret may be refreshed, then the pinned profile of the
/// conversation if it is ready or worth waiting for, then the ready profiles by the key's strategy. If none is ready,
/// the one that is available first is probed early if its cooldown is a guess, or waited for if its reset is near.
///
/// # Errors
/// [`NoProfileError`] with the reason if there is no candidate.
pub fn choose<'p>(
    input: &SelectionInput<'_>,
    find: impl Fn(ProfileId) -> Option<&'p Profile>,
    readiness: impl Fn(&Profile) -> Readiness,
    last_use: impl Fn(ProfileId) -> Option<u64>,
) -> Result<Selection<'p>, NoProfileError> {
    let (allowed, excluded) = allowed_profiles(input.key, find)?;
    let is_candidate = |profile: &&Profile| match eligibility(input.failed_attempts, profile) {
        Eligibility::Eligible | Eligibility::AfterLimit | Eligibility::RefreshedSecret => true,
        Eligibility::Excluded | Eligibility::UpstreamExcluded => false,
    };
    let candidates: Vec<&Profile> = allowed.iter().copied().filter(is_candidate).collect();
    let preferred = with_refreshed_secret(input, &candidates, &readiness)
        .or_else(|| pinned(input, &candidates, &readiness))
        .or_else(|| by_strategy(input.key.strategy, &candidates, &readiness, last_use));
    let candidate = match preferred {
        Some(candidate) => candidate,
        None => first_available(input, &candidates, &readiness, excluded)?,
    };
    Ok(match candidate {
        Candidate::Wait { profile, until } => Selection::Wait { profile, until },
        Candidate::Use(profile, lease_mode, default_reason) => Selection::Use(SelectedProfile {
            profile,
            lease_mode,
            reason: reason(input, profile, default_reason),
            pin_update: pin_update(input, &allowed, profile, readiness),
        }),
    })
}

/// A candidate, before the final reason is known.
enum Candidate<'p> {
    Use(&'p Profile, LeaseMode, Reason),
    Wait {
        profile: &'p Profile,
        until: Timestamp,
    },
}

/// Returns the key's usable profiles in its order, and the billing classes excluded because the key does not allow
/// them.
fn allowed_profiles<'p>(
    key: &VirtualKey,
    find: impl Fn(ProfileId) -> Option<&'p Profile>,
) -> Result<(Vec<&'p Profile>, ExcludedProfiles), NoProfileError> {
    let mut existing = key.profiles.iter().filter_map(|id| find(*id)).peekable();
    if existing.peek().is_none() {
        return Err(NoProfileError::NoneAssigned);
    }
    let mut allowed: Vec<&Profile> = existing
        .filter(|profile| !profile.is_plan_login())
        .collect();
    if allowed.is_empty() {
        return Err(NoProfileError::OnlyPlanLogins);
    }
    let mut classes: Vec<BillingClass> = Vec::new();
    allowed.retain(|profile| {
        let billing = profile.billing;
        let is_allowed = key.allows_billing(billing);
        if !is_allowed && !classes.contains(&billing) {
            classes.push(billing);
        }
        is_allowed
    });
    let excluded = ExcludedProfiles {
        key: key.name.clone(),
        classes,
    };
    if allowed.is_empty() {
        return Err(NoProfileError::BillingNotAllowed { excluded });
    }
    Ok((allowed, excluded))
}

/// Returns the profile that was rejected last, if its secret may have been refreshed.
fn with_refreshed_secret<'p>(
    input: &SelectionInput<'_>,
    candidates: &[&'p Profile],
    readiness: impl Fn(&Profile) -> Readiness,
) -> Option<Candidate<'p>> {
    let last = input.failed_attempts.last()?;
    let mut candidates = candidates.iter();
    let profile = candidates.find(|profile| profile.id == last.profile)?;
    if eligibility(input.failed_attempts, profile) != Eligibility::RefreshedSecret {
        return None;
    }
    let lease_mode = match readiness(profile) {
        Readiness::Ready => LeaseMode::Normal,
        Readiness::Probe
        | Readiness::Cooldown {
            early_probe: EarlyProbe::Allowed,
            ..
        } => LeaseMode::Probe,
        Readiness::Cooldown {
            early_probe: EarlyProbe::Denied,
            ..
        }
        | Readiness::Blocked(_) => return None,
    };
    Some(Candidate::Use(profile, lease_mode, Reason::Renewed))
}

/// Returns the profile the conversation is pinned to, if it is ready, or if waiting costs less than a cold cache.
fn pinned<'p>(
    input: &SelectionInput<'_>,
    candidates: &[&'p Profile],
    readiness: impl Fn(&Profile) -> Readiness,
) -> Option<Candidate<'p>> {
    let mut candidates = candidates.iter();
    let profile = candidates.find(|profile| Some(profile.id) == input.pinned)?;
    match readiness(profile) {
        Readiness::Ready => Some(Candidate::Use(profile, LeaseMode::Normal, Reason::Sticky)),
        Readiness::Probe => Some(Candidate::Use(profile, LeaseMode::Probe, Reason::Sticky)),
        Readiness::Cooldown { until, reason, .. } => {
            let is_worth_waiting = match input.cache_benefit {
                CacheBenefit::Significant => input.should_wait_for(until, reason),
                CacheBenefit::None => false,
            };
            is_worth_waiting.then_some(Candidate::Wait { profile, until })
        }
        Readiness::Blocked(_) => None,
    }
}

/// Chooses among the ready profiles by the key's strategy.
fn by_strategy<'p>(
    strategy: Strategy,
    candidates: &[&'p Profile],
    readiness: impl Fn(&Profile) -> Readiness,
    last_use: impl Fn(ProfileId) -> Option<u64>,
) -> Option<Candidate<'p>> {
    let mut ready = candidates
        .iter()
        .filter_map(|profile| match readiness(profile) {
            Readiness::Ready => Some((*profile, LeaseMode::Normal)),
            Readiness::Probe => Some((*profile, LeaseMode::Probe)),
            Readiness::Cooldown { .. } | Readiness::Blocked(_) => None,
        });
    match strategy {
        Strategy::Ordered => {
            let (profile, lease_mode) = ready.next()?;
            Some(Candidate::Use(profile, lease_mode, Reason::First))
        }
        Strategy::Spread => {
            let (profile, lease_mode) = ready.min_by_key(|(profile, _)| last_use(profile.id))?;
            Some(Candidate::Use(profile, lease_mode, Reason::Spread))
        }
    }
}

/// Probes the first available profile early, waits for it, or returns it in the error, if no profile is ready.
fn first_available<'p>(
    input: &SelectionInput<'_>,
    candidates: &[&'p Profile],
    readiness: impl Fn(&Profile) -> Readiness,
    excluded: ExcludedProfiles,
) -> Result<Candidate<'p>, NoProfileError> {
    let Some(first) = first_out_of_cooldown(candidates, &readiness) else {
        return Err(none_in_cooldown(candidates, readiness, excluded));
    };
    let CoolingDown {
        profile,
        until,
        early_probe,
        reason,
    } = first;
    match early_probe {
        EarlyProbe::Allowed if is_untried(input, profile) => {
            let reason = match input.key.strategy {
                Strategy::Ordered => Reason::First,
                Strategy::Spread => Reason::Spread,
            };
            Ok(Candidate::Use(profile, LeaseMode::Probe, reason))
        }
        EarlyProbe::Allowed | EarlyProbe::Denied if input.should_wait_for(until, reason) => {
            Ok(Candidate::Wait { profile, until })
        }
        EarlyProbe::Allowed | EarlyProbe::Denied => Err(NoProfileError::AllCoolingDown {
            first: Box::new(profile.clone()),
            until,
            reason,
            excluded,
        }),
    }
}

/// A profile in cooldown.
struct CoolingDown<'p> {
    profile: &'p Profile,
    until: Timestamp,
    early_probe: EarlyProbe,
    reason: CooldownReason,
}

/// Returns the profile whose cooldown ends first; of several, the first in the key's order.
fn first_out_of_cooldown<'p>(
    candidates: &[&'p Profile],
    readiness: impl Fn(&Profile) -> Readiness,
) -> Option<CoolingDown<'p>> {
    let in_cooldown = candidates
        .iter()
        .filter_map(|profile| match readiness(profile) {
            Readiness::Cooldown {
                until,
                early_probe,
                reason,
            } => Some(CoolingDown {
                profile,
                until,
                early_probe,
                reason,
            }),
            // A ready profile was chosen before.
            Readiness::Ready | Readiness::Probe | Readiness::Blocked(_) => None,
        });
    in_cooldown.min_by_key(|cooling| cooling.until)
}

/// Returns the error if no candidate is in cooldown either.
fn none_in_cooldown(
    candidates: &[&Profile],
    readiness: impl Fn(&Profile) -> Readiness,
    excluded: ExcludedProfiles,
) -> NoProfileError {
    let blocked = candidates
        .iter()
        .filter_map(|profile| match readiness(profile) {
            Readiness::Blocked(reason) => Some((Box::new((*profile).clone()), reason)),
            Readiness::Ready | Readiness::Probe | Readiness::Cooldown { .. } => None,
        });
    let profiles: Vec<_> = blocked.collect();
    if profiles.is_empty() {
        return NoProfileError::AllFailed;
    }
    NoProfileError::AllBlocked { profiles, excluded }
}

/// Returns `true` if the profile has not failed in this request. A failed one is not probed early.
fn is_untried(input: &SelectionInput<'_>, profile: &Profile) -> bool {
    input
        .failed_attempts
        .iter()
        .all(|failed| failed.profile != profile.id)
}

impl SelectionInput<'_> {
    /// Returns `true` if the end of a cooldown is worth waiting for: only for a limit, and only if it is near.
    fn should_wait_for(&self, until: Timestamp, reason: CooldownReason) -> bool {
        match reason {
            CooldownReason::Response(code) => code.is_limit() && until <= self.wait_until,
            CooldownReason::Manual | CooldownReason::CircuitOpen => false,
        }
    }
}

fn reason(input: &SelectionInput<'_>, profile: &Profile, default: Reason) -> Reason {
    match input.failed_attempts.last() {
        Some(last) if last.profile == profile.id => match last.retry_with {
            RetryWith::RefreshedSecret => Reason::Renewed,
            RetryWith::AfterLimit | RetryWith::OtherCredential | RetryWith::OtherUpstream => {
                Reason::Waited
            }
        },
        Some(last) => match last.retry_with {
            RetryWith::OtherUpstream => Reason::AfterFailure,
            RetryWith::AfterLimit | RetryWith::RefreshedSecret | RetryWith::OtherCredential => {
                Reason::AfterRefusal
            }
        },
        None if input.pinned.is_some_and(|pinned| pinned != profile.id) => Reason::Moved,
        None => default,
    }
}

/// Returns the pin update. A profile that is skipped only because its upstream is failing keeps its conversation.
fn pin_update(
    input: &SelectionInput<'_>,
    allowed: &[&Profile],
    selected: &Profile,
    readiness: impl Fn(&Profile) -> Readiness,
) -> PinUpdate {
    let pinned = allowed
        .iter()
        .find(|profile| Some(profile.id) == input.pinned && profile.id != selected.id);
    let Some(pinned) = pinned else {
        return PinUpdate::Pin;
    };
    match (
        eligibility(input.failed_attempts, pinned),
        readiness(pinned),
    ) {
        (Eligibility::UpstreamExcluded, Readiness::Ready | Readiness::Probe)
        | (
            Eligibility::Eligible
            | Eligibility::AfterLimit
            | Eligibility::RefreshedSecret
            | Eligibility::UpstreamExcluded,
            Readiness::Cooldown {
                reason: CooldownReason::CircuitOpen,
                ..
            },
        ) => PinUpdate::Keep,
        (
            Eligibility::Eligible
            | Eligibility::AfterLimit
            | Eligibility::RefreshedSecret
            | Eligibility::UpstreamExcluded
            | Eligibility::Excluded,
            _,
        ) => PinUpdate::Pin,
    }
}
