//! The limits that answers told, as lists show them.
//!
//! Invariants: what was not told is null and never zero; a figure of a window that has ended since is not shown, since
//! nobody knows the new one.

use jiff::Timestamp;
use keyreeve_core::limits::{Amount, Limit, Seen, Share, State, Subject, Which, tightest};
use keyreeve_core::profile::{BillingClass, Profile, Source};
use keyreeve_core::virtual_key::KeyId;
use keyreeve_store::Policy;
use serde::Serialize;

use super::ProfileView;

/// Everybody's limits.
#[derive(Debug, Serialize)]
pub struct LimitsView {
    /// The profiles in the order of their names, then logins that are not kept as profiles.
    pub subjects: Vec<SubjectView>,
}

/// Somebody's limits.
#[derive(Debug, Serialize)]
pub struct SubjectView {
    /// Whose they are.
    #[serde(flatten)]
    pub whose: WhoseView,
    /// When one was seen last; null: not seen yet.
    pub seen_at: Option<String>,
    /// The one that will be felt first; null where nothing is known of now.
    pub tightest: Option<LimitView>,
    /// Each that was seen.
    pub limits: Vec<LimitView>,
}

/// A profile, and its limits.
#[derive(Debug, Serialize)]
pub struct ShownView {
    /// The profile.
    #[serde(flatten)]
    pub profile: ProfileView,
    /// Each limit that was seen; none: not seen yet.
    pub limits: Vec<LimitView>,
}

/// Whose limits.
#[derive(Debug, Serialize)]
pub struct WhoseView {
    /// `profile`; `claude_code`, by its status line; or `pass_through`, a client's own login under a virtual key.
    pub kind: &'static str,
    /// The profile's id or the key's: 32 hexadecimal digits.
    pub id: Option<String>,
    /// The profile's name or the key's, where it is known.
    pub name: Option<String>,
    /// Claude Code's configuration directory; null where it is the usual one.
    pub config_dir: Option<String>,
    /// `metered`, `cloud`, `gateway` or `plan`.
    pub billing: &'static str,
    /// Whether the profile leads to a simulated API, so that nobody is billed.
    pub simulated: bool,
}

/// One limit as it was told last.
#[derive(Debug, Serialize)]
pub struct LimitView {
    /// `minute`, or `plan` for a window of a plan.
    pub kind: &'static str,
    /// Such as `requests`, `input_tokens`, `five_hour`, `seven_day`. The list grows.
    pub name: String,
    /// The class of requests that have it in common, such as `opus-5`; null: all.
    pub class: Option<String>,
    /// What is left, where a count is told and its window has not ended.
    pub remaining: Option<u64>,
    /// Of how many.
    pub limit: Option<u64>,
    /// What is used, 1 for all of it and more for more, where that can be told and its window has not ended.
    pub used: Option<f64>,
    /// `allowed`, `allowed_warning`, `rejected` or a word to come; null where nothing was said or its window has ended.
    pub state: Option<String>,
    /// When it is full again.
    pub resets_at: Option<String>,
    /// Whether that has passed since it was seen, so that nothing is known of the window after it.
    pub has_reset: bool,
    /// When it was seen.
    pub seen_at: String,
}

impl LimitsView {
    /// Shows the limits of every profile, and of whoever else any were seen of.
    pub fn of(policy: &Policy, seen: &[Seen], now: Timestamp) -> Self {
        let profiles = policy.profiles();
        let own = profiles
            .iter()
            .map(|profile| SubjectView::of_profile(profile, seen, now));
        let is_kept = |subject: &Subject| {
            let mut of_profiles = profiles.iter().flat_map(subjects);
            of_profiles.any(|kept| kept == *subject)
        };
        let mut others: Vec<&Subject> = seen.iter().map(|seen| &seen.subject).collect();
        others.dedup();
        let others = others.into_iter().filter(|subject| !is_kept(subject));
        let others = others.filter_map(|subject| {
            let whose = WhoseView::of_login(subject, policy, seen)?;
            Some(SubjectView::of(
                whose,
                seen,
                std::slice::from_ref(subject),
                now,
            ))
        });
        Self {
            subjects: own.chain(others).collect(),
        }
    }
}

impl SubjectView {
    /// Shows one profile's, out of all that were seen.
    pub fn of_profile(profile: &Profile, seen: &[Seen], now: Timestamp) -> Self {
        let whose = WhoseView {
            kind: "profile",
            id: Some(profile.id.to_string()),
            name: Some(profile.name.to_string()),
            config_dir: None,
            billing: profile.billing.name(),
            simulated: profile.simulated,
        };
        Self::of(whose, seen, &subjects(profile), now)
    }

    fn of(whose: WhoseView, seen: &[Seen], subjects: &[Subject], now: Timestamp) -> Self {
        let own = || seen.iter().filter(|seen| subjects.contains(&seen.subject));
        Self {
            tightest: tightest(own(), now).map(|seen| LimitView::of(seen, now)),
            whose,
            seen_at: own()
                .map(|seen| seen.limit.seen_at)
                .max()
                .map(|at| at.to_string()),
            limits: own().map(|seen| LimitView::of(seen, now)).collect(),
        }
    }
}

impl WhoseView {
    /// None for a profile that is not kept any more.
    fn of_login(subject: &Subject, policy: &Policy, seen: &[Seen]) -> Option<Self> {
        let login = Self {
            kind: "claude_code",
            id: None,
            name: None,
            config_dir: None,
            billing: billed(subject, seen).name(),
            simulated: false,
        };
        match subject {
            Subject::Profile(_) => None,
            Subject::ClaudeCode { config_dir } => Some(Self {
                config_dir: config_dir.clone(),
                ..login
            }),
            Subject::PassThrough(id) => Some(Self {
                kind: "pass_through",
                id: Some(id.0.simple().to_string()),
                name: key_name(policy, *id),
                ..login
            }),
        }
    }
}

impl LimitView {
    fn of(seen: &Seen, now: Timestamp) -> Self {
        let limit = &seen.limit;
        let has_reset = limit.has_reset(now);
        let (remaining, total) = match limit.amount {
            Some(Amount::Left { remaining, limit }) => (Some(remaining), limit),
            Some(Amount::Used(_)) | None => (None, None),
        };
        Self {
            kind: kind(limit),
            name: limit.which.name().to_owned(),
            class: seen.class.as_ref().map(ToString::to_string),
            remaining: remaining.filter(|_| !has_reset),
            limit: total,
            used: limit.used().filter(|_| !has_reset).map(Share::fraction),
            state: limit
                .state
                .as_ref()
                .filter(|_| !has_reset)
                .map(|state| State::word(state).to_owned()),
            resets_at: limit.resets_at.map(|at| at.to_string()),
            has_reset,
            seen_at: limit.seen_at.to_string(),
        }
    }
}

/// A profile, and the login of another program that it refers to.
fn subjects(profile: &Profile) -> Vec<Subject> {
    let login = match &profile.source {
        Source::ClaudeLogin { config_dir } => Some(Subject::ClaudeCode {
            config_dir: config_dir.clone(),
        }),
        Source::Sealed
        | Source::Environment { .. }
        | Source::File { .. }
        | Source::Command { .. }
        | Source::SdkProfile { .. }
        | Source::Ant { .. } => None,
    };
    [Some(Subject::Profile(profile.id)), login]
        .into_iter()
        .flatten()
        .collect()
}

/// Who pays for what is no profile's: a client may bring a key of its own, and only a plan has windows.
fn billed(subject: &Subject, seen: &[Seen]) -> BillingClass {
    let has_windows = || {
        let mut own = seen.iter().filter(|seen| seen.subject == *subject);
        own.any(|seen| matches!(seen.limit.which, Which::Plan(_)))
    };
    match subject {
        Subject::ClaudeCode { .. } => BillingClass::Plan,
        Subject::PassThrough(_) if has_windows() => BillingClass::Plan,
        Subject::PassThrough(_) | Subject::Profile(_) => BillingClass::Metered,
    }
}

fn kind(limit: &Limit) -> &'static str {
    match limit.which {
        Which::Minute(_) => "minute",
        Which::Plan(_) => "plan",
    }
}

fn key_name(policy: &Policy, id: KeyId) -> Option<String> {
    let key = policy.keys().iter().find(|key| key.id == id)?;
    Some(key.name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_a_client_brings_is_no_plan() {
        let through = Subject::PassThrough(KeyId::OWN);
        let code = Subject::ClaudeCode { config_dir: None };
        for (subject, told, expected) in [
            (&through, &["requests"][..], "metered"),
            (&through, &["requests", "plan five_hour"], "plan"),
            (&through, &[], "metered"),
            (&code, &[], "plan"),
        ] {
            let limit = |which: &&str| Limit {
                which: which.parse().unwrap(),
                amount: None,
                state: None,
                resets_at: None,
                seen_at: Timestamp::UNIX_EPOCH,
            };
            let seen = Seen::all(subject, None, told.iter().map(limit).collect());
            assert_eq!(billed(subject, &seen).name(), expected, "{told:?}");
        }
    }
}
