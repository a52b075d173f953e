//! NF-02: an upstream that cannot prove who it is gets not one byte of a request.

use keyreeve_store::Ending;
use keyreeve_testkit::leakscan::{self, LeakScan};
use keyreeve_testkit::upstream::{Authority, Handshake, Identity, Tls, Validity, reply};

use crate::books::check_books;
use crate::envelope::check_envelope;
use crate::stage::{ASK, Setup, Stage};

const NAME: &str = "localhost";

/// A stage before this upstream, which trusts `roots` beside the roots that are built in.
fn before(upstream: &Tls, roots: Option<String>) -> Stage {
    let setup = Setup {
        elsewhere: Some(upstream.base_url()),
        roots,
        ..Setup::default()
    };
    setup.start(|_| Vec::new())
}

#[track_caller]
fn check_refused(what: &str, identity: Identity, handshake: Handshake, roots: Option<String>) {
    let upstream = Tls::start(identity, handshake, |_| reply::json(200, "{}"));
    let stage = before(&upstream, roots);
    let answer = stage.post(ASK);
    let text = check_envelope(&answer, 502, "api_error");
    assert!(text.contains("cannot be reached"), "{what}: {text}");
    assert_eq!(answer.head.header("retry-after"), Some("1"), "{what}");

    assert_eq!(upstream.upstream().bytes(), Vec::<Vec<u8>>::new(), "{what}");
    let secrets = LeakScan::of([&stage.secret, &stage.key]);
    let wire = upstream.wire();
    assert!(!wire.is_empty(), "{what}: nobody came");
    for connection in &wire {
        leakscan::assert_none(&secrets.bytes("the wire", connection));
        assert_eq!(connection[..2], [22, 3], "{what}: it began with no hello");
    }
    let (row, ended) = stage.row();
    assert_eq!(
        (ended.ending, ended.cost.get()),
        (Ending::Failed, 0),
        "{what}"
    );
    assert_eq!(ended.verdict.as_deref(), Some("no_answer"), "{what}");
    check_books(&[row], &upstream.upstream().requests());
    assert!(stage.all_is_ready(), "{what}: a credential was punished");
}

#[test]
fn nf_02_who_cannot_prove_its_name_sees_no_request() {
    let (known, stranger) = (Authority::new(), Authority::new());
    let roots = || Some(known.pem());
    let whole = Handshake::Whole;
    let good = || known.issue(NAME, Validity::Now);
    for (what, identity, handshake, roots) in [
        ("self-signed", Identity::self_signed(NAME), whole, None),
        (
            "self-signed beside a root",
            Identity::self_signed(NAME),
            whole,
            roots(),
        ),
        ("expired", known.issue(NAME, Validity::Over), whole, roots()),
        (
            "not yet good",
            known.issue(NAME, Validity::ToCome),
            whole,
            roots(),
        ),
        (
            "another name",
            known.issue("api.anthropic.com", Validity::Now),
            whole,
            roots(),
        ),
        (
            "an unknown authority",
            stranger.issue(NAME, Validity::Now),
            whole,
            roots(),
        ),
        ("a root that is not configured", good(), whole, None),
        ("TLS 1.1", good(), Handshake::Tls11, roots()),
        ("no TLS", good(), Handshake::Plain, roots()),
        ("cut before a word", good(), Handshake::CutAfter(0), roots()),
        ("cut in the hello", good(), Handshake::CutAfter(40), roots()),
        (
            "cut in the certificate",
            good(),
            Handshake::CutAfter(400),
            roots(),
        ),
    ] {
        check_refused(what, identity, handshake, roots);
    }
}

#[test]
fn nf_02_a_configured_root_is_trusted_and_the_request_comes_whole() {
    let authority = Authority::new();
    let identity = authority.issue(NAME, Validity::Now);
    let upstream = Tls::start(identity, Handshake::Whole, |_| {
        reply::json(200, "{\"a\": 1}")
    });
    let stage = before(&upstream, Some(authority.pem()));
    for _ in 0..2 {
        let answer = stage.post(ASK);
        assert_eq!(
            (answer.status(), answer.text().as_str()),
            (200, "{\"a\": 1}")
        );
    }
    let requests = upstream.upstream().requests();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        assert_eq!(request.body, ASK);
        let sent = ("x-api-key".to_owned(), stage.secret.value().to_owned());
        assert_eq!(request.credentials(), [sent]);
    }
    assert_eq!(upstream.wire().len(), 1, "the connection is kept");
    let secrets = LeakScan::of([&stage.secret, &stage.key]);
    leakscan::assert_none(&secrets.bytes("the wire", &upstream.wire()[0]));
    check_books(&stage.rows(), &requests);
}
