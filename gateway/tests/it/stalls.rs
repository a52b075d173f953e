//! NF-05: an upstream that stalls, wherever it does, is let go in time: nothing hangs, and what it held is free again.

use std::time::Duration;

use keyreeve_broker::upstream::Patience;
use keyreeve_store::Ending;
use keyreeve_testkit::upstream::{
    Authority, Handshake, Scripted, Step, Tls, Unaccepting, Validity, reply,
};

use crate::books::check_books;
use crate::envelope::check_envelope;
use crate::stage::{ASK, Setup, Stage};

/// One limit is short, and all others long enough to show which it was.
const SHORT: Duration = Duration::from_millis(300);

fn patience() -> Patience {
    Patience {
        connect: Duration::from_mins(1),
        head: Duration::from_mins(1),
        silence: Duration::from_mins(1),
    }
}

/// A stage that has room for one request body at a time.
fn stage(elsewhere: String, patience: Patience, roots: Option<String>) -> Stage {
    let mut setup = Setup {
        elsewhere: Some(elsewhere),
        patience,
        roots,
        ..Setup::default()
    };
    setup.config.body_budget = 1024;
    setup.start(|_| Vec::new())
}

/// Whether the request can have come before the upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sent {
    Yes,
    No,
}

/// Asks twice: had the first left its room taken, the second would be told that there is none.
#[track_caller]
fn check_stalled(what: &str, stage: &Stage, sent: Sent) {
    for _ in 0..2 {
        let answer = stage.post(ASK);
        check_envelope(&answer, 504, "timeout_error");
        assert_eq!(answer.head.header("retry-after"), Some("1"), "{what}");
    }
    let rows = stage.rows();
    assert_eq!(rows.len(), 2, "{what}");
    for row in &rows {
        let ended = row.ended.as_ref().unwrap();
        let expected = match sent {
            Sent::Yes => (Ending::Incomplete, row.intent.reserved),
            Sent::No => (Ending::Failed, keyreeve_core::money::NanoDollars::ZERO),
        };
        assert_eq!((ended.ending, ended.cost), expected, "{what}");
    }
    assert!(stage.all_is_ready(), "{what}: a credential was punished");
}

#[track_caller]
fn check_answer(what: &str, steps: Vec<Step>, patience: Patience) {
    let upstream = Scripted::start(move |_| steps.clone());
    let stage = stage(upstream.base_url(), patience, None);
    check_stalled(what, &stage, Sent::Yes);
    check_books(&stage.rows(), &upstream.requests());
}

#[test]
fn nf_05_an_upstream_that_says_nothing() {
    let patience = Patience {
        head: SHORT,
        ..patience()
    };
    check_answer("silence", reply::silence(), patience);
}

#[test]
fn nf_05_a_head_that_comes_byte_by_byte_has_no_more_time_than_one_that_does_not_come() {
    let patience = Patience {
        head: SHORT,
        ..patience()
    };
    let head = reply::stream_head();
    let bytes = head.iter().map(|byte| Step::Send(vec![*byte])).collect();
    let drip = reply::paced(bytes, SHORT / 10);
    assert!(drip.len() > 40, "the drip is over before the limit");
    check_answer("drip", drip, patience);
}

#[test]
fn nf_05_a_head_without_a_body() {
    let patience = Patience {
        silence: SHORT,
        ..patience()
    };
    let stream = vec![Step::Send(reply::stream_head()), Step::Silence];
    check_answer("a stream", stream, patience);
    let sized = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n";
    let json = vec![Step::Send(sized.to_vec()), Step::Silence];
    check_answer("JSON", json, patience);
}

#[test]
fn nf_05_a_connection_that_nobody_accepts() {
    let full = Unaccepting::start();
    let patience = Patience {
        connect: SHORT,
        ..patience()
    };
    let stage = stage(full.base_url(), patience, None);
    check_stalled("connect", &stage, Sent::No);
}

#[test]
fn nf_05_a_connection_on_which_nobody_speaks_tls() {
    let authority = Authority::new();
    let identity = authority.issue("localhost", Validity::Now);
    let upstream = Tls::start(identity, Handshake::Silent, |_| Vec::new());
    let patience = Patience {
        connect: SHORT,
        ..patience()
    };
    let stage = stage(upstream.base_url(), patience, Some(authority.pem()));
    check_stalled("handshake", &stage, Sent::No);
    assert_eq!(upstream.upstream().bytes(), Vec::<Vec<u8>>::new());
}
