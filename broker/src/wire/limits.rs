//! Rate limits and plan windows reported by upstreams.
//!
//! Invariants: a figure that was not reported is null, never zero; figures of a window that has ended are omitted,
//! since the new ones are unknown.

use jiff::Timestamp;
use keyreeve_core::limits::{
    Fraction, Limit, LimitKind, LimitObservation, LimitOwner, LimitState, LimitUsage, tightest,
};
use keyreeve_core::profile::{BillingClass, Profile, Source};
use keyreeve_core::virtual_key::KeyId;
use keyreeve_store::Policy;
use serde::Serialize;

use super::ProfileView;

/// Limits of all profiles and logins.
#[derive(Debug, Serialize)]
pub struct LimitsView {
    /// Profiles sorted by name, then logins without a profile.
    pub subjects: Vec<OwnerLimitsView>,
}

/// Limits of one profile or login.
#[derive(Debug, Serialize)]
pub struct OwnerLimitsView {
    /// The profile or login.
    #[serde(flatten)]
    pub owner: LimitOwnerView,
    /// Time of the last observation; null if there was none.
    pub seen_at: Option<String>,
    /// The limit closest to exhaustion; null if no current figure is known.
    pub tightest: Option<LimitView>,
    /// All observed limits.
    pub limits: Vec<LimitView>,
}

/// A profile and its limits.
#[derive(Debug, Serialize)]
pub struct ProfileDetailsView {
    /// The profile.
    #[serde(flatten)]
    pub profile: ProfileView,
    /// All observed limits.
    pub limits: Vec<LimitView>,
}

/// The profile or login that limits apply to.
#[derive(Debug, Serialize)]
pub struct LimitOwnerView {
    /// `profile`; `claude_code`, a login whose limits Claude Code's status line reports; or `pass_through`, a client's
    /// own login behind a virtual key.
    pub kind: &'static str,
    /// Id of the profile or key: 32 hexadecimal digits.
    pub id: Option<String>,
    /// Name of the profile or key, if known.
    pub name: Option<String>,
    /// Claude Code's configuration directory; null for the default.
    pub config_dir: Option<String>,
    /// `metered`, `cloud`, `gateway` or `plan`.
    pub billing: &'static str,
    /// `true` if the upstream is a sandbox, which bills nothing.
    pub simulated: bool,
}

/// A limit, as last reported.
#[derive(Debug, Serialize)]
pub struct LimitView {
    /// `minute`, or `plan` for a window of a plan.
    pub kind: &'static str,
    /// The name, such as `requests`, `input_tokens`, `five_hour`, `seven_day`. The list grows.
    pub name: String,
    /// The class of requests that share the limit, such as `opus-5`; null for all.
    pub class: Option<String>,
    /// Remaining count; null if not reported or if the window has ended.
    pub remaining: Option<u64>,
    /// The total.
    pub limit: Option<u64>,
    /// Used fraction, above 1 if exceeded; null if unknown or if the window has ended.
    pub used: Option<f64>,
    /// `allowed`, `allowed_warning`, `rejected` or a newer value; null if not reported or if the window has ended.
    pub state: Option<String>,
    /// Time of the reset.
    pub resets_at: Option<String>,
    /// `true` if the window has reset since the observation, so that its current use is unknown.
    pub has_reset: bool,
    /// Time of the observation.
    pub seen_at: String,
}

impl LimitsView {
    /// Creates the view of all profiles' limits and of all other observed limits.
    pub fn new(policy: &Policy, observations: &[LimitObservation], now: Timestamp) -> Self {
        let profiles = policy.profiles();
        let of_profiles = profiles
            .iter()
            .map(|profile| OwnerLimitsView::for_profile(profile, observations, now));
        let belongs_to_profile = |owner: &LimitOwner| {
            let mut owners = profiles.iter().flat_map(|profile| limit_owners(profile));
            owners.any(|of_profile| of_profile == *owner)
        };
        let mut others: Vec<&LimitOwner> = observations.iter().map(|one| &one.owner).collect();
        others.dedup();
        let others = others
            .into_iter()
            .filter(|owner| !belongs_to_profile(owner));
        let others = others.filter_map(|owner| {
            let view = LimitOwnerView::for_login(owner, policy, observations)?;
            Some(OwnerLimitsView::new(
                view,
                observations,
                std::slice::from_ref(owner),
                now,
            ))
        });
        Self {
            subjects: of_profiles.chain(others).collect(),
        }
    }
}

impl OwnerLimitsView {
    /// Creates the view of one profile's limits, selected from all observations.
    pub fn for_profile(
        profile: &Profile,
        observations: &[LimitObservation],
        now: Timestamp,
    ) -> Self {
        let owner = LimitOwnerView {
            kind: "profile",
            id: Some(profile.id.to_string()),
            name: Some(profile.name.to_string()),
            config_dir: None,
            billing: profile.billing.name(),
            simulated: profile.simulated,
        };
        Self::new(owner, observations, &limit_owners(profile), now)
    }

    fn new(
        owner: LimitOwnerView,
        observations: &[LimitObservation],
        owners: &[LimitOwner],
        now: Timestamp,
    ) -> Self {
        let selected = || {
            observations
                .iter()
                .filter(|one| owners.contains(&one.owner))
        };
        Self {
            tightest: tightest(selected(), now).map(|one| LimitView::new(one, now)),
            owner,
            seen_at: selected()
                .map(|one| one.limit.observed_at)
                .max()
                .map(|at| at.to_string()),
            limits: selected().map(|one| LimitView::new(one, now)).collect(),
        }
    }
}

impl LimitOwnerView {
    /// Creates the view of a login as the owner of limits. Returns `None` for a profile: it no longer exists.
    fn for_login(
        owner: &LimitOwner,
        policy: &Policy,
        observations: &[LimitObservation],
    ) -> Option<Self> {
        let login = Self {
            kind: "claude_code",
            id: None,
            name: None,
            config_dir: None,
            billing: billing_class(owner, observations).name(),
            simulated: false,
        };
        match owner {
            LimitOwner::Profile(_) => None,
            LimitOwner::ClaudeCode { config_dir } => Some(Self {
                config_dir: config_dir.clone(),
                ..login
            }),
            LimitOwner::PassThrough(id) => Some(Self {
                kind: "pass_through",
                id: Some(id.0.simple().to_string()),
                name: key_name(policy, *id),
                ..login
            }),
        }
    }
}

impl LimitView {
    fn new(observation: &LimitObservation, now: Timestamp) -> Self {
        let limit = &observation.limit;
        let has_reset = limit.has_reset(now);
        let (remaining, total) = match limit.usage {
            Some(LimitUsage::Remaining { remaining, limit }) => (Some(remaining), limit),
            Some(LimitUsage::Used(_)) | None => (None, None),
        };
        Self {
            kind: kind(limit),
            name: limit.kind.name().to_owned(),
            class: observation.class.as_ref().map(ToString::to_string),
            remaining: remaining.filter(|_| !has_reset),
            limit: total,
            used: limit.used().filter(|_| !has_reset).map(Fraction::ratio),
            state: limit
                .state
                .as_ref()
                .filter(|_| !has_reset)
                .map(|state| LimitState::as_str(state).to_owned()),
            resets_at: limit.resets_at.map(|at| at.to_string()),
            has_reset,
            seen_at: limit.observed_at.to_string(),
        }
    }
}

/// Returns the profile itself and the login of another program that it refers to.
fn limit_owners(profile: &Profile) -> Vec<LimitOwner> {
    let login = match &profile.source {
        Source::ClaudeLogin { config_dir } => Some(LimitOwner::ClaudeCode {
            config_dir: config_dir.clone(),
        }),
        Source::Sealed
        | Source::Environment { .. }
        | Source::File { .. }
        | Source::Command { .. }
        | Source::SdkProfile { .. }
        | Source::Ant { .. } => None,
    };
    [Some(LimitOwner::Profile(profile.id)), login]
        .into_iter()
        .flatten()
        .collect()
}

/// Returns the billing class of a login without a profile. A client may pass its own API key through; only a plan has
/// windows.
fn billing_class(owner: &LimitOwner, observations: &[LimitObservation]) -> BillingClass {
    let has_windows = || {
        let mut owned = observations.iter().filter(|one| one.owner == *owner);
        owned.any(|one| matches!(one.limit.kind, LimitKind::Plan(_)))
    };
    match owner {
        LimitOwner::ClaudeCode { .. } => BillingClass::Plan,
        LimitOwner::PassThrough(_) if has_windows() => BillingClass::Plan,
        LimitOwner::PassThrough(_) | LimitOwner::Profile(_) => BillingClass::Metered,
    }
}

fn kind(limit: &Limit) -> &'static str {
    match limit.kind {
        LimitKind::Minute(_) => "minute",
        LimitKind::Plan(_) => "plan",
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
    fn passed_through_api_key_is_not_a_plan() {
        let through = LimitOwner::PassThrough(KeyId::OWN);
        let code = LimitOwner::ClaudeCode { config_dir: None };
        for (owner, reported, expected) in [
            (&through, &["requests"][..], "metered"),
            (&through, &["requests", "plan five_hour"], "plan"),
            (&through, &[], "metered"),
            (&code, &[], "plan"),
        ] {
            let limit = |kind: &&str| Limit {
                kind: kind.parse().unwrap(),
                usage: None,
                state: None,
                resets_at: None,
                observed_at: Timestamp::UNIX_EPOCH,
            };
            let observations =
                LimitObservation::from_limits(owner, None, reported.iter().map(limit).collect());
            assert_eq!(
                billing_class(owner, &observations).name(),
                expected,
                "{reported:?}"
            );
        }
    }
}
