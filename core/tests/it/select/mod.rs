//! Profile selection: the selection and its reason, properties that always apply, and affinity of conversations.

mod affinity;
mod choose;
mod properties;

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::health::{CooldownReason, EarlyProbe, Readiness};
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{
    Auth, BillingClass, Profile, ProfileId, Provenance, SecretExposure, Source,
};
use keyreeve_core::select::{
    CacheBenefit, FailedAttempt, NoProfileError, SelectedProfile, Selection, SelectionInput, choose,
};
use keyreeve_core::verdict::VerdictCode;
use keyreeve_core::virtual_key::{KeyId, Strategy, VirtualKey};
use uuid::Uuid;

/// The n-th second of a day.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000).unwrap() + SignedDuration::from_secs(second)
}

fn id(number: usize) -> ProfileId {
    ProfileId(Uuid::from_u128(number as u128))
}

fn number(profile: &Profile) -> usize {
    usize::try_from(profile.id.0.as_u128()).unwrap()
}

/// A metered profile of Anthropic's API.
fn profile(number: usize) -> Profile {
    billed(number, BillingClass::Metered)
}

fn billed(number: usize, billing: BillingClass) -> Profile {
    Profile {
        id: id(number),
        name: format!("p{number}").parse().unwrap(),
        source: Source::Sealed,
        base_url: BaseUrl::parse("https://api.anthropic.com", PlainHttp::Forbidden).unwrap(),
        auth: Auth::ApiKey,
        provenance: Provenance::Console,
        billing,
        family: None,
        hint: None,
        secret_exposure: SecretExposure::RequestsOnly,
        simulated: false,
        expires_at: None,
        created_at: at(0),
        rotated_at: None,
    }
}

/// The same profile at another upstream.
fn at_other_upstream(profile: Profile) -> Profile {
    Profile {
        base_url: BaseUrl::parse("https://gateway.example", PlainHttp::Forbidden).unwrap(),
        ..profile
    }
}

/// A key for these profiles, in their order.
fn key(profiles: &[Profile]) -> VirtualKey {
    VirtualKey {
        id: KeyId(Uuid::nil()),
        name: "tool".parse().unwrap(),
        profiles: profiles.iter().map(|profile| profile.id).collect(),
        billing: profiles.first().map(|profile| profile.billing),
        strategy: Strategy::Ordered,
        allow_billing: Vec::new(),
        models: Vec::new(),
        cache_ttl: None,
        expires_at: None,
        revoked_at: None,
        created_at: at(0),
        simulated: false,
    }
}

/// A rate limit with a server's reset at this second.
fn limited(second: i64) -> Readiness {
    Readiness::Cooldown {
        until: at(second),
        early_probe: EarlyProbe::Denied,
        reason: CooldownReason::Response(VerdictCode::parse("minute_limit").unwrap()),
    }
}

/// A cooldown with a guessed end at this second.
fn guessed(second: i64) -> Readiness {
    Readiness::Cooldown {
        until: at(second),
        early_probe: EarlyProbe::Allowed,
        reason: CooldownReason::Response(VerdictCode::parse("out_of_credit").unwrap()),
    }
}

/// The input of a selection at `at(0)`. A limit that ends within five seconds is waited for.
struct Scenario<'a> {
    profiles: &'a [Profile],
    key: VirtualKey,
    readiness: &'a [Readiness],
    failed_attempts: &'a [FailedAttempt],
    pinned: Option<usize>,
    cache_benefit: CacheBenefit,
    /// The last use of each profile.
    uses: &'a [u64],
}

impl<'a> Scenario<'a> {
    fn new(profiles: &'a [Profile], readiness: &'a [Readiness]) -> Self {
        Self {
            profiles,
            key: key(profiles),
            readiness,
            failed_attempts: &[],
            pinned: None,
            cache_benefit: CacheBenefit::None,
            uses: &[],
        }
    }

    fn selection(&self) -> Result<Selection<'a>, NoProfileError> {
        let input = SelectionInput {
            key: &self.key,
            failed_attempts: self.failed_attempts,
            pinned: self.pinned.map(id),
            cache_benefit: self.cache_benefit,
            wait_until: at(5),
        };
        let position = |id| self.profiles.iter().position(|profile| profile.id == id);
        choose(
            &input,
            |id| position(id).map(|position| &self.profiles[position]),
            |profile| self.readiness[position(profile.id).unwrap()],
            |id| self.uses.get(position(id)?).copied(),
        )
    }

    #[track_caller]
    fn selected(&self) -> SelectedProfile<'a> {
        match self.selection() {
            Ok(Selection::Use(selected)) => selected,
            other => unreachable!("no profile is selected: {other:?}"),
        }
    }

    /// The selection on a line: `0 first`, `1 spread, as probe`, `wait 0 3`, or the error.
    fn summary(&self) -> String {
        match self.selection() {
            Ok(Selection::Use(selected)) => {
                let probe = match selected.lease_mode {
                    keyreeve_core::select::LeaseMode::Normal => "",
                    keyreeve_core::select::LeaseMode::Probe => ", as probe",
                };
                let reason = selected.reason.name();
                format!("{} {reason}{probe}", number(selected.profile))
            }
            Ok(Selection::Wait { profile, until }) => {
                let seconds = until.duration_since(at(0)).as_secs();
                format!("wait {} {seconds}", number(profile))
            }
            Err(NoProfileError::AllCoolingDown { first, .. }) => {
                format!("cooldown, {} first", number(&first))
            }
            Err(NoProfileError::AllBlocked { .. }) => "blocked".to_owned(),
            Err(NoProfileError::BillingNotAllowed { excluded }) => {
                format!("billing not allowed: {:?}", excluded.classes)
            }
            Err(NoProfileError::AllFailed) => "all failed".to_owned(),
            Err(NoProfileError::NoneAssigned) => "none assigned".to_owned(),
            Err(NoProfileError::OnlyPlanLogins) => "only plan logins".to_owned(),
        }
    }
}

/// Chooses the second of three profiles this many times, as the first has reached a limit.
pub(crate) fn select_among_three(times: usize) {
    let profiles = [profile(0), profile(1), profile(2)];
    let readiness = [limited(60), Readiness::Ready, Readiness::Ready];
    let scenario = Scenario::new(&profiles, &readiness);
    for _ in 0..times {
        assert_eq!(
            number(std::hint::black_box(&scenario).selected().profile),
            1
        );
    }
}
