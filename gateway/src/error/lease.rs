//! What a client is told when no credential can be leased.
//!
//! Invariants: a time that is told is the time at which the soonest profile may be asked again; what only a person can
//! mend names the profile and the command, and is no 429, which clients would wait out.

use axum::http::HeaderValue;
use jiff::Timestamp;
use keyreeve_broker::{LeaseError, NotAllowed};
use keyreeve_core::profile::Profile;
use keyreeve_core::select::{LeftOut, NoProfile};
use keyreeve_core::standing::{Because, Closed};
use keyreeve_core::virtual_key::Refused;
use keyreeve_os::world;

use super::{API, AUTHENTICATION, PERMISSION, Retry, Shape};

pub(super) fn shape(error: &LeaseError) -> Shape {
    use Retry::{Pointless, Soon};
    let (status, kind, code, retry) = match error {
        LeaseError::NotAllowed(NotAllowed::Unknown) => {
            (401, AUTHENTICATION, "unknown_key", Pointless)
        }
        LeaseError::NotAllowed(NotAllowed::Refused(Refused::Revoked)) => {
            (401, AUTHENTICATION, "revoked_key", Pointless)
        }
        LeaseError::NotAllowed(NotAllowed::Refused(Refused::Expired)) => {
            (401, AUTHENTICATION, "expired_key", Pointless)
        }
        LeaseError::NotAllowed(NotAllowed::Store(_)) => (503, API, "store_unavailable", Soon),
        LeaseError::NoProfile(none) => return no_profile(none),
        LeaseError::Source { source, .. } if source.may_pass() => (503, API, "no_secret", Soon),
        LeaseError::Source { .. } => (503, API, "no_secret", Pointless),
        LeaseError::Refused { .. } | LeaseError::ShownPlan { .. } => {
            (403, PERMISSION, "credential_refused", Pointless)
        }
        LeaseError::Ledger(_) | LeaseError::LedgerClosed => (503, API, "ledger_unavailable", Soon),
        LeaseError::Randomness => (503, API, "no_randomness", Soon),
    };
    Shape::new(status, kind, code, retry)
}

/// What the key's holder reads. The owner's own details (which file, which error) stay in the log.
pub(super) fn text(error: &LeaseError) -> String {
    match error {
        LeaseError::NotAllowed(NotAllowed::Unknown) => {
            "unknown keyreeve key: it was removed, rotated, or belongs to another store (`keyreeve key list`)".to_owned()
        }
        LeaseError::NotAllowed(NotAllowed::Refused(refused)) => refused.to_string(),
        LeaseError::NoProfile(none) => why_none(none),
        LeaseError::Refused { source, .. } => source.to_string(),
        LeaseError::ShownPlan { .. } => error.to_string(),
        LeaseError::Source { profile, .. } => format!(
            "the credential of profile {profile} cannot be had: `keyreeve profile show {profile}` and the gateway's log say why"
        ),
        LeaseError::NotAllowed(NotAllowed::Store(_))
        | LeaseError::Ledger(_)
        | LeaseError::LedgerClosed
        | LeaseError::Randomness => {
            format!("{error}: nothing is sent without a record; see the gateway's log")
        }
    }
}

/// How it is sent that no profile serves.
fn no_profile(none: &NoProfile) -> Shape {
    match none {
        NoProfile::NoneAssigned
        | NoProfile::OnlyPlanLogins
        | NoProfile::OnlyOthersMoney { .. }
        | NoProfile::AllTried => Shape::new(403, PERMISSION, "no_profile", Retry::Pointless),
        NoProfile::Resting { at, because, .. } => {
            let retry = Retry::After(seconds_until(*at));
            match because {
                Because::Answer(_) | Because::Person => {
                    Shape::new(429, "rate_limit_error", "all_resting", retry)
                }
                Because::Upstream => Shape::new(529, "overloaded_error", "upstream_failing", retry),
            }
        }
        NoProfile::Closed { .. } => Shape::new(403, PERMISSION, "all_closed", Retry::Pointless),
    }
}

/// Whole seconds, rounded up, so that who waits them comes in time.
fn seconds_until(at: Timestamp) -> u64 {
    let left = at.duration_since(world::now()).as_millis().max(1);
    u64::try_from(left).unwrap_or(1).div_ceil(1_000)
}

fn why_none(none: &NoProfile) -> String {
    match none {
        NoProfile::NoneAssigned | NoProfile::OnlyPlanLogins | NoProfile::AllTried => {
            none.to_string()
        }
        NoProfile::OnlyOthersMoney { left_out } => format!("{none}{}", classes(left_out)),
        NoProfile::Resting {
            first,
            at,
            because,
            left_out,
        } => format!(
            "every profile of this key rests; {} is ready first, in {} seconds ({}){}",
            first.name,
            seconds_until(*at),
            reason(*because),
            classes(left_out)
        ),
        NoProfile::Closed { profiles, left_out } => {
            let each: Vec<String> = profiles
                .iter()
                .map(|(profile, why)| mending(profile, *why))
                .collect();
            format!(
                "no profile of this key can be used until its owner acts: {}{}",
                each.join("; "),
                classes(left_out)
            )
        }
    }
}

fn reason(because: Because) -> String {
    match because {
        Because::Answer(code) => format!("{}: {}", code.name(), code.remedy()),
        Because::Person => "a person let it rest".to_owned(),
        Because::Upstream => "its upstream fails".to_owned(),
    }
}

fn mending(profile: &Profile, why: Closed) -> String {
    let name = &profile.name;
    match why {
        Closed::Blocked(code) => format!(
            "{name} is blocked ({}): {} Then `keyreeve profile wake {name}`",
            code.name(),
            code.remedy()
        ),
        Closed::Dead(code) => format!(
            "{name} is dead ({}): `keyreeve profile rotate {name}`, or `keyreeve profile wake {name}` if it is well again",
            code.name()
        ),
        Closed::Drained => format!("{name} is drained: `keyreeve profile enable {name}`"),
    }
}

/// Who was not asked, as a header beside an upstream's own answer: `gateway (keyreeve key spend laptop gateway)`.
pub(crate) fn left_out(none: &NoProfile) -> Option<HeaderValue> {
    let LeftOut { key, classes } = match none {
        NoProfile::Resting { left_out, .. }
        | NoProfile::Closed { left_out, .. }
        | NoProfile::OnlyOthersMoney { left_out } => left_out,
        NoProfile::NoneAssigned | NoProfile::OnlyPlanLogins | NoProfile::AllTried => return None,
    };
    if classes.is_empty() {
        return None;
    }
    let names: Vec<&str> = classes.iter().map(|class| class.name()).collect();
    let (listed, typed) = (names.join(", "), names.join(" "));
    HeaderValue::from_str(&format!("{listed} (keyreeve key spend {key} {typed})")).ok()
}

/// Says which profiles were not asked, and how they may be: a key never crosses from one payer to another by itself.
fn classes(left_out: &LeftOut) -> String {
    let LeftOut { key, classes } = left_out;
    if classes.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = classes.iter().map(|class| class.name()).collect();
    format!(
        ". Left out were its profiles billed as {}: this key pays as its first profile did when it was made, unless its owner allows more with `keyreeve key spend {key} {}`",
        names.join(" and "),
        names.join(" ")
    )
}
