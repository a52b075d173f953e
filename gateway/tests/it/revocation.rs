//! CO-03: after a revocation is acknowledged to any process, no request is sent upstream.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keyreeve_core::virtual_key::{KeyKind, generate_key};
use keyreeve_os::system;
use keyreeve_store::Ending;
use keyreeve_testkit::upstream::responses;
use keyreeve_testkit::wire::ResponseEnd;

use crate::error_envelope::check_final_error;
use crate::gated_upstream::GatedUpstream;
use crate::harness::{JSON, REQUEST_BODY, STREAM_REQUEST_BODY, Setup, TestGateway, eventually};

const CLIENTS: usize = 50;

/// Sends requests until three were refused; each has a header with its start, before or after the acknowledgement.
fn client(gateway: &TestGateway, acknowledged: &AtomicBool) {
    let (mut exchange, mut refused) = (gateway.connect(), 0);
    let started = Instant::now();
    while refused < 3 {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "the key is never refused"
        );
        let after = acknowledged.load(Ordering::SeqCst);
        let mark = ("x-started", if after { "after" } else { "before" });
        exchange.write(&gateway.request("POST /v1/messages", &[JSON, mark], REQUEST_BODY));
        let response = gateway.record_response(exchange.response().unwrap());
        if response.status() == 401 {
            let text = check_final_error(&response, 401, "authentication_error");
            assert!(text.contains("revoked"), "{text}");
            refused += 1;
        } else {
            assert_eq!(
                (response.status(), after),
                (200, false),
                "{}",
                response.text()
            );
            assert_eq!(refused, 0, "a refused key was accepted again");
        }
    }
}

/// CO-03: no request is sent upstream after a revocation is acknowledged, under load.
#[test]
fn revocation_under_load() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    let another_process = gateway.open_second_store();
    let acknowledged = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| client(&gateway, &acknowledged));
        }
        assert!(eventually(|| gateway.upstream.requests().len() > CLIENTS));
        another_process
            .revoke_key(gateway.virtual_key.id, system::now())
            .unwrap();
        acknowledged.store(true, Ordering::SeqCst);
    });
    let requests = gateway.upstream.requests();
    let after = requests
        .iter()
        .filter(|request| request.head.header("x-started") != Some("before"));
    assert_eq!(after.count(), 0);
    assert_eq!(gateway.entries().len(), requests.len());
}

/// CO-03: a key revoked while the request body is read is refused.
#[test]
fn key_revoked_while_the_body_is_read_is_refused() {
    let gateway = TestGateway::start(|_| Vec::new());
    let request = gateway.request("POST /v1/messages", &[JSON], REQUEST_BODY);
    let mut exchange = gateway.connect();
    exchange.write(&request[..request.len() - 1]);
    // The response arrives after the head of the other request was read: one thread serves both, in order.
    gateway.send("GET /healthz", &[], b"");
    gateway
        .open_second_store()
        .revoke_key(gateway.virtual_key.id, system::now())
        .unwrap();
    exchange.write(&request[request.len() - 1..]);
    let response = gateway.record_response(exchange.response().unwrap());
    check_final_error(&response, 401, "authentication_error");
    gateway.assert_nothing_sent();
}

#[test]
fn rotated_key_expires_at_its_time() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    let new = generate_key(KeyKind::User, system::random().unwrap());
    let now = system::now();
    let until = now + jiff::SignedDuration::from_secs(60);
    gateway
        .open_second_store()
        .rotate_key(gateway.virtual_key.id, (new.public_id, new.hash), until)
        .unwrap();
    assert_eq!(
        gateway.post(REQUEST_BODY).status(),
        200,
        "the old key is still valid"
    );
    let newer = generate_key(KeyKind::User, system::random().unwrap());
    gateway
        .open_second_store()
        .rotate_key(gateway.virtual_key.id, (newer.public_id, newer.hash), now)
        .unwrap();
    check_final_error(&gateway.post(REQUEST_BODY), 401, "authentication_error");
}

/// P4: a running stream of a revoked key ends within seconds, abnormally, and is recorded.
#[test]
fn running_stream_of_a_revoked_key_is_cut() {
    let upstream = GatedUpstream::start();
    let setup = Setup {
        upstream_url: Some(upstream.base_url()),
        ..Setup::default()
    };
    let gateway = setup.start(|_| Vec::new());
    let mut exchange = gateway.connect();
    exchange.write(&gateway.request("POST /v1/messages", &[JSON], STREAM_REQUEST_BODY));
    let event = "event: message_start\ndata: {\"type\":\"message_start\"}\n\n";
    upstream.send(event.as_bytes());
    assert_eq!(exchange.next_event().unwrap().text, event);
    let another_process = gateway.open_second_store();
    another_process
        .revoke_key(gateway.virtual_key.id, system::now())
        .unwrap();
    let revoked = Instant::now();
    let response = gateway.record_response(exchange.response().unwrap());
    assert!(revoked.elapsed() < Duration::from_secs(5));
    assert_eq!(response.end, ResponseEnd::ClosedEarly);
    assert_eq!(gateway.entry().1.ending, Ending::Incomplete);
    assert!(upstream.client_disconnected());
}
