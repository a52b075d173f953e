//! CO-05: a credential is replaced while requests are on their way: none fails for it, and the old one is used no more.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keyreeve_core::profile::Profile;
use keyreeve_core::secret::Secret;
use keyreeve_os::world;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::{Received, Step, reply};

use crate::books::check_books;
use crate::stage::{ASK, JSON, Setup, Stage, eventually};

const ROTATIONS: usize = 100;
const CLIENTS: usize = 8;
/// Between two rotations.
const PACE: Duration = Duration::from_millis(5);
/// How long the upstream still takes a key that has been replaced.
const OVERLAP: Duration = Duration::from_secs(1);

/// An upstream's keys, and since when each has been replaced.
#[derive(Default)]
struct Keys {
    good: Vec<String>,
    replaced: Mutex<Vec<Instant>>,
    rejected: AtomicUsize,
}

impl Keys {
    /// Which key a request came with, counted from the first.
    fn generation(&self, request: &Received) -> usize {
        let (_, sent) = request.credentials().remove(0);
        self.good.iter().position(|key| *key == sent).unwrap()
    }

    fn answer(&self, request: &Received) -> Vec<Step> {
        let replaced = self.replaced.lock().unwrap();
        let since = replaced.get(self.generation(request));
        let is_over = since.is_some_and(|since| since.elapsed() > OVERLAP);
        drop(replaced);
        if is_over {
            self.rejected.fetch_add(1, Ordering::SeqCst);
            return reply::json(401, REFUSED);
        }
        reply::paced(reply::json(200, "{}"), Duration::from_millis(3))
    }
}

const REFUSED: &str =
    r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#;

/// Asks until it is told to stop; each request says which key was in force before it was begun.
fn client(stage: &Stage, acknowledged: &AtomicUsize, over: &AtomicBool) -> usize {
    let (mut exchange, mut served) = (stage.open(), 0);
    while !over.load(Ordering::SeqCst) {
        let generation = acknowledged.load(Ordering::SeqCst).to_string();
        let mark = ("x-acknowledged", generation.as_str());
        exchange.write(&stage.request("POST /v1/messages", &[JSON, mark], ASK));
        let answer = stage.saw(exchange.answer().unwrap());
        assert_eq!(answer.status(), 200, "{}", answer.text());
        served += 1;
    }
    served
}

/// As `keyreeve profile rotate` does it, in another process.
fn rotate(store: &keyreeve_store::Store, profile: &Profile, secret: &str) {
    let changed = Profile {
        rotated_at: Some(world::now()),
        ..profile.clone()
    };
    let secret = Secret::new(secret.to_owned());
    store.rotate_profile(&changed, &secret).unwrap();
}

#[test]
fn co_05_a_hundred_rotations_under_load() {
    let secrets: Vec<Canary> = (0..=ROTATIONS)
        .map(|generation| Canary::api_key(&format!("generation-{generation}")))
        .collect();
    let keys = Arc::new(Keys {
        good: secrets.iter().map(|key| key.value().to_owned()).collect(),
        ..Keys::default()
    });
    let answering = Arc::clone(&keys);
    let setup = Setup {
        secret: secrets[0].clone(),
        ..Setup::default()
    };
    let stage = setup.start(move |request| answering.answer(request));
    let another_process = stage.another_store();
    let (acknowledged, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let served: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| scope.spawn(|| client(&stage, &acknowledged, &over)))
            .collect();
        for (generation, secret) in secrets.iter().enumerate().skip(1) {
            rotate(&another_process, &stage.profile, secret.value());
            keys.replaced.lock().unwrap().push(Instant::now());
            acknowledged.store(generation, Ordering::SeqCst);
            std::thread::sleep(PACE);
        }
        // Until the last but one is taken no more.
        std::thread::sleep(OVERLAP + PACE);
        over.store(true, Ordering::SeqCst);
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .sum()
    });

    let requests = stage.upstream.requests();
    assert_eq!(
        (requests.len(), keys.rejected.load(Ordering::SeqCst)),
        (served, 0)
    );
    for request in &requests {
        let mark = request.head.header("x-acknowledged").unwrap();
        let in_force: usize = mark.parse().unwrap();
        let sent = keys.generation(request);
        assert!(
            sent >= in_force,
            "key {sent} was sent when {in_force} was in force"
        );
    }
    check_books(&stage.rows(), &requests);
    assert!(stage.all_is_ready());
}

#[test]
fn co_05_a_refusal_of_the_old_key_says_nothing_about_the_new_one() {
    let (old, new) = (Canary::api_key("old"), Canary::api_key("new"));
    let rotated = Arc::new(AtomicBool::new(false));
    let (seen, good) = (Arc::clone(&rotated), new.value().to_owned());
    let setup = Setup {
        secret: old,
        ..Setup::default()
    };
    let stage = setup.start(move |request| {
        // It was on its way when the key was replaced, and comes too late.
        assert!(eventually(|| seen.load(Ordering::SeqCst)));
        let (_, sent) = request.credentials().remove(0);
        if sent == good {
            reply::json(200, "{}")
        } else {
            reply::json(401, REFUSED)
        }
    });
    let mut late = stage.open();
    late.write(&stage.request("POST /v1/messages", &[JSON], ASK));
    assert!(eventually(|| stage.upstream.requests().len() == 1));
    rotate(&stage.another_store(), &stage.profile, new.value());
    rotated.store(true, Ordering::SeqCst);
    let late = stage.saw(late.answer().unwrap());
    assert!(matches!(late.status(), 200 | 401), "{}", late.text());

    assert!(stage.all_is_ready(), "the new key is suspected");
    assert_eq!(stage.post(ASK).status(), 200);
    check_books(&stage.rows(), &stage.upstream.requests());
}
