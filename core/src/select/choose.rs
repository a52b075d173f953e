//! The choice: which of a key's profiles makes the next attempt, or is worth waiting for.

use jiff::Timestamp;

use super::choice::{Choice, Chosen, Entry, Hold, Reason};
use super::conversation::Cache;
use super::further::{Further, Part, Tried, part};
use super::no_profile::{LeftOut, NoProfile};
use crate::profile::{BillingClass, Profile, ProfileId};
use crate::standing::{Because, Early, Readiness};
use crate::virtual_key::{Strategy, VirtualKey};

/// What is known of a request when the profile of its next attempt is chosen.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Who asks.
    pub key: &'a VirtualKey,
    /// The attempts that this request has had.
    pub tried: &'a [Tried],
    /// The profile that its conversation is held by.
    pub held: Option<ProfileId>,
    /// What another profile would find of the conversation.
    pub cache: Cache,
    /// Up to when the end of a limit is waited for; a moment that is over: for none.
    pub wait_until: Timestamp,
}

/// Chooses the profile of the next attempt. `last_use` says when a profile was used last, as a number that grows with each
/// use; none: never.
///
/// The key's profiles take part that exist, are no plan logins, are billed as the key may be, and were not refused already. Of these goes first whoever may have a renewed secret, then whoever holds the
/// conversation, if it is ready or worth the wait; then the key's strategy decides among the ready. When none is, the
/// soonest may be asked before its time if that time was a guess, or is waited for if it is near.
///
/// # Errors
/// [`NoProfile`] says why there is none.
pub fn choose<'p>(
    situation: &Situation<'_>,
    find: impl Fn(ProfileId) -> Option<&'p Profile>,
    readiness: impl Fn(&Profile) -> Readiness,
    last_use: impl Fn(ProfileId) -> Option<u64>,
) -> Result<Choice<'p>, NoProfile> {
    let (able, left_out) = able(situation.key, find)?;
    let left = |profile: &&Profile| match part(situation.tried, profile) {
        Part::Whole | Part::WhenReady | Part::Renewed => true,
        Part::Out | Part::OutForItsUpstream => false,
    };
    let left: Vec<&Profile> = able.iter().copied().filter(left).collect();
    let chosen = renewed(situation, &left, &readiness)
        .or_else(|| held(situation, &left, &readiness))
        .or_else(|| by_strategy(situation.key.strategy, &left, &readiness, last_use));
    let found = match chosen {
        Some(found) => found,
        None => soonest(situation, &left, &readiness, left_out)?,
    };
    Ok(match found {
        Found::Wait { profile, until } => Choice::Wait { profile, until },
        Found::Use(profile, entry, by) => Choice::Use(Chosen {
            profile,
            entry,
            reason: reason(situation, profile, by),
            hold: hold(situation, &able, profile, readiness),
        }),
    })
}

/// A profile that was found, before it is said why.
enum Found<'p> {
    Use(&'p Profile, Entry, Reason),
    Wait {
        profile: &'p Profile,
        until: Timestamp,
    },
}

/// The key's profiles that may serve at all, in its order, and the classes of those that may not for whom they bill.
fn able<'p>(
    key: &VirtualKey,
    find: impl Fn(ProfileId) -> Option<&'p Profile>,
) -> Result<(Vec<&'p Profile>, LeftOut), NoProfile> {
    let mut there = key.profiles.iter().filter_map(|id| find(*id)).peekable();
    if there.peek().is_none() {
        return Err(NoProfile::NoneAssigned);
    }
    let mut able: Vec<&Profile> = there.filter(|profile| !profile.is_plan_login()).collect();
    if able.is_empty() {
        return Err(NoProfile::OnlyPlanLogins);
    }
    let mut classes: Vec<BillingClass> = Vec::new();
    able.retain(|profile| {
        let billing = profile.billing;
        let may = key.may_be_billed(billing);
        if !may && !classes.contains(&billing) {
            classes.push(billing);
        }
        may
    });
    let left_out = LeftOut {
        key: key.name.clone(),
        classes,
    };
    if able.is_empty() {
        return Err(NoProfile::OnlyOthersMoney { left_out });
    }
    Ok((able, left_out))
}

/// The profile that was refused last, if its secret may be another by now.
fn renewed<'p>(
    situation: &Situation<'_>,
    left: &[&'p Profile],
    readiness: impl Fn(&Profile) -> Readiness,
) -> Option<Found<'p>> {
    let last = situation.tried.last()?;
    let mut left = left.iter();
    let profile = left.find(|profile| profile.id == last.profile)?;
    if part(situation.tried, profile) != Part::Renewed {
        return None;
    }
    let entry = match readiness(profile) {
        Readiness::Ready => Entry::Freely,
        Readiness::Probe
        | Readiness::Resting {
            early: Early::MayProbe,
            ..
        } => Entry::AsProbe,
        Readiness::Resting {
            early: Early::No, ..
        }
        | Readiness::Closed(_) => return None,
    };
    Some(Found::Use(profile, entry, Reason::Renewed))
}

/// The profile that holds the conversation, if it is ready, or if waiting for it costs less than a cold cache.
fn held<'p>(
    situation: &Situation<'_>,
    left: &[&'p Profile],
    readiness: impl Fn(&Profile) -> Readiness,
) -> Option<Found<'p>> {
    let mut left = left.iter();
    let profile = left.find(|profile| Some(profile.id) == situation.held)?;
    match readiness(profile) {
        Readiness::Ready => Some(Found::Use(profile, Entry::Freely, Reason::Held)),
        Readiness::Probe => Some(Found::Use(profile, Entry::AsProbe, Reason::Held)),
        Readiness::Resting { at, because, .. } => {
            let worth_it = match situation.cache {
                Cache::Cold => situation.waits_for(at, because),
                Cache::Needless => false,
            };
            worth_it.then_some(Found::Wait { profile, until: at })
        }
        Readiness::Closed(_) => None,
    }
}

/// What the key's strategy chooses among those that are ready.
fn by_strategy<'p>(
    strategy: Strategy,
    left: &[&'p Profile],
    readiness: impl Fn(&Profile) -> Readiness,
    last_use: impl Fn(ProfileId) -> Option<u64>,
) -> Option<Found<'p>> {
    let mut ready = left.iter().filter_map(|profile| match readiness(profile) {
        Readiness::Ready => Some((*profile, Entry::Freely)),
        Readiness::Probe => Some((*profile, Entry::AsProbe)),
        Readiness::Resting { .. } | Readiness::Closed(_) => None,
    });
    match strategy {
        Strategy::Ordered => {
            let (profile, entry) = ready.next()?;
            Some(Found::Use(profile, entry, Reason::First))
        }
        Strategy::Spread => {
            let (profile, entry) = ready.min_by_key(|(profile, _)| last_use(profile.id))?;
            Some(Found::Use(profile, entry, Reason::Spread))
        }
    }
}

/// None is ready: the soonest is asked before its time, or waited for, or told.
fn soonest<'p>(
    situation: &Situation<'_>,
    left: &[&'p Profile],
    readiness: impl Fn(&Profile) -> Readiness,
    left_out: LeftOut,
) -> Result<Found<'p>, NoProfile> {
    let Some(first) = first_back(left, &readiness) else {
        return Err(none_rests(left, readiness, left_out));
    };
    let Resting {
        profile,
        at,
        early,
        because,
    } = first;
    match early {
        Early::MayProbe if is_untried(situation, profile) => {
            let by = match situation.key.strategy {
                Strategy::Ordered => Reason::First,
                Strategy::Spread => Reason::Spread,
            };
            Ok(Found::Use(profile, Entry::AsProbe, by))
        }
        Early::MayProbe | Early::No if situation.waits_for(at, because) => {
            Ok(Found::Wait { profile, until: at })
        }
        Early::MayProbe | Early::No => Err(NoProfile::Resting {
            first: Box::new(profile.clone()),
            at,
            because,
            left_out,
        }),
    }
}

/// A profile that rests.
struct Resting<'p> {
    profile: &'p Profile,
    at: Timestamp,
    early: Early,
    because: Because,
}

/// Whoever is back first; of several, the first in the key's order.
fn first_back<'p>(
    left: &[&'p Profile],
    readiness: impl Fn(&Profile) -> Readiness,
) -> Option<Resting<'p>> {
    let resting = left.iter().filter_map(|profile| match readiness(profile) {
        Readiness::Resting { at, early, because } => Some(Resting {
            profile,
            at,
            early,
            because,
        }),
        // Whoever is ready was chosen before.
        Readiness::Ready | Readiness::Probe | Readiness::Closed(_) => None,
    });
    resting.min_by_key(|resting| resting.at)
}

/// Why there is none, where none rests either.
fn none_rests(
    left: &[&Profile],
    readiness: impl Fn(&Profile) -> Readiness,
    left_out: LeftOut,
) -> NoProfile {
    let closed = left.iter().filter_map(|profile| match readiness(profile) {
        Readiness::Closed(why) => Some((Box::new((*profile).clone()), why)),
        Readiness::Ready | Readiness::Probe | Readiness::Resting { .. } => None,
    });
    let profiles: Vec<_> = closed.collect();
    if profiles.is_empty() {
        return NoProfile::AllTried;
    }
    NoProfile::Closed { profiles, left_out }
}

/// What has just refused the request is not asked before its time.
fn is_untried(situation: &Situation<'_>, profile: &Profile) -> bool {
    situation
        .tried
        .iter()
        .all(|tried| tried.profile != profile.id)
}

impl Situation<'_> {
    /// Whether the end of a rest is waited for: only of a limit, and only if it is near.
    fn waits_for(&self, at: Timestamp, because: Because) -> bool {
        match because {
            Because::Answer(code) => code.is_a_limit() && at <= self.wait_until,
            Because::Person | Because::Upstream => false,
        }
    }
}

fn reason(situation: &Situation<'_>, profile: &Profile, by: Reason) -> Reason {
    match situation.tried.last() {
        Some(last) if last.profile == profile.id => match last.further {
            Further::WithItsSecretRenewed => Reason::Renewed,
            Further::WhenItsLimitIsOver | Further::AnotherCredential | Further::AnotherUpstream => {
                Reason::Waited
            }
        },
        Some(last) => match last.further {
            Further::AnotherUpstream => Reason::AfterFailure,
            Further::WhenItsLimitIsOver
            | Further::WithItsSecretRenewed
            | Further::AnotherCredential => Reason::AfterRefusal,
        },
        None if situation.held.is_some_and(|held| held != profile.id) => Reason::Moved,
        None => by,
    }
}

/// Whoever is only spared because its upstream fails keeps its conversation.
fn hold(
    situation: &Situation<'_>,
    able: &[&Profile],
    chosen: &Profile,
    readiness: impl Fn(&Profile) -> Readiness,
) -> Hold {
    let before = able
        .iter()
        .find(|profile| Some(profile.id) == situation.held && profile.id != chosen.id);
    let Some(before) = before else {
        return Hold::Chosen;
    };
    match (part(situation.tried, before), readiness(before)) {
        (Part::OutForItsUpstream, Readiness::Ready | Readiness::Probe)
        | (
            Part::Whole | Part::WhenReady | Part::Renewed | Part::OutForItsUpstream,
            Readiness::Resting {
                because: Because::Upstream,
                ..
            },
        ) => Hold::AsBefore,
        (
            Part::Whole | Part::WhenReady | Part::Renewed | Part::OutForItsUpstream | Part::Out,
            _,
        ) => Hold::Chosen,
    }
}
