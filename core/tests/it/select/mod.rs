//! Who makes the next attempt: what is chosen and why, what is never chosen, and how conversations are held.

mod choices;
mod conversations;
mod properties;

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Auth, BillingClass, Handing, Profile, ProfileId, Provenance, Source};
use keyreeve_core::select::{Cache, Choice, Chosen, NoProfile, Situation, Tried, choose};
use keyreeve_core::standing::{Because, Early, Readiness};
use keyreeve_core::verdict::Code;
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

/// A metered profile of the vendor's.
fn profile(number: usize) -> Profile {
    billed(number, BillingClass::Metered)
}

fn billed(number: usize, billing: BillingClass) -> Profile {
    Profile {
        id: id(number),
        name: format!("p{number}").parse().unwrap(),
        source: Source::Sealed,
        base_url: BaseUrl::parse("https://api.anthropic.com", PlainHttp::Refused).unwrap(),
        auth: Auth::ApiKey,
        provenance: Provenance::Console,
        billing,
        family: None,
        hint: None,
        handing: Handing::Leased,
        simulated: false,
        expires_at: None,
        created_at: at(0),
        rotated_at: None,
    }
}

/// The same at another upstream.
fn elsewhere(profile: Profile) -> Profile {
    Profile {
        base_url: BaseUrl::parse("https://gateway.example", PlainHttp::Refused).unwrap(),
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
        may_spend: Vec::new(),
        models: Vec::new(),
        cache_ttl: None,
        expires_at: None,
        revoked_at: None,
        created_at: at(0),
        simulated: false,
    }
}

/// A limit that the server ends at this second.
fn limited(second: i64) -> Readiness {
    Readiness::Resting {
        at: at(second),
        early: Early::No,
        because: Because::Answer(Code::of("minute_limit").unwrap()),
    }
}

/// A rest whose end, at this second, is a guess.
fn guessed(second: i64) -> Readiness {
    Readiness::Resting {
        at: at(second),
        early: Early::MayProbe,
        because: Because::Answer(Code::of("out_of_credit").unwrap()),
    }
}

/// What is known when a choice is made at `at(0)`; limits that end within five seconds are waited for.
struct Moment<'a> {
    profiles: &'a [Profile],
    key: VirtualKey,
    readiness: &'a [Readiness],
    tried: &'a [Tried],
    held: Option<usize>,
    cache: Cache,
    /// When each was used last.
    uses: &'a [u64],
}

impl<'a> Moment<'a> {
    fn of(profiles: &'a [Profile], readiness: &'a [Readiness]) -> Self {
        Self {
            profiles,
            key: key(profiles),
            readiness,
            tried: &[],
            held: None,
            cache: Cache::Needless,
            uses: &[],
        }
    }

    fn choice(&self) -> Result<Choice<'a>, NoProfile> {
        let situation = Situation {
            key: &self.key,
            tried: self.tried,
            held: self.held.map(id),
            cache: self.cache,
            wait_until: at(5),
        };
        let place = |id| self.profiles.iter().position(|profile| profile.id == id);
        choose(
            &situation,
            |id| place(id).map(|place| &self.profiles[place]),
            |profile| self.readiness[place(profile.id).unwrap()],
            |id| self.uses.get(place(id)?).copied(),
        )
    }

    #[track_caller]
    fn chosen(&self) -> Chosen<'a> {
        match self.choice() {
            Ok(Choice::Use(chosen)) => chosen,
            other => unreachable!("none is used: {other:?}"),
        }
    }

    /// The choice in a line: `0 first`, `1 spread, as probe`, `wait 0 3`, or why there is none.
    fn told(&self) -> String {
        match self.choice() {
            Ok(Choice::Use(chosen)) => {
                let probe = match chosen.entry {
                    keyreeve_core::select::Entry::Freely => "",
                    keyreeve_core::select::Entry::AsProbe => ", as probe",
                };
                let reason = chosen.reason.name();
                format!("{} {reason}{probe}", number(chosen.profile))
            }
            Ok(Choice::Wait { profile, until }) => {
                let seconds = until.duration_since(at(0)).as_secs();
                format!("wait {} {seconds}", number(profile))
            }
            Err(NoProfile::Resting { first, .. }) => format!("resting, {} first", number(&first)),
            Err(NoProfile::Closed { .. }) => "closed".to_owned(),
            Err(NoProfile::OnlyOthersMoney { left_out }) => {
                format!("only the money of {:?}", left_out.classes)
            }
            Err(NoProfile::AllTried) => "all tried".to_owned(),
            Err(NoProfile::NoneAssigned) => "none assigned".to_owned(),
            Err(NoProfile::OnlyPlanLogins) => "only plan logins".to_owned(),
        }
    }
}
