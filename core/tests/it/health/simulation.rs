//! Simulation in virtual time: ten thousand requests of eight conversations over five profiles of three organizations,
//! with rate limits, selection, waiting and retries.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::health::{
    CooldownReason, Health, HealthInput, HealthScope, HealthScopes, Jitter, Organization,
    Readiness, RequestClass, SecretStorage, claim_probe, combine, readiness, transition,
};
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{
    Auth, BillingClass, Profile, ProfileId, Provenance, SecretExposure, Source,
};
use keyreeve_core::select::{
    CacheBenefit, Conversation, FailedAttempt, LeaseMode, MAX_ATTEMPTS, NoProfileError,
    PinnedConversations, RetryWith, Selection, SelectionInput, choose,
};
use keyreeve_core::verdict::Verdict;
use keyreeve_core::virtual_key::{KeyId, Strategy, VirtualKey};
use uuid::Uuid;

use super::{MINUTE_LIMIT_MESSAGE, at, out_of_credit, rejected};

const REQUESTS: i64 = 10_000;
/// Maximum time a request waits for the end of a limit, in milliseconds.
const MAX_WAIT: i64 = 5_000;
/// The organization of each profile.
const MEMBERS: [usize; 5] = [0, 0, 1, 1, 2];
/// Requests per window, window in seconds, of each organization.
const LIMITS: [(u32, i64); 3] = [(40, 60), (20, 30), (10, 20)];

/// The actual state of the three organizations.
#[derive(Default)]
struct Upstreams {
    used: [u32; 3],
    window: [i64; 3],
}

impl Upstreams {
    fn respond(&mut self, profile: usize, millis: i64) -> Verdict {
        let second = millis / 1_000;
        // The first key is revoked for a while, and the second organization is out of credit for another.
        if profile == 0 && (800..1_200).contains(&second) {
            return rejected();
        }
        let organization = MEMBERS[profile];
        if organization == 1 && (300..500).contains(&second) {
            return out_of_credit();
        }
        let (max, window) = LIMITS[organization];
        if self.window[organization] != second / window {
            self.window[organization] = second / window;
            self.used[organization] = 0;
        }
        if self.used[organization] < max {
            self.used[organization] += 1;
            return Verdict::ok();
        }
        let wait = (second / window + 1) * window * 1_000 - millis;
        limited_for(wait, now_at(millis))
    }

    fn would_serve(&self, profile: usize, millis: i64) -> bool {
        let mut copy = Self {
            used: self.used,
            window: self.window,
        };
        copy.respond(profile, millis) == Verdict::ok()
    }
}

fn now_at(millis: i64) -> Timestamp {
    at(0) + SignedDuration::from_millis(millis)
}

fn limited_for(millis: i64, now: Timestamp) -> Verdict {
    let body = serde_json::json!({"type": "error", "error": {"type": "rate_limit_error", "message": MINUTE_LIMIT_MESSAGE}}).to_string();
    let wait = format!("{}.{:03}", millis / 1_000, millis % 1_000);
    let response = keyreeve_core::verdict::ErrorResponse {
        status: 429,
        headers: &[("retry-after", &wait)],
        body: body.as_bytes(),
    };
    Verdict::from_response(&response, now)
}

/// The health that keyreeve has recorded.
#[derive(Default)]
struct RecordedHealth(HashMap<HealthScope, Health>);

impl RecordedHealth {
    fn readiness(&self, profile: usize, now: Timestamp) -> Readiness {
        static ALL: LazyLock<[Vec<HealthScope>; 5]> =
            LazyLock::new(|| std::array::from_fn(|profile| scopes(profile).all()));
        combine(ALL[profile].iter().map(|scope| {
            let health = self.0.get(scope).copied().unwrap_or_default();
            readiness(&health, now)
        }))
    }

    fn claim(&mut self, profile: usize, now: Timestamp) {
        for scope in scopes(profile).all() {
            let health = self.0.get(&scope).copied().unwrap_or_default();
            if let Some(claimed) = claim_probe(&health, now) {
                self.0.insert(scope, claimed);
            }
        }
    }

    fn record(&mut self, profile: usize, verdict: Verdict, now: Timestamp) {
        let input = HealthInput {
            verdict,
            leased_at: now,
            storage: SecretStorage::Sealed,
            jitter: Jitter(0),
        };
        let affected = if verdict == Verdict::ok() {
            scopes(profile).all()
        } else {
            scopes(profile).affected_by(verdict).into_iter().collect()
        };
        for scope in affected {
            let health = self.0.entry(scope).or_default();
            *health = transition(*health, &input, now);
        }
    }
}

fn base_url() -> BaseUrl {
    static ANTHROPIC: LazyLock<BaseUrl> = LazyLock::new(|| {
        BaseUrl::parse("https://api.anthropic.com", PlainHttp::Forbidden).unwrap()
    });
    ANTHROPIC.clone()
}

fn scopes(profile: usize) -> HealthScopes {
    let id = format!("organization-{}", MEMBERS[profile]);
    HealthScopes {
        profile: id_of(profile),
        organization: Some(Organization::new(base_url().origin(), &id).unwrap()),
        class: RequestClass::from_model("claude-haiku-5-5"),
    }
}

fn id_of(profile: usize) -> ProfileId {
    ProfileId(Uuid::from_u128(profile as u128))
}

fn profile(number: usize) -> Profile {
    Profile {
        secret_exposure: SecretExposure::RequestsOnly,
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

/// A request in progress.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    /// The time of its next event.
    millis: i64,
    number: i64,
    arrived: i64,
    conversation: u8,
    attempts: u32,
}

/// One simulation: a key for all profiles, and the results of its requests.
struct Run {
    profiles: Vec<Profile>,
    key: VirtualKey,
    upstreams: Upstreams,
    recorded: RecordedHealth,
    conversations: PinnedConversations,
    uses: HashMap<ProfileId, u64>,
    failed_attempts: HashMap<i64, Vec<FailedAttempt>>,
    waiting: BinaryHeap<Reverse<Request>>,
    counts: Counts,
}

/// The results of all requests.
#[derive(Default)]
struct Counts {
    served: i64,
    /// Failed by an upstream.
    failed: i64,
    /// Refused by keyreeve.
    refused: i64,
    attempts: u64,
    failed_attempts: i64,
    waits: i64,
    /// Served by the pinned profile, and by another one.
    sticky: i64,
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
            allow_billing: Vec::new(),
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
            upstreams: Upstreams::default(),
            recorded: RecordedHealth::default(),
            conversations: PinnedConversations::new(100),
            uses: HashMap::new(),
            failed_attempts: HashMap::new(),
            waiting: BinaryHeap::new(),
            counts: Counts::default(),
        }
    }

    /// Runs every event up to this time.
    fn run_until(&mut self, millis: i64) {
        while let Some(Reverse(next)) = self.waiting.peek()
            && next.millis <= millis
            && let Some(Reverse(request)) = self.waiting.pop()
        {
            self.continue_request(request);
        }
    }

    /// Continues a request until it is done or waits.
    fn continue_request(&mut self, mut request: Request) {
        let name =
            Conversation::from_client_ids(Some(&request.conversation.to_string()), None).unwrap();
        let now = now_at(request.millis);
        loop {
            let failed_attempts = self
                .failed_attempts
                .entry(request.number)
                .or_default()
                .clone();
            let pinned = self.conversations.pinned_to(self.key.id, name, now);
            let selection = self.choose(&failed_attempts, pinned, (request.arrived, now));
            let selected = match selection {
                Ok(OwnedSelection::Use(selected, lease_mode)) => {
                    if lease_mode == LeaseMode::Probe {
                        self.recorded.claim(selected, now);
                    }
                    selected
                }
                Ok(OwnedSelection::Wait(until)) => {
                    self.counts.waits += 1;
                    request.millis = until;
                    return self.waiting.push(Reverse(request));
                }
                Err(none) if failed_attempts.is_empty() => {
                    assert!(
                        matches!(none, NoProfileError::AllCoolingDown { until, .. } if until > now)
                    );
                    self.counts.refused += 1;
                    return self.check_refusal(request.millis);
                }
                Err(_) => {
                    self.counts.failed += 1;
                    return self.check_refusal(request.millis);
                }
            };
            request.attempts += 1;
            let verdict = self.attempt(selected, (name, pinned), request.millis);
            if verdict == Verdict::ok() {
                return;
            }
            let retry_with = RetryWith::from_verdict(verdict, Some(429), SecretStorage::Sealed);
            let Some(retry_with) = retry_with.filter(|_| request.attempts < MAX_ATTEMPTS) else {
                self.counts.failed += 1;
                return;
            };
            let failed_attempts = self.failed_attempts.entry(request.number).or_default();
            failed_attempts.push(FailedAttempt {
                profile: id_of(selected),
                origin: base_url().origin().clone(),
                retry_with,
            });
        }
    }

    /// Makes an attempt and counts its result.
    fn attempt(
        &mut self,
        selected: usize,
        (name, pinned): (Conversation, Option<ProfileId>),
        millis: i64,
    ) -> Verdict {
        let (id, now) = (id_of(selected), now_at(millis));
        self.counts.attempts += 1;
        self.uses.insert(id, self.counts.attempts);
        self.conversations.pin((self.key.id, name), id, now);
        let verdict = self.upstreams.respond(selected, millis);
        self.recorded.record(selected, verdict, now);
        match (verdict == Verdict::ok(), pinned) {
            (false, _) => self.counts.failed_attempts += 1,
            (true, Some(pinned)) if pinned == id => self.counts.sticky += 1,
            (true, Some(_)) => self.counts.moved += 1,
            (true, None) => {}
        }
        self.counts.served += i64::from(verdict == Verdict::ok());
        verdict
    }

    fn choose(
        &self,
        failed_attempts: &[FailedAttempt],
        pinned: Option<ProfileId>,
        (arrived, now): (i64, Timestamp),
    ) -> Result<OwnedSelection, NoProfileError> {
        let input = SelectionInput {
            key: &self.key,
            failed_attempts,
            pinned,
            cache_benefit: CacheBenefit::Significant,
            wait_until: now_at(arrived + MAX_WAIT),
        };
        let selection = choose(
            &input,
            |id| self.profiles.iter().find(|profile| profile.id == id),
            |profile| self.recorded.readiness(number(profile), now),
            |id| self.uses.get(&id).copied(),
        )?;
        Ok(match selection {
            Selection::Use(selected) => {
                OwnedSelection::Use(number(selected.profile), selected.lease_mode)
            }
            Selection::Wait { until, .. } => {
                assert!(until > now);
                let millis = until.duration_since(at(0)).as_millis();
                OwnedSelection::Wait(i64::try_from(millis).unwrap() + 1)
            }
        })
    }

    /// Checks that no profile that was ready, or in cooldown until a server's reset, could have served. A missing
    /// credit and a dead key end at an unknown time, which only a probe detects.
    fn check_refusal(&self, millis: i64) {
        for profile in 0..MEMBERS.len() {
            let has_server_time = match self.recorded.readiness(profile, now_at(millis)) {
                Readiness::Ready | Readiness::Probe => true,
                Readiness::Cooldown { reason, .. } => {
                    matches!(reason, CooldownReason::Response(code) if code.name() == "minute_limit")
                }
                Readiness::Blocked(_) => false,
            };
            let could_serve = has_server_time && self.upstreams.would_serve(profile, millis);
            assert!(!could_serve, "{profile} at {millis}");
        }
    }
}

/// An owned selection.
enum OwnedSelection {
    Use(usize, LeaseMode),
    /// Until this millisecond.
    Wait(i64),
}

fn number(profile: &Profile) -> usize {
    usize::try_from(profile.id.0.as_u128()).unwrap()
}

/// Runs ten thousand requests of eight conversations and returns the counts and the duration.
fn simulate(strategy: Strategy) -> (Counts, i64) {
    let mut run = Run::new(strategy);
    let (mut millis, mut random) = (0_i64, 42_u64);
    for number in 0..REQUESTS {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        millis += i64::try_from(random >> 33).unwrap() % 800;
        run.run_until(millis);
        if millis / 1_000 == 1_300 {
            // The user replaces the key.
            run.recorded.0.remove(&HealthScope::Credential(id_of(0)));
        }
        run.continue_request(Request {
            millis,
            number,
            arrived: millis,
            conversation: u8::try_from(random >> 20 & 7).unwrap(),
            attempts: 0,
        });
    }
    run.run_until(i64::MAX);
    (run.counts, millis)
}

#[test]
fn request_is_not_refused_if_a_ready_profile_could_serve_it() {
    for strategy in [Strategy::Ordered, Strategy::Spread] {
        let (counts, millis) = simulate(strategy);
        let Counts {
            served,
            failed,
            refused,
            attempts,
            failed_attempts,
            waits,
            sticky,
            moved,
        } = counts;
        assert_eq!(served + failed + refused, REQUESTS, "{strategy:?}");
        assert!(attempts <= 3 * REQUESTS.unsigned_abs());
        // Each limit cost one failed attempt, not one per request.
        let windows: i64 = LIMITS
            .iter()
            .map(|(_, window)| millis / 1_000 / window + 1)
            .sum();
        assert!(
            failed_attempts <= windows + 20,
            "{strategy:?}: {failed_attempts} failed in {windows}"
        );
        // Failover served most requests that one profile could not.
        assert!(failed < failed_attempts, "{strategy:?}: {failed}");
        assert!(
            served > REQUESTS / 3 && refused > 0 && waits > 0,
            "{strategy:?}: {served} served, {refused} refused, {waits} waited"
        );
        // Conversations move only because of limits.
        assert!(
            sticky > 3 * moved,
            "{strategy:?}: {sticky} sticky, {moved} moved"
        );
    }
}
