//! The response to the client if no credential can be leased.
//!
//! Invariants: a retry time is the time at which the first profile is ready again; a problem that only the owner can
//! fix names the profile and the command, and is not sent as 429, which clients would wait out.

use axum::http::HeaderValue;
use jiff::Timestamp;
use keyreeve_broker::{AuthenticateError, LeaseError, SourceError};
use keyreeve_core::health::{BlockReason, CooldownReason};
use keyreeve_core::profile::Profile;
use keyreeve_core::select::{ExcludedProfiles, NoProfileError};
use keyreeve_core::virtual_key::KeyRefusedError;
use keyreeve_os::system;
use keyreeve_store::StoreError;

use super::envelope::{
    API, AUTHENTICATION, ErrorStatus, OVERLOADED, PERMISSION, RetryAdvice, capitalize,
};

pub(super) fn status(error: &LeaseError) -> ErrorStatus {
    use RetryAdvice::{Never, Soon};
    let (status, kind, code, retry) = match error {
        LeaseError::Authenticate(AuthenticateError::Unknown) => {
            (401, AUTHENTICATION, "unknown_key", Never)
        }
        LeaseError::Authenticate(AuthenticateError::Refused(KeyRefusedError::Revoked)) => {
            (401, AUTHENTICATION, "revoked_key", Never)
        }
        LeaseError::Authenticate(AuthenticateError::Refused(KeyRefusedError::Expired)) => {
            (401, AUTHENTICATION, "expired_key", Never)
        }
        LeaseError::Authenticate(AuthenticateError::Store(StoreError::NotVerified { .. }))
        | LeaseError::Source {
            source: SourceError::NotVerified(StoreError::NotVerified { .. }),
            ..
        } => (503, API, "not_verified", Never),
        LeaseError::Authenticate(AuthenticateError::Store(_)) => {
            (503, API, "store_unavailable", Soon)
        }
        LeaseError::NoProfile(error) => return no_profile_status(error),
        LeaseError::Source { source, .. } if source.is_transient() => {
            (503, API, "credential_unavailable", Soon)
        }
        LeaseError::Source { .. } => (503, API, "credential_unavailable", Never),
        LeaseError::Inject { .. } | LeaseError::PlanDetected { .. } => {
            (403, PERMISSION, "credential_not_allowed", Never)
        }
        LeaseError::Ledger(_) => (503, API, "ledger_unavailable", Soon),
        LeaseError::LedgerClosed => (503, API, "shutting_down", Soon),
        LeaseError::Randomness => (503, API, "no_randomness", Soon),
    };
    ErrorStatus::new(status, kind, code, retry)
}

/// The message for the client. Details for the owner (which file, which error) are in the log only.
pub(super) fn client_message(error: &LeaseError) -> String {
    match error {
        LeaseError::Authenticate(AuthenticateError::Unknown) => {
            "Unknown keyreeve key: it was removed or rotated, or belongs to another store. The keys of this store: `keyreeve key list`".to_owned()
        }
        LeaseError::Authenticate(AuthenticateError::Refused(KeyRefusedError::Revoked)) => {
            "This keyreeve key was revoked. Make a new one: `keyreeve key add NAME --profile PROFILE`".to_owned()
        }
        LeaseError::Authenticate(AuthenticateError::Refused(KeyRefusedError::Expired)) => {
            "This keyreeve key has expired. Make a new one: `keyreeve key add NAME --profile PROFILE`".to_owned()
        }
        LeaseError::Authenticate(AuthenticateError::Store(
            error @ StoreError::NotVerified { .. },
        ))
        | LeaseError::Source {
            source: SourceError::NotVerified(error @ StoreError::NotVerified { .. }),
            ..
        } => not_verified_message(error),
        LeaseError::Authenticate(AuthenticateError::Store(error)) => with_reason(
            "The gateway cannot read its store to check this key",
            error,
        ),
        LeaseError::NoProfile(error) => no_profile_message(error),
        LeaseError::Inject { source, .. } => capitalize(&source.to_string()),
        LeaseError::PlanDetected { .. } => capitalize(&error.to_string()),
        LeaseError::Source { profile, .. } => format!(
            "Cannot get the credential of profile {profile}. The cause is in the gateway's log. Details: `keyreeve profile show {profile}`"
        ),
        LeaseError::Ledger(error) => with_reason(
            "The gateway cannot write its ledger, and sends nothing without a record",
            error,
        ),
        LeaseError::LedgerClosed => "The gateway is shutting down. Retry in a moment".to_owned(),
        LeaseError::Randomness => {
            "The operating system provides no random bytes for a request id. The cause is in the gateway's log".to_owned()
        }
    }
}

/// Adds the cause to a message, if it is one that the owner can end.
fn with_reason(message: &str, error: &StoreError) -> String {
    match error.client_reason() {
        Some(reason) => format!("{message}: {reason}"),
        None => format!("{message}. The cause is in the gateway's log"),
    }
}

/// Names the row and the command that removes it.
fn not_verified_message(error: &StoreError) -> String {
    let fix = error.fix_command().unwrap_or_default();
    format!(
        "{}. Fix: `{fix}`, then create it again",
        capitalize(&error.to_string())
    )
}

fn no_profile_status(error: &NoProfileError) -> ErrorStatus {
    match error {
        NoProfileError::NoneAssigned
        | NoProfileError::OnlyPlanLogins
        | NoProfileError::BillingNotAllowed { .. }
        | NoProfileError::AllFailed => {
            ErrorStatus::new(403, PERMISSION, "no_profile", RetryAdvice::Never)
        }
        NoProfileError::AllCoolingDown { until, reason, .. } => {
            let retry = RetryAdvice::After(seconds_until(*until));
            match reason {
                CooldownReason::Response(_) | CooldownReason::Manual => {
                    ErrorStatus::new(429, "rate_limit_error", "all_in_cooldown", retry)
                }
                CooldownReason::CircuitOpen => {
                    ErrorStatus::new(529, OVERLOADED, "upstream_failing", retry)
                }
            }
        }
        NoProfileError::AllBlocked { .. } => {
            ErrorStatus::new(403, PERMISSION, "all_blocked", RetryAdvice::Never)
        }
    }
}

/// Whole seconds, rounded up, so that a client that waits them does not retry too early.
fn seconds_until(time: Timestamp) -> u64 {
    let left = time.duration_since(system::now()).as_millis().max(1);
    u64::try_from(left).unwrap_or(1).div_ceil(1_000)
}

/// Formats a wait: `91 s`, `3 min`, `2 h 10 min`; minutes are rounded up.
fn wait_text(seconds: u64) -> String {
    let minutes = seconds.div_ceil(60);
    match (minutes / 60, minutes % 60) {
        _ if seconds <= 120 => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn no_profile_message(error: &NoProfileError) -> String {
    match error {
        NoProfileError::NoneAssigned => {
            "This key has no profile; those it had may have been removed. Make a key that has one: `keyreeve key add NAME --profile PROFILE`".to_owned()
        }
        NoProfileError::OnlyPlanLogins => {
            "This key has only plan logins, which are never used behind a key. Add an API key: `keyreeve profile add NAME`".to_owned()
        }
        NoProfileError::AllFailed => {
            "Every profile behind this key was tried and failed. The attempts are in the ledger: `keyreeve requests --attempts`".to_owned()
        }
        NoProfileError::BillingNotAllowed { excluded } => format!(
            "This key has no profile left that it may be billed to{}",
            skipped_message(excluded)
        ),
        NoProfileError::AllCoolingDown {
            first,
            until,
            reason,
            excluded,
        } => {
            let (name, wait) = (&first.name, wait_text(seconds_until(*until)));
            format!(
                "{} Retry in {wait} ({name}). Details: `keyreeve profile show {name}`{}",
                cooldown_message(*reason),
                skipped_message(excluded)
            )
        }
        NoProfileError::AllBlocked { profiles, excluded } => {
            let each: Vec<String> = profiles
                .iter()
                .map(|(profile, reason)| block_message(profile, *reason))
                .collect();
            format!(
                "No profile behind this key can be used until its owner fixes it. {}{}",
                each.join(". "),
                skipped_message(excluded)
            )
        }
    }
}

fn cooldown_message(reason: CooldownReason) -> String {
    match reason {
        CooldownReason::Response(code) if code.is_limit() => format!(
            "Rate limited ({}): every profile behind this key is cooling down.",
            code.name()
        ),
        CooldownReason::Response(code) => format!(
            "Every profile behind this key is cooling down ({}). {}",
            code.name(),
            code.remedy()
        ),
        CooldownReason::Manual => {
            "Every profile behind this key is paused or cooling down.".to_owned()
        }
        CooldownReason::CircuitOpen => {
            "Overloaded: the upstream of every profile behind this key is failing.".to_owned()
        }
    }
}

fn block_message(profile: &Profile, reason: BlockReason) -> String {
    let name = &profile.name;
    match reason {
        BlockReason::Blocked(code) => format!(
            "{name} is blocked ({}): {} Then `keyreeve profile resume {name}`",
            code.name(),
            code.remedy()
        ),
        BlockReason::Dead(code) => format!(
            "{name} is dead ({}): `keyreeve profile rotate {name}`, or `keyreeve profile resume {name}` if it works again",
            code.name()
        ),
        BlockReason::Drained => format!("{name} is drained: `keyreeve profile resume {name}`"),
    }
}

/// The value of the header that names the skipped billing classes next to an upstream's own response:
/// `gateway (keyreeve key allow-billing laptop gateway)`.
pub(crate) fn skipped_header(error: &NoProfileError) -> Option<HeaderValue> {
    let ExcludedProfiles { key, classes } = match error {
        NoProfileError::AllCoolingDown { excluded, .. }
        | NoProfileError::AllBlocked { excluded, .. }
        | NoProfileError::BillingNotAllowed { excluded } => excluded,
        NoProfileError::NoneAssigned
        | NoProfileError::OnlyPlanLogins
        | NoProfileError::AllFailed => return None,
    };
    if classes.is_empty() {
        return None;
    }
    let names: Vec<&str> = classes.iter().map(|class| class.name()).collect();
    let (listed, typed) = (names.join(", "), names.join(" "));
    HeaderValue::from_str(&format!(
        "{listed} (keyreeve key allow-billing {key} {typed})"
    ))
    .ok()
}

/// The sentence that names the skipped profiles and how to allow them: a key never changes to another payer by itself.
fn skipped_message(skipped: &ExcludedProfiles) -> String {
    let ExcludedProfiles { key, classes } = skipped;
    if classes.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = classes.iter().map(|class| class.name()).collect();
    format!(
        ". Skipped: profiles billed as {}, which this key may not use. To allow them: `keyreeve key allow-billing {key} {}`",
        names.join(" and "),
        names.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_readable() {
        for (seconds, expected) in [
            (1, "1 s"),
            (91, "91 s"),
            (120, "120 s"),
            (121, "3 min"),
            (3_541, "1 h"),
            (7_741, "2 h 10 min"),
        ] {
            assert_eq!(wait_text(seconds), expected, "{seconds}");
        }
    }
}
