//! CO-03: once a revocation is acknowledged, to whatever process, no further request goes upstream.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keyreeve_core::virtual_key::{Kind, mint};
use keyreeve_os::world;
use keyreeve_testkit::upstream::reply;

use crate::envelope::check_refusal;
use crate::stage::{ASK, JSON, Stage, eventually};

const CLIENTS: usize = 50;

/// Asks until it has been refused three times; each request says whether it was begun after the acknowledgement.
fn client(stage: &Stage, acknowledged: &AtomicBool) {
    let (mut exchange, mut refused) = (stage.open(), 0);
    let begun = Instant::now();
    while refused < 3 {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "the key is never refused"
        );
        let after = acknowledged.load(Ordering::SeqCst);
        let mark = ("x-begun", if after { "after" } else { "before" });
        exchange.write(&stage.request("POST /v1/messages", &[JSON, mark], ASK));
        let answer = stage.saw(exchange.answer().unwrap());
        if answer.status() == 401 {
            let text = check_refusal(&answer, 401, "authentication_error");
            assert!(text.contains("revoked"), "{text}");
            refused += 1;
        } else {
            assert_eq!((answer.status(), after), (200, false), "{}", answer.text());
            assert_eq!(refused, 0, "a refused key was let in again");
        }
    }
}

#[test]
fn co_03_revoke_race() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
    let another_process = stage.another_store();
    let acknowledged = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| client(&stage, &acknowledged));
        }
        assert!(eventually(|| stage.upstream.requests().len() > CLIENTS));
        another_process
            .revoke_key(stage.key_row.id, world::now())
            .unwrap();
        acknowledged.store(true, Ordering::SeqCst);
    });
    let requests = stage.upstream.requests();
    let after = requests
        .iter()
        .filter(|request| request.head.header("x-begun") != Some("before"));
    assert_eq!(after.count(), 0);
    assert_eq!(stage.rows().len(), requests.len());
}

#[test]
fn co_03_a_key_revoked_while_its_body_is_read_opens_nothing() {
    let stage = Stage::start(|_| Vec::new());
    let request = stage.request("POST /v1/messages", &[JSON], ASK);
    let mut exchange = stage.open();
    exchange.write(&request[..request.len() - 1]);
    // Answered after the head of the other was read: one thread serves both, in order.
    stage.ask("GET /healthz", &[], b"");
    stage
        .another_store()
        .revoke_key(stage.key_row.id, world::now())
        .unwrap();
    exchange.write(&request[request.len() - 1..]);
    let answer = stage.saw(exchange.answer().unwrap());
    check_refusal(&answer, 401, "authentication_error");
    stage.assert_nothing_happened();
}

#[test]
fn a_rotated_key_ends_when_it_was_told_to() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
    let new = mint(Kind::User, world::random().unwrap());
    let now = world::now();
    let until = now + jiff::SignedDuration::from_secs(60);
    stage
        .another_store()
        .rotate_key(stage.key_row.id, (new.public_id, new.hash), until)
        .unwrap();
    assert_eq!(stage.post(ASK).status(), 200, "the old one is still good");
    let newer = mint(Kind::User, world::random().unwrap());
    stage
        .another_store()
        .rotate_key(stage.key_row.id, (newer.public_id, newer.hash), now)
        .unwrap();
    check_refusal(&stage.post(ASK), 401, "authentication_error");
}
