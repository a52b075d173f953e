//! Health: a profile in cooldown is skipped until it ends, and clients get the right retry time.
//!
//! The upstream is the sandbox; each profile's key fails by its own script.

use std::time::{Duration, Instant};

use keyreeve_core::health::{Health, HealthScope, ManualAction, apply_action};
use keyreeve_core::profile::{Auth, BillingClass, Profile, ProfileId};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::virtual_key::{KeyId, KeyKind, VirtualKey, generate_key};
use keyreeve_os::system;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::sandbox::Sandbox;
use keyreeve_testkit::upstream::responses;
use keyreeve_testkit::wire::WireResponse;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error_envelope::{check_error, retry_after};
use crate::harness::{JSON, REQUEST_BODY, Setup, TestGateway};

/// A gateway in front of the sandbox, with profile `work` (A) and more profiles (B, C), and a key for all of them.
struct SandboxPool {
    sandbox: Sandbox,
    gateway: TestGateway,
    key: String,
    /// The secrets, A's first.
    secrets: Vec<Canary>,
    profiles: Vec<Profile>,
}

impl SandboxPool {
    /// Creates A, and one more profile for each billing class.
    fn with(others: &[BillingClass]) -> Self {
        let sandbox = Sandbox::start();
        let gateway = Setup {
            upstream_url: Some(sandbox.base_url()),
            ..Setup::default()
        }
        .start(|_| responses::json(500, "{}"));
        let mut pool = Self {
            secrets: vec![Canary::generated("profile-a", gateway.secret.value())],
            profiles: vec![gateway.profile.clone()],
            key: String::new(),
            sandbox,
            gateway,
        };
        for (number, billing) in others.iter().enumerate() {
            pool.add(number, *billing);
        }
        pool.key = pool.key_for_all();
        pool
    }

    fn add(&mut self, number: usize, billing: BillingClass) {
        let secret = Canary::api_key("further-profile");
        let profile = Profile {
            id: ProfileId(Uuid::from_u128(100 + number as u128)),
            name: format!("further-{number}").parse().unwrap(),
            billing,
            auth: Auth::ApiKey,
            ..self.gateway.profile.clone()
        };
        let sealed = Secret::new(secret.value().to_owned());
        self.gateway
            .store
            .add_profile(&profile, Some(&sealed))
            .unwrap();
        self.secrets.push(secret);
        self.profiles.push(profile);
    }

    fn key_for_all(&self) -> String {
        let new_key = generate_key(KeyKind::User, [9; 30]);
        let key = VirtualKey {
            id: KeyId(Uuid::from_u128(7)),
            name: "all".parse().unwrap(),
            profiles: self.profiles.iter().map(|profile| profile.id).collect(),
            ..self.gateway.virtual_key.clone()
        };
        let store = &self.gateway.store;
        store
            .add_key(&key, new_key.public_id, new_key.hash)
            .unwrap();
        new_key.key.expose_for(Sink::Display).to_owned()
    }

    fn script(&self, profile: usize, steps: &Value) {
        self.sandbox.script(&self.secrets[profile], steps);
    }

    #[track_caller]
    fn post(&self) -> WireResponse {
        let headers = [
            JSON,
            ("anthropic-version", "2023-06-01"),
            ("x-api-key", self.key.as_str()),
        ];
        self.gateway
            .send("POST /v1/messages", &headers, REQUEST_BODY)
    }

    /// Sends one request and returns the number of the profile used.
    #[track_caller]
    fn profile_used(&self) -> usize {
        let before = self.gateway.entries().len();
        self.post();
        let entries = self.gateway.entries();
        assert_eq!(entries.len(), before + 1, "one attempt");
        let id = entries[before].intent.profile;
        self.profiles.iter().position(|p| p.id == id).unwrap()
    }
}

/// A minute limit, with these headers.
fn rate_limited(headers: &Value) -> Value {
    json!({"status": 429, "headers": headers, "body": {"type": "error", "error": {
        "type": "rate_limit_error",
        "message": "This request would exceed your organization's rate limit of 50 requests per minute",
    }}})
}

#[test]
fn limited_profile_is_skipped_until_its_cooldown_ends() {
    let pool = SandboxPool::with(&[BillingClass::Gateway]);
    pool.script(0, &json!([rate_limited(&json!({"retry-after": "3"}))]));
    let started = Instant::now();
    // The other profile serves at once.
    assert_eq!(pool.post().status(), 200);
    while started.elapsed() < Duration::from_millis(2_500) {
        assert_eq!(pool.profile_used(), 1);
        std::thread::sleep(Duration::from_millis(200));
    }
    // Three seconds, and up to a quarter of it as jitter.
    std::thread::sleep(Duration::from_millis(3_800).saturating_sub(started.elapsed()));
    assert_eq!(pool.profile_used(), 0);
    assert!(pool.gateway.all_profiles_ready());
}

#[test]
fn retry_after_is_the_first_end_of_all_cooldowns() {
    let pool = SandboxPool::with(&[BillingClass::Gateway]);
    pool.script(0, &json!([rate_limited(&json!({"retry-after": "40"}))]));
    pool.script(1, &json!([rate_limited(&json!({"retry-after": "20"}))]));
    let last = pool.post();
    assert_eq!(
        (last.status(), retry_after(&last)),
        (429, 20),
        "the last upstream response"
    );
    let response = pool.post();
    let text = check_error(&response, 429, "rate_limit_error");
    assert!(
        (18..=22).contains(&retry_after(&response)),
        "{}",
        retry_after(&response)
    );
    assert_eq!(response.head.header("x-should-retry"), None);
    assert!(
        text.contains("further-0") && text.contains("minute_limit"),
        "{text}"
    );
    assert_eq!(pool.gateway.entries().len(), 2, "nothing was sent upstream");
}

#[test]
fn long_wait_stops_clients_from_retrying() {
    let pool = SandboxPool::with(&[]);
    pool.script(0, &json!([rate_limited(&json!({"retry-after": "600"}))]));
    pool.profile_used();
    let response = pool.post();
    check_error(&response, 429, "rate_limit_error");
    assert!(retry_after(&response) > 590);
    assert_eq!(response.head.header("x-should-retry"), Some("false"));
}

#[test]
fn cooldown_survives_a_restart() {
    let pool = SandboxPool::with(&[]);
    pool.script(0, &json!([rate_limited(&json!({"retry-after": "600"}))]));
    pool.profile_used();
    let snapshot = pool.gateway.open_second_store().lease_snapshot().unwrap();
    let stored: Vec<&Health> = snapshot.health.iter().map(|(_, health)| health).collect();
    assert!(
        matches!(stored.as_slice(), [Health::Cooldown(_)]),
        "{stored:?}"
    );
}

#[test]
fn profiles_of_one_organization_share_a_cooldown() {
    let pool = SandboxPool::with(&[BillingClass::Gateway, BillingClass::Gateway]);
    let same = json!({"anthropic-organization-id": "one-organization"});
    let credit = json!({"error": "credit", "headers": same});
    pool.script(0, &json!([credit]));
    pool.script(1, &json!([{"ok": true, "headers": same}]));
    // B's response names its organization.
    let apply = |profile: usize, action| {
        let scope = HealthScope::Credential(pool.profiles[profile].id);
        let change = move |health| apply_action(health, action, system::now());
        pool.gateway.store.update_health(&scope, change).unwrap();
    };
    apply(0, ManualAction::Drain);
    assert_eq!(pool.profile_used(), 1);
    apply(0, ManualAction::Resume);
    // A is out of credit, and so is B, which is not tried: C serves.
    assert_eq!(pool.post().status(), 200);
    let entries = pool.gateway.entries();
    let used: Vec<_> = entries.iter().map(|entry| entry.intent.profile).collect();
    assert_eq!(used, [1, 0, 2].map(|profile| pool.profiles[profile].id));
}

#[test]
fn estimated_cooldown_is_probed_early_once() {
    let pool = SandboxPool::with(&[]);
    pool.script(0, &json!([{"error": "credit", "times": 2}]));
    // The first request starts the cooldown; the second probes it, because no other profile is left.
    assert_eq!(pool.post().status(), 400);
    assert_eq!(pool.post().status(), 400);
    let response = pool.post();
    check_error(&response, 429, "rate_limit_error");
    assert_eq!(pool.gateway.entries().len(), 2);
}

#[test]
fn rejected_credential_is_confirmed_once_then_names_the_fix() {
    let pool = SandboxPool::with(&[]);
    pool.script(0, &json!([{"error": "invalid_key", "times": 2}]));
    assert_eq!((pool.post().status(), pool.post().status()), (401, 401));
    let response = pool.post();
    let text = check_error(&response, 403, "permission_error");
    assert!(text.contains("keyreeve profile rotate work"), "{text}");
    assert_eq!(response.head.header("x-should-retry"), Some("false"));
    // A new secret starts ready.
    let secret = Secret::new(pool.secrets[0].value().to_owned());
    let store = &pool.gateway.store;
    store.rotate_profile(&pool.profiles[0], &secret).unwrap();
    assert_eq!(pool.post().status(), 200);
}

#[test]
fn single_401_does_not_kill_a_credential() {
    let pool = SandboxPool::with(&[]);
    pool.script(0, &json!([{"error": "invalid_key"}]));
    assert_eq!(pool.post().status(), 401);
    for _ in 0..3 {
        assert_eq!(pool.post().status(), 200);
    }
}

#[test]
fn other_billing_class_is_skipped_and_named() {
    let pool = SandboxPool::with(&[BillingClass::Metered]);
    pool.script(0, &json!([rate_limited(&json!({"retry-after": "30"}))]));
    pool.profile_used();
    let text = check_error(&pool.post(), 429, "rate_limit_error");
    assert!(text.contains("billed as metered"), "{text}");
    assert_eq!(pool.gateway.entries().len(), 1);
}

#[test]
fn failing_upstream_opens_the_circuit_without_cooldown() {
    let pool = SandboxPool::with(&[]);
    pool.script(0, &json!([{"error": "internal", "times": 6}]));
    for _ in 0..5 {
        assert_eq!(pool.post().status(), 500);
    }
    // One request probes early, because no other profile is left; the next is not sent.
    assert_eq!(pool.post().status(), 500);
    let response = pool.post();
    check_error(&response, 529, "overloaded_error");
    assert!((1..=5).contains(&retry_after(&response)));
    assert!(pool.gateway.all_profiles_ready());
    assert_eq!(pool.gateway.entries().len(), 6);
}
