//! CO-05: a credential is rotated while requests are in flight: none fails, and the old credential is not used again.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keyreeve_core::profile::Profile;
use keyreeve_core::secret::Secret;
use keyreeve_os::system;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::{ReceivedRequest, Step, responses};

use crate::harness::{JSON, REQUEST_BODY, Setup, TestGateway, eventually};
use crate::ledger_check::check_ledger;

const ROTATIONS: usize = 100;
const CLIENTS: usize = 8;
/// The time between two rotations.
const ROTATION_INTERVAL: Duration = Duration::from_millis(5);
/// The time for which the upstream still accepts a replaced key.
const OVERLAP: Duration = Duration::from_secs(1);

/// An upstream's keys, and when each was replaced.
#[derive(Default)]
struct UpstreamKeys {
    keys: Vec<String>,
    replaced: Mutex<Vec<Instant>>,
    rejected: AtomicUsize,
}

impl UpstreamKeys {
    /// The number of the key that a request was sent with, from 0.
    fn generation(&self, request: &ReceivedRequest) -> usize {
        let (_, sent) = request.credentials().remove(0);
        self.keys.iter().position(|key| *key == sent).unwrap()
    }

    fn respond(&self, request: &ReceivedRequest) -> Vec<Step> {
        let replaced = self.replaced.lock().unwrap();
        let since = replaced.get(self.generation(request));
        let is_expired = since.is_some_and(|since| since.elapsed() > OVERLAP);
        drop(replaced);
        if is_expired {
            self.rejected.fetch_add(1, Ordering::SeqCst);
            return responses::json(401, INVALID_KEY);
        }
        responses::paced(responses::json(200, "{}"), Duration::from_millis(3))
    }
}

const INVALID_KEY: &str =
    r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#;

/// Sends requests until it is stopped; each names the key that was in force when it was started.
fn client(gateway: &TestGateway, acknowledged: &AtomicUsize, stop: &AtomicBool) -> usize {
    let (mut exchange, mut served) = (gateway.connect(), 0);
    while !stop.load(Ordering::SeqCst) {
        let generation = acknowledged.load(Ordering::SeqCst).to_string();
        let header = ("x-acknowledged", generation.as_str());
        exchange.write(&gateway.request("POST /v1/messages", &[JSON, header], REQUEST_BODY));
        let response = gateway.record_response(exchange.response().unwrap());
        assert_eq!(response.status(), 200, "{}", response.text());
        served += 1;
    }
    served
}

/// Rotates as `keyreeve profile rotate` does in another process.
fn rotate(store: &keyreeve_store::Store, profile: &Profile, secret: &str) {
    let changed = Profile {
        rotated_at: Some(system::now()),
        ..profile.clone()
    };
    let secret = Secret::new(secret.to_owned());
    store.rotate_profile(&changed, &secret).unwrap();
}

/// CO-05: a hundred rotations under load fail no request, and no old key is used.
#[test]
fn hundred_rotations_under_load() {
    let secrets: Vec<Canary> = (0..=ROTATIONS)
        .map(|generation| Canary::api_key(&format!("generation-{generation}")))
        .collect();
    let keys = Arc::new(UpstreamKeys {
        keys: secrets.iter().map(|key| key.value().to_owned()).collect(),
        ..UpstreamKeys::default()
    });
    let upstream_keys = Arc::clone(&keys);
    let setup = Setup {
        secret: secrets[0].clone(),
        ..Setup::default()
    };
    let gateway = setup.start(move |request| upstream_keys.respond(request));
    let another_process = gateway.open_second_store();
    let (acknowledged, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let served: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| scope.spawn(|| client(&gateway, &acknowledged, &stop)))
            .collect();
        for (generation, secret) in secrets.iter().enumerate().skip(1) {
            rotate(&another_process, &gateway.profile, secret.value());
            keys.replaced.lock().unwrap().push(Instant::now());
            acknowledged.store(generation, Ordering::SeqCst);
            std::thread::sleep(ROTATION_INTERVAL);
        }
        // Until the second-to-last key is no longer accepted.
        std::thread::sleep(OVERLAP + ROTATION_INTERVAL);
        stop.store(true, Ordering::SeqCst);
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .sum()
    });

    let requests = gateway.upstream.requests();
    assert_eq!(
        (requests.len(), keys.rejected.load(Ordering::SeqCst)),
        (served, 0)
    );
    for request in &requests {
        let header = request.head.header("x-acknowledged").unwrap();
        let in_force: usize = header.parse().unwrap();
        let sent = keys.generation(request);
        assert!(
            sent >= in_force,
            "key {sent} was sent when {in_force} was in force"
        );
    }
    check_ledger(&gateway.entries(), &requests);
    assert!(gateway.all_profiles_ready());
}

/// CO-05: a late rejection of the old key does not change the health of the new one.
#[test]
fn late_refusal_of_the_old_key_does_not_affect_the_new() {
    let (old, new) = (Canary::api_key("old"), Canary::api_key("new"));
    let rotated = Arc::new(AtomicBool::new(false));
    let (seen, good) = (Arc::clone(&rotated), new.value().to_owned());
    let setup = Setup {
        secret: old,
        ..Setup::default()
    };
    let gateway = setup.start(move |request| {
        // The request was in flight when the key was replaced, and the response arrives late.
        assert!(eventually(|| seen.load(Ordering::SeqCst)));
        let (_, sent) = request.credentials().remove(0);
        if sent == good {
            responses::json(200, "{}")
        } else {
            responses::json(401, INVALID_KEY)
        }
    });
    let mut late = gateway.connect();
    late.write(&gateway.request("POST /v1/messages", &[JSON], REQUEST_BODY));
    assert!(eventually(|| gateway.upstream.requests().len() == 1));
    rotate(&gateway.open_second_store(), &gateway.profile, new.value());
    rotated.store(true, Ordering::SeqCst);
    let late = gateway.record_response(late.response().unwrap());
    assert!(matches!(late.status(), 200 | 401), "{}", late.text());

    assert!(gateway.all_profiles_ready(), "the new key is suspected");
    assert_eq!(gateway.post(REQUEST_BODY).status(), 200);
    check_ledger(&gateway.entries(), &gateway.upstream.requests());
}
