//! A profile that must rest is passed over, comes back when its time is over, and nobody is told a time that is not true.
//!
//! Behind the gateway stands the sandbox; each profile's key misbehaves by a script of its own.

use std::time::{Duration, Instant};

use keyreeve_core::profile::{Auth, BillingClass, Profile, ProfileId};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::standing::{Act, Scope, Standing, act};
use keyreeve_core::virtual_key::{KeyId, Kind, VirtualKey, mint};
use keyreeve_os::world;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::sandbox::Sandbox;
use keyreeve_testkit::upstream::reply;
use keyreeve_testkit::wire::Answer;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::envelope::check_envelope;
use crate::stage::{ASK, JSON, Setup, Stage};

/// A stage before the sandbox, with profile `work` (A) and others beside it, and a key for all of them.
struct Bench {
    sandbox: Sandbox,
    stage: Stage,
    key: String,
    /// The secrets, A's first.
    secrets: Vec<Canary>,
    profiles: Vec<Profile>,
}

impl Bench {
    /// A, and one more profile for each billing class.
    fn with(others: &[BillingClass]) -> Self {
        let sandbox = Sandbox::start();
        let stage = Setup {
            elsewhere: Some(sandbox.base_url()),
            ..Setup::default()
        }
        .start(|_| reply::json(500, "{}"));
        let mut bench = Self {
            secrets: vec![Canary::made("profile-a", stage.secret.value())],
            profiles: vec![stage.profile.clone()],
            key: String::new(),
            sandbox,
            stage,
        };
        for (number, billing) in others.iter().enumerate() {
            bench.add(number, *billing);
        }
        bench.key = bench.key_for_all();
        bench
    }

    fn add(&mut self, number: usize, billing: BillingClass) {
        let secret = Canary::api_key("further-profile");
        let profile = Profile {
            id: ProfileId(Uuid::from_u128(100 + number as u128)),
            name: format!("further-{number}").parse().unwrap(),
            billing,
            auth: Auth::ApiKey,
            ..self.stage.profile.clone()
        };
        let sealed = Secret::new(secret.value().to_owned());
        self.stage
            .store
            .add_profile(&profile, Some(&sealed))
            .unwrap();
        self.secrets.push(secret);
        self.profiles.push(profile);
    }

    fn key_for_all(&self) -> String {
        let minted = mint(Kind::User, [9; 30]);
        let key = VirtualKey {
            id: KeyId(Uuid::from_u128(7)),
            name: "all".parse().unwrap(),
            profiles: self.profiles.iter().map(|profile| profile.id).collect(),
            ..self.stage.key_row.clone()
        };
        let store = &self.stage.store;
        store.add_key(&key, minted.public_id, minted.hash).unwrap();
        minted.key.expose_for(Sink::Shown).to_owned()
    }

    fn script(&self, profile: usize, steps: &Value) {
        self.sandbox.script(&self.secrets[profile], steps);
    }

    #[track_caller]
    fn post(&self) -> Answer {
        let headers = [
            JSON,
            ("anthropic-version", "2023-06-01"),
            ("x-api-key", self.key.as_str()),
        ];
        self.stage.ask("POST /v1/messages", &headers, ASK)
    }

    /// Asks once and says which profile was used, by its number.
    #[track_caller]
    fn used(&self) -> usize {
        let before = self.stage.rows().len();
        self.post();
        let rows = self.stage.rows();
        assert_eq!(rows.len(), before + 1, "one attempt");
        let id = rows[before].intent.profile;
        self.profiles.iter().position(|p| p.id == id).unwrap()
    }
}

/// A minute limit, with what the server says of its end.
fn limited(headers: &Value) -> Value {
    json!({"status": 429, "headers": headers, "body": {"type": "error", "error": {
        "type": "rate_limit_error",
        "message": "This request would exceed your organization's rate limit of 50 requests per minute",
    }}})
}

fn seconds(answer: &Answer) -> u64 {
    answer.head.header("retry-after").unwrap().parse().unwrap()
}

#[test]
fn a_limited_profile_is_passed_over_until_its_time_and_not_a_moment_longer() {
    let bench = Bench::with(&[BillingClass::Gateway]);
    bench.script(0, &json!([limited(&json!({"retry-after": "3"}))]));
    let begun = Instant::now();
    // The other one serves at once.
    assert_eq!(bench.post().status(), 200);
    while begun.elapsed() < Duration::from_millis(2_500) {
        assert_eq!(bench.used(), 1);
        std::thread::sleep(Duration::from_millis(200));
    }
    // Three seconds, and a quarter of it at the most so that not all come back at once.
    std::thread::sleep(Duration::from_millis(3_800).saturating_sub(begun.elapsed()));
    assert_eq!(bench.used(), 0);
    assert!(bench.stage.store.known().unwrap().standings.all_ready());
}

#[test]
fn when_all_rest_the_answer_is_ours_with_the_soonest_time() {
    let bench = Bench::with(&[BillingClass::Gateway]);
    bench.script(0, &json!([limited(&json!({"retry-after": "40"}))]));
    bench.script(1, &json!([limited(&json!({"retry-after": "20"}))]));
    let told = bench.post();
    assert_eq!(
        (told.status(), seconds(&told)),
        (429, 20),
        "the last one's own"
    );
    let answer = bench.post();
    let text = check_envelope(&answer, 429, "rate_limit_error");
    assert!(
        (18..=22).contains(&seconds(&answer)),
        "{}",
        seconds(&answer)
    );
    assert_eq!(answer.head.header("x-should-retry"), None);
    assert!(
        text.contains("further-0") && text.contains("minute_limit"),
        "{text}"
    );
    assert_eq!(bench.stage.rows().len(), 2, "nothing went upstream");
}

#[test]
fn a_wait_that_is_no_help_is_told_and_not_to_be_waited() {
    let bench = Bench::with(&[]);
    bench.script(0, &json!([limited(&json!({"retry-after": "600"}))]));
    bench.used();
    let answer = bench.post();
    check_envelope(&answer, 429, "rate_limit_error");
    assert!(seconds(&answer) > 590);
    assert_eq!(answer.head.header("x-should-retry"), Some("false"));
}

#[test]
fn a_restart_keeps_it() {
    let bench = Bench::with(&[]);
    bench.script(0, &json!([limited(&json!({"retry-after": "600"}))]));
    bench.used();
    let known = bench.stage.another_store().known().unwrap();
    let kept: Vec<&Standing> = known
        .standings
        .iter()
        .map(|(_, standing)| standing)
        .collect();
    assert!(
        matches!(kept.as_slice(), [Standing::Resting(_)]),
        "{kept:?}"
    );
}

#[test]
fn profiles_of_one_organization_rest_together() {
    let bench = Bench::with(&[BillingClass::Gateway, BillingClass::Gateway]);
    let same = json!({"anthropic-organization-id": "one-organization"});
    let credit = json!({"error": "credit", "headers": same});
    bench.script(0, &json!([credit]));
    bench.script(1, &json!([{"ok": true, "headers": same}]));
    // B's own answer names its organization.
    let drain = |profile: usize, what| {
        let scope = Scope::Credential(bench.profiles[profile].id);
        let change = move |standing| act(standing, what, world::now());
        bench.stage.store.update_standing(&scope, change).unwrap();
    };
    drain(0, Act::Drain);
    assert_eq!(bench.used(), 1);
    drain(0, Act::Enable);
    // A is out of credit, and so is B, which nobody asks: C serves.
    assert_eq!(bench.post().status(), 200);
    let rows = bench.stage.rows();
    let used: Vec<_> = rows.iter().map(|row| row.intent.profile).collect();
    assert_eq!(used, [1, 0, 2].map(|profile| bench.profiles[profile].id));
}

#[test]
fn a_guessed_rest_is_asked_before_its_time_when_nothing_else_is_left_but_once() {
    let bench = Bench::with(&[]);
    bench.script(0, &json!([{"error": "credit", "times": 2}]));
    // The first finds out; the second, with nothing else left, asks whether it is still so.
    assert_eq!(bench.post().status(), 400);
    assert_eq!(bench.post().status(), 400);
    let refused = bench.post();
    check_envelope(&refused, 429, "rate_limit_error");
    assert_eq!(bench.stage.rows().len(), 2);
}

#[test]
fn a_refused_credential_is_confirmed_once_and_then_names_its_mending() {
    let bench = Bench::with(&[]);
    bench.script(0, &json!([{"error": "invalid_key", "times": 2}]));
    assert_eq!((bench.post().status(), bench.post().status()), (401, 401));
    let answer = bench.post();
    let text = check_envelope(&answer, 403, "permission_error");
    assert!(text.contains("keyreeve profile rotate work"), "{text}");
    assert_eq!(answer.head.header("x-should-retry"), Some("false"));
    // A new secret has a clean slate.
    let secret = Secret::new(bench.secrets[0].value().to_owned());
    let store = &bench.stage.store;
    store.rotate_profile(&bench.profiles[0], &secret).unwrap();
    assert_eq!(bench.post().status(), 200);
}

#[test]
fn an_edges_hiccup_kills_no_credential() {
    let bench = Bench::with(&[]);
    bench.script(0, &json!([{"error": "invalid_key"}]));
    assert_eq!(bench.post().status(), 401);
    for _ in 0..3 {
        assert_eq!(bench.post().status(), 200);
    }
}

#[test]
fn another_billing_class_is_never_crossed_into_and_the_answer_says_so() {
    let bench = Bench::with(&[BillingClass::Metered]);
    bench.script(0, &json!([limited(&json!({"retry-after": "30"}))]));
    bench.used();
    let text = check_envelope(&bench.post(), 429, "rate_limit_error");
    assert!(text.contains("billed as metered"), "{text}");
    assert_eq!(bench.stage.rows().len(), 1);
}

#[test]
fn a_failing_upstream_rests_nobody_and_is_left_alone_for_a_moment() {
    let bench = Bench::with(&[]);
    bench.script(0, &json!([{"error": "internal", "times": 6}]));
    for _ in 0..5 {
        assert_eq!(bench.post().status(), 500);
    }
    // One asks early, since nothing else is left; the next is spared the way.
    assert_eq!(bench.post().status(), 500);
    let answer = bench.post();
    check_envelope(&answer, 529, "overloaded_error");
    assert!((1..=5).contains(&seconds(&answer)));
    assert!(bench.stage.store.known().unwrap().standings.all_ready());
    assert_eq!(bench.stage.rows().len(), 6);
}
