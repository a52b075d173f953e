//! Ten thousand requests of eight conversations over five profiles of three organizations with limits of their own, in time
//! that never passed: chosen, waited for and tried again as requests are.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Auth, BillingClass, Handing, Profile, ProfileId, Provenance, Source};
use keyreeve_core::select::{
    Cache, Choice, Conversation, Conversations, Entry, Further, MOST_ATTEMPTS, NoProfile,
    Situation, Tried, choose,
};
use keyreeve_core::standing::{
    Because, Heard, Jitter, Kept, Organization, Readiness, RequestClass, Scope, Scopes, Standing,
    claim, combine, readiness, step,
};
use keyreeve_core::verdict::Verdict;
use keyreeve_core::virtual_key::{KeyId, Strategy, VirtualKey};
use uuid::Uuid;

use super::{MINUTE, at, out_of_credit, refused};

const REQUESTS: i64 = 10_000;
/// How long a request waits for the end of a limit, in milliseconds.
const PATIENCE: i64 = 5_000;
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
        static ALL: LazyLock<[Vec<Scope>; 5]> =
            LazyLock::new(|| std::array::from_fn(|profile| scopes(profile).all()));
        combine(ALL[profile].iter().map(|scope| {
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
    static VENDOR: LazyLock<BaseUrl> =
        LazyLock::new(|| BaseUrl::parse("https://api.anthropic.com", PlainHttp::Refused).unwrap());
    VENDOR.clone()
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

/// A request on its way: when it came, whose conversation it is, what was tried.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    /// When something happens to it next.
    millis: i64,
    number: i64,
    came: i64,
    conversation: u8,
    attempts: u32,
}

/// A key for all profiles, and what came of its requests.
struct Run {
    profiles: Vec<Profile>,
    key: VirtualKey,
    truth: Truth,
    known: Known,
    conversations: Conversations,
    uses: HashMap<ProfileId, u64>,
    tried: HashMap<i64, Vec<Tried>>,
    waiting: BinaryHeap<Reverse<Request>>,
    came_of: Counts,
}

/// What came of all requests.
#[derive(Default)]
struct Counts {
    served: i64,
    /// Answered by an upstream, and not served.
    failed: i64,
    /// Answered by ourselves.
    refused: i64,
    attempts: u64,
    failed_attempts: i64,
    waits: i64,
    /// Served by the profile that held the conversation, and by another one.
    kept: i64,
    moved: i64,
}

impl Run {
    fn new(strategy: Strategy) -> Self {
        let profiles: Vec<Profile> = (0..MEMBERS.len()).map(profile).collect();
        let key = VirtualKey {
            id: KeyId(Uuid::nil()),
            name: "tool".parse().unwrap(),
            profiles: profiles.iter().map(|profile| profile.id).collect(),
            billing: Some(BillingClass::Metered),
            strategy,
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
            conversations: Conversations::new(100),
            uses: HashMap::new(),
            tried: HashMap::new(),
            waiting: BinaryHeap::new(),
            came_of: Counts::default(),
        }
    }

    /// Plays everything that happens up to this moment.
    fn play_until(&mut self, millis: i64) {
        while let Some(Reverse(next)) = self.waiting.peek()
            && next.millis <= millis
            && let Some(Reverse(request)) = self.waiting.pop()
        {
            self.go_on(request);
        }
    }

    /// Goes on with a request until it is answered or waits.
    fn go_on(&mut self, mut request: Request) {
        let name = Conversation::of(Some(&request.conversation.to_string()), None).unwrap();
        let now = now_at(request.millis);
        loop {
            let tried = self.tried.entry(request.number).or_default().clone();
            let held = self.conversations.held_by(self.key.id, name, now);
            let choice = self.choose(&tried, held, (request.came, now));
            let chosen = match choice {
                Ok(Given::Use(chosen, entry)) => {
                    if entry == Entry::AsProbe {
                        self.known.claim(chosen, now);
                    }
                    chosen
                }
                Ok(Given::Wait(until)) => {
                    self.came_of.waits += 1;
                    request.millis = until;
                    return self.waiting.push(Reverse(request));
                }
                Err(none) if tried.is_empty() => {
                    assert!(matches!(none, NoProfile::Resting { at, .. } if at > now));
                    self.came_of.refused += 1;
                    return self.check_refusal(request.millis);
                }
                Err(_) => {
                    self.came_of.failed += 1;
                    return self.check_refusal(request.millis);
                }
            };
            request.attempts += 1;
            let verdict = self.attempt(chosen, (name, held), request.millis);
            if verdict == Verdict::ok() {
                return;
            }
            let further = Further::after(verdict, Some(429), Kept::Sealed);
            let Some(further) = further.filter(|_| request.attempts < MOST_ATTEMPTS) else {
                self.came_of.failed += 1;
                return;
            };
            let tried = self.tried.entry(request.number).or_default();
            tried.push(Tried {
                profile: id_of(chosen),
                origin: base_url().origin().clone(),
                further,
            });
        }
    }

    /// Makes an attempt, and counts what came of it.
    fn attempt(
        &mut self,
        chosen: usize,
        (name, held): (Conversation, Option<ProfileId>),
        millis: i64,
    ) -> Verdict {
        let (id, now) = (id_of(chosen), now_at(millis));
        self.came_of.attempts += 1;
        self.uses.insert(id, self.came_of.attempts);
        self.conversations.hold((self.key.id, name), id, now);
        let verdict = self.truth.answer(chosen, millis);
        self.known.hear(chosen, verdict, now);
        match (verdict == Verdict::ok(), held) {
            (false, _) => self.came_of.failed_attempts += 1,
            (true, Some(held)) if held == id => self.came_of.kept += 1,
            (true, Some(_)) => self.came_of.moved += 1,
            (true, None) => {}
        }
        self.came_of.served += i64::from(verdict == Verdict::ok());
        verdict
    }

    fn choose(
        &self,
        tried: &[Tried],
        held: Option<ProfileId>,
        (came, now): (i64, Timestamp),
    ) -> Result<Given, NoProfile> {
        let situation = Situation {
            key: &self.key,
            tried,
            held,
            cache: Cache::Cold,
            wait_until: now_at(came + PATIENCE),
        };
        let choice = choose(
            &situation,
            |id| self.profiles.iter().find(|profile| profile.id == id),
            |profile| self.known.readiness(number(profile), now),
            |id| self.uses.get(&id).copied(),
        )?;
        Ok(match choice {
            Choice::Use(chosen) => Given::Use(number(chosen.profile), chosen.entry),
            Choice::Wait { until, .. } => {
                assert!(until > now);
                let millis = until.duration_since(at(0)).as_millis();
                Given::Wait(i64::try_from(millis).unwrap() + 1)
            }
        })
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

/// A choice, without what it borrows.
enum Given {
    Use(usize, Entry),
    /// Until this millisecond.
    Wait(i64),
}

fn number(profile: &Profile) -> usize {
    usize::try_from(profile.id.0.as_u128()).unwrap()
}

/// Plays ten thousand requests of eight conversations, and says what came of them and how long it took.
fn play(strategy: Strategy) -> (Counts, i64) {
    let mut run = Run::new(strategy);
    let (mut millis, mut dice) = (0_i64, 42_u64);
    for number in 0..REQUESTS {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        millis += i64::try_from(dice >> 33).unwrap() % 800;
        run.play_until(millis);
        if millis / 1_000 == 1_300 {
            // Its owner puts a new key in.
            run.known.0.remove(&Scope::Credential(id_of(0)));
        }
        run.go_on(Request {
            millis,
            number,
            came: millis,
            conversation: u8::try_from(dice >> 20 & 7).unwrap(),
            attempts: 0,
        });
    }
    run.play_until(i64::MAX);
    (run.came_of, millis)
}

#[test]
fn nothing_is_refused_that_a_ready_profile_could_have_served() {
    for strategy in [Strategy::Ordered, Strategy::Spread] {
        let (counts, millis) = play(strategy);
        let Counts {
            served,
            failed,
            refused,
            attempts,
            failed_attempts,
            waits,
            kept,
            moved,
        } = counts;
        assert_eq!(served + failed + refused, REQUESTS, "{strategy:?}");
        assert!(attempts <= 3 * REQUESTS.unsigned_abs());
        // Each limit that was met cost one request to find out, not one for each that came.
        let windows: i64 = LIMITS
            .iter()
            .map(|(_, long)| millis / 1_000 / long + 1)
            .sum();
        assert!(
            failed_attempts <= windows + 20,
            "{strategy:?}: {failed_attempts} failed in {windows}"
        );
        // What one profile could not serve another did, if any could.
        assert!(failed < failed_attempts, "{strategy:?}: {failed}");
        assert!(
            served > REQUESTS / 3 && refused > 0 && waits > 0,
            "{strategy:?}: {served} served, {refused} refused, {waits} waited"
        );
        // Conversations move because of limits, not by themselves.
        assert!(kept > 3 * moved, "{strategy:?}: {kept} kept, {moved} moved");
    }
}
