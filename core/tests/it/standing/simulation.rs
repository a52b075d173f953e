//! Ten thousand requests over five profiles of three organizations with limits of their own, in time that never passed.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Auth, BillingClass, Handing, Profile, ProfileId, Provenance, Source};
use keyreeve_core::select::{Cache, Choice, Entry, NoProfile, Situation, choose};
use keyreeve_core::standing::{
    Because, Heard, Jitter, Kept, Organization, Readiness, RequestClass, Scope, Scopes, Standing,
    claim, combine, readiness, step,
};
use keyreeve_core::verdict::Verdict;
use keyreeve_core::virtual_key::{KeyId, Strategy, VirtualKey};
use uuid::Uuid;

use super::{MINUTE, at, out_of_credit, refused};

const REQUESTS: i64 = 10_000;
/// Profile, organization.
const MEMBERS: [usize; 5] = [0, 0, 1, 1, 2];
/// Requests per window, window in seconds, of each organization.
const LIMITS: [(u32, i64); 3] = [(40, 60), (20, 30), (10, 20)];

/// The three organizations as they truly are.
#[derive(Default)]
struct Truth {
    used: [u32; 3],
    window: [i64; 3],
}

impl Truth {
    fn answer(&mut self, profile: usize, millis: i64) -> Verdict {
        let second = millis / 1_000;
        // The first key is revoked for a while, and the second organization is out of credit for another.
        if profile == 0 && (800..1_200).contains(&second) {
            return refused();
        }
        let organization = MEMBERS[profile];
        if organization == 1 && (300..500).contains(&second) {
            return out_of_credit();
        }
        let (most, long) = LIMITS[organization];
        if self.window[organization] != second / long {
            self.window[organization] = second / long;
            self.used[organization] = 0;
        }
        if self.used[organization] < most {
            self.used[organization] += 1;
            return Verdict::ok();
        }
        let left = (second / long + 1) * long * 1_000 - millis;
        limited_for(left, now_at(millis))
    }

    fn would_serve(&self, profile: usize, millis: i64) -> bool {
        let mut copy = Self {
            used: self.used,
            window: self.window,
        };
        copy.answer(profile, millis) == Verdict::ok()
    }
}

fn now_at(millis: i64) -> Timestamp {
    at(0) + SignedDuration::from_millis(millis)
}

fn limited_for(millis: i64, now: Timestamp) -> Verdict {
    let body = serde_json::json!({"type": "error", "error": {"type": "rate_limit_error", "message": MINUTE}}).to_string();
    let wait = format!("{}.{:03}", millis / 1_000, millis % 1_000);
    let answer = keyreeve_core::verdict::ErrorAnswer {
        status: 429,
        headers: &[("retry-after", &wait)],
        body: body.as_bytes(),
    };
    Verdict::of_error(&answer, now)
}

/// What keyreeve knows of them.
#[derive(Default)]
struct Known(HashMap<Scope, Standing>);

impl Known {
    fn readiness(&self, profile: usize, now: Timestamp) -> Readiness {
        combine(scopes(profile).all().iter().map(|scope| {
            let standing = self.0.get(scope).copied().unwrap_or_default();
            readiness(&standing, now)
        }))
    }

    fn claim(&mut self, profile: usize, now: Timestamp) {
        for scope in scopes(profile).all() {
            let standing = self.0.get(&scope).copied().unwrap_or_default();
            if let Some(claimed) = claim(&standing, now) {
                self.0.insert(scope, claimed);
            }
        }
    }

    fn hear(&mut self, profile: usize, verdict: Verdict, now: Timestamp) {
        let heard = Heard {
            verdict,
            asked_at: now,
            kept: Kept::Sealed,
            jitter: Jitter(0),
        };
        let concerned = if verdict == Verdict::ok() {
            scopes(profile).all()
        } else {
            scopes(profile).struck(verdict).into_iter().collect()
        };
        for scope in concerned {
            let standing = self.0.entry(scope).or_default();
            *standing = step(*standing, &heard, now);
        }
    }
}

fn base_url() -> BaseUrl {
    BaseUrl::parse("https://api.anthropic.com", PlainHttp::Refused).unwrap()
}

fn scopes(profile: usize) -> Scopes {
    let id = format!("organization-{}", MEMBERS[profile]);
    Scopes {
        profile: id_of(profile),
        organization: Some(Organization::new(base_url().origin(), &id).unwrap()),
        class: RequestClass::of_model("claude-haiku-5-5"),
    }
}

fn id_of(profile: usize) -> ProfileId {
    ProfileId(Uuid::from_u128(profile as u128))
}

fn profile(number: usize) -> Profile {
    Profile {
        handing: Handing::Leased,
        expires_at: None,
        id: id_of(number),
        name: format!("p{number}").parse().unwrap(),
        source: Source::Sealed,
        base_url: base_url(),
        auth: Auth::ApiKey,
        provenance: Provenance::Console,
        billing: BillingClass::Metered,
        family: None,
        hint: None,
        simulated: false,
        created_at: at(0),
        rotated_at: None,
    }
}

/// A key for all profiles, and what came of its requests.
struct Run {
    profiles: Vec<Profile>,
    key: VirtualKey,
    truth: Truth,
    known: Known,
    served: i64,
    failed: i64,
    refused: i64,
}

impl Run {
    fn new() -> Self {
        let profiles: Vec<Profile> = (0..MEMBERS.len()).map(profile).collect();
        let key = VirtualKey {
            id: KeyId(Uuid::nil()),
            name: "tool".parse().unwrap(),
            profiles: profiles.iter().map(|profile| profile.id).collect(),
            strategy: Strategy::default(),
            may_spend: Vec::new(),
            models: Vec::new(),
            cache_ttl: None,
            expires_at: None,
            revoked_at: None,
            created_at: at(0),
            simulated: false,
        };
        Self {
            profiles,
            key,
            truth: Truth::default(),
            known: Known::default(),
            served: 0,
            failed: 0,
            refused: 0,
        }
    }

    fn ask(&mut self, millis: i64) {
        let now = now_at(millis);
        let situation = Situation {
            key: &self.key,
            tried: &[],
            held: None,
            cache: Cache::Needless,
            wait_until: Timestamp::MIN,
        };
        let chosen = choose(
            &situation,
            |id| self.profiles.iter().find(|profile| profile.id == id),
            |profile| self.known.readiness(number(profile), now),
            |_| None,
        );
        let (profile, entry) = match chosen {
            Ok(Choice::Use(chosen)) => (number(chosen.profile), chosen.entry),
            Ok(Choice::Wait { .. }) => panic!("nothing is waited for"),
            Err(none) => {
                assert!(matches!(none, NoProfile::Resting { at, .. } if at > now));
                self.refused += 1;
                return self.check_refusal(millis);
            }
        };
        if entry == Entry::AsProbe {
            self.known.claim(profile, now);
        }
        let verdict = self.truth.answer(profile, millis);
        if verdict == Verdict::ok() {
            self.served += 1;
        } else {
            self.failed += 1;
        }
        self.known.hear(profile, verdict, now);
    }

    /// No profile was ready, and none that rests until a time it was told could have served. Out of credit and dead end
    /// when somebody mends them, which nobody tells: that is for probes to find out.
    fn check_refusal(&self, millis: i64) {
        for profile in 0..MEMBERS.len() {
            let told = match self.known.readiness(profile, now_at(millis)) {
                Readiness::Ready | Readiness::Probe => true,
                Readiness::Resting { because, .. } => {
                    matches!(because, Because::Answer(code) if code.name() == "minute_limit")
                }
                Readiness::Closed(_) => false,
            };
            let could = told && self.truth.would_serve(profile, millis);
            assert!(!could, "{profile} at {millis}");
        }
    }
}

fn number(profile: &Profile) -> usize {
    usize::try_from(profile.id.0.as_u128()).unwrap()
}

#[test]
fn nothing_is_refused_that_a_ready_profile_could_have_served() {
    let mut run = Run::new();
    let (mut millis, mut dice) = (0_i64, 42_u64);
    for _ in 0..REQUESTS {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        millis += i64::try_from(dice >> 33).unwrap() % 800;
        if millis / 1_000 == 1_300 {
            // Its owner puts a new key in.
            run.known.0.remove(&Scope::Credential(id_of(0)));
        }
        run.ask(millis);
    }
    let Run {
        served,
        failed,
        refused,
        ..
    } = run;
    assert_eq!(served + failed + refused, REQUESTS);
    // Each limit that was met cost one request to find out, not one for each that came.
    let windows: i64 = LIMITS
        .iter()
        .map(|(_, long)| millis / 1_000 / long + 1)
        .sum();
    assert!(failed <= windows + 20, "{failed} failed in {windows}");
    assert!(
        served > REQUESTS / 3 && refused > 0,
        "{served} served, {refused} refused"
    );
}
