//! NF-05: timeouts of a stalled upstream. Nothing hangs, and the request's share of the body budget is released.

use std::time::Duration;

use keyreeve_broker::upstream::Timeouts;
use keyreeve_store::Ending;
use keyreeve_testkit::upstream::{
    CertificateAuthority, FullBacklog, Handshake, Scripted, Step, TlsUpstream, Validity, responses,
};

use crate::error_envelope::check_error;
use crate::harness::{REQUEST_BODY, Setup, TestGateway};
use crate::ledger_check::check_ledger;

/// The timeout under test; the others are long enough to show which one fired.
const SHORT_TIMEOUT: Duration = Duration::from_millis(300);

fn long_timeouts() -> Timeouts {
    Timeouts {
        connect: Duration::from_mins(1),
        head: Duration::from_mins(1),
        idle: Duration::from_mins(1),
    }
}

/// Starts a gateway whose body budget has room for one request at a time.
fn start_gateway(
    upstream_url: String,
    timeouts: Timeouts,
    extra_root: Option<String>,
) -> TestGateway {
    let mut setup = Setup {
        upstream_url: Some(upstream_url),
        timeouts,
        extra_root,
        ..Setup::default()
    };
    setup.config.body_budget = 1024;
    setup.start(|_| Vec::new())
}

/// The expected record: the request may have been sent upstream, or certainly was not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sent {
    Yes,
    No,
}

/// Sends two requests: if the first did not release the body budget, the second would get another error.
#[track_caller]
fn check_stalled(what: &str, gateway: &TestGateway, sent: Sent) {
    for _ in 0..2 {
        let response = gateway.post(REQUEST_BODY);
        check_error(&response, 504, "timeout_error");
        assert_eq!(response.head.header("retry-after"), Some("1"), "{what}");
    }
    let entries = gateway.entries();
    assert_eq!(entries.len(), 2, "{what}");
    for entry in &entries {
        let outcome = entry.outcome.as_ref().unwrap();
        let expected = match sent {
            Sent::Yes => (Ending::Incomplete, entry.intent.reserved),
            Sent::No => (Ending::Failed, keyreeve_core::money::NanoDollars::ZERO),
        };
        assert_eq!((outcome.ending, outcome.cost), expected, "{what}");
    }
    assert!(
        gateway.all_profiles_ready(),
        "{what}: a credential was blamed"
    );
}

#[track_caller]
fn check_response(what: &str, steps: Vec<Step>, timeouts: Timeouts) {
    let upstream = Scripted::start(move |_| steps.clone());
    let gateway = start_gateway(upstream.base_url(), timeouts, None);
    check_stalled(what, &gateway, Sent::Yes);
    check_ledger(&gateway.entries(), &upstream.requests());
}

/// NF-05: an upstream that never responds.
#[test]
fn upstream_that_never_responds_times_out() {
    let timeouts = Timeouts {
        head: SHORT_TIMEOUT,
        ..long_timeouts()
    };
    check_response("silence", responses::hang(), timeouts);
}

/// NF-05: a response head that arrives byte by byte has the same timeout.
#[test]
fn slow_response_head_times_out() {
    let timeouts = Timeouts {
        head: SHORT_TIMEOUT,
        ..long_timeouts()
    };
    let head = responses::stream_head();
    let bytes = head.iter().map(|byte| Step::Send(vec![*byte])).collect();
    let drip = responses::paced(bytes, SHORT_TIMEOUT / 10);
    assert!(drip.len() > 40, "the head is complete before the timeout");
    check_response("drip", drip, timeouts);
}

/// NF-05: a response head without a body.
#[test]
fn response_head_without_a_body_times_out() {
    let timeouts = Timeouts {
        idle: SHORT_TIMEOUT,
        ..long_timeouts()
    };
    let stream = vec![Step::Send(responses::stream_head()), Step::Hang];
    check_response("a stream", stream, timeouts);
    let sized = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n";
    let json = vec![Step::Send(sized.to_vec()), Step::Hang];
    check_response("JSON", json, timeouts);
}

/// NF-05: a connection that is not accepted.
#[test]
fn connection_that_is_not_accepted_times_out() {
    let full = FullBacklog::start();
    let timeouts = Timeouts {
        connect: SHORT_TIMEOUT,
        ..long_timeouts()
    };
    let gateway = start_gateway(full.base_url(), timeouts, None);
    check_stalled("connect", &gateway, Sent::No);
}

/// NF-05: a TLS handshake without a reply.
#[test]
fn tls_handshake_without_a_reply_times_out() {
    let authority = CertificateAuthority::new();
    let identity = authority.issue("localhost", Validity::Valid);
    let upstream = TlsUpstream::start(identity, Handshake::NoResponse, |_| Vec::new());
    let timeouts = Timeouts {
        connect: SHORT_TIMEOUT,
        ..long_timeouts()
    };
    let gateway = start_gateway(upstream.base_url(), timeouts, Some(authority.pem()));
    check_stalled("handshake", &gateway, Sent::No);
    assert_eq!(upstream.upstream().bytes(), Vec::<Vec<u8>>::new());
}
