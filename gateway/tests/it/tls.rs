//! NF-02: an upstream whose certificate is not valid gets no byte of a request.

use keyreeve_store::Ending;
use keyreeve_testkit::leakscan::{self, LeakScan};
use keyreeve_testkit::upstream::{
    CertificateAuthority, Handshake, Identity, TlsUpstream, Validity, responses,
};

use crate::error_envelope::check_error;
use crate::harness::{REQUEST_BODY, Setup, TestGateway};
use crate::ledger_check::check_ledger;

const NAME: &str = "localhost";

/// Starts a gateway in front of this upstream, which trusts `extra_root` in addition to the built-in roots.
fn start_gateway(upstream: &TlsUpstream, extra_root: Option<String>) -> TestGateway {
    let setup = Setup {
        upstream_url: Some(upstream.base_url()),
        extra_root,
        ..Setup::default()
    };
    setup.start(|_| Vec::new())
}

#[track_caller]
fn check_refused(what: &str, identity: Identity, handshake: Handshake, extra_root: Option<String>) {
    let upstream = TlsUpstream::start(identity, handshake, |_| responses::json(200, "{}"));
    let gateway = start_gateway(&upstream, extra_root);
    let response = gateway.post(REQUEST_BODY);
    let text = check_error(&response, 502, "api_error");
    assert!(text.contains("cannot be reached"), "{what}: {text}");
    assert_eq!(response.head.header("retry-after"), Some("1"), "{what}");

    assert_eq!(upstream.upstream().bytes(), Vec::<Vec<u8>>::new(), "{what}");
    let secrets = LeakScan::new([&gateway.secret, &gateway.key]);
    let wire = upstream.wire_bytes();
    assert!(!wire.is_empty(), "{what}: there was no connection");
    for connection in &wire {
        leakscan::assert_no_leaks(&secrets.bytes("the wire", connection));
        assert_eq!(
            connection[..2],
            [22, 3],
            "{what}: it does not start with a TLS hello"
        );
    }
    let (entry, outcome) = gateway.entry();
    assert_eq!(
        (outcome.ending, outcome.cost.get()),
        (Ending::Failed, 0),
        "{what}"
    );
    assert_eq!(outcome.verdict.as_deref(), Some("no_answer"), "{what}");
    check_ledger(&[entry], &upstream.upstream().requests());
    assert!(
        gateway.all_profiles_ready(),
        "{what}: a credential was blamed"
    );
}

/// NF-02: an upstream with an invalid certificate or handshake gets no request.
#[test]
fn invalid_certificate_gets_no_request() {
    let (known, stranger) = (CertificateAuthority::new(), CertificateAuthority::new());
    let extra_root = || Some(known.pem());
    let complete = Handshake::Complete;
    let valid = || known.issue(NAME, Validity::Valid);
    for (what, identity, handshake, extra_root) in [
        ("self-signed", Identity::self_signed(NAME), complete, None),
        (
            "self-signed next to a root",
            Identity::self_signed(NAME),
            complete,
            extra_root(),
        ),
        (
            "expired",
            known.issue(NAME, Validity::Expired),
            complete,
            extra_root(),
        ),
        (
            "not yet valid",
            known.issue(NAME, Validity::NotYetValid),
            complete,
            extra_root(),
        ),
        (
            "another name",
            known.issue("api.anthropic.com", Validity::Valid),
            complete,
            extra_root(),
        ),
        (
            "an unknown authority",
            stranger.issue(NAME, Validity::Valid),
            complete,
            extra_root(),
        ),
        ("a root that is not configured", valid(), complete, None),
        ("TLS 1.1", valid(), Handshake::Tls11, extra_root()),
        ("no TLS", valid(), Handshake::PlainHttp, extra_root()),
        (
            "cut at the start",
            valid(),
            Handshake::TruncatedAfter(0),
            extra_root(),
        ),
        (
            "cut in the hello",
            valid(),
            Handshake::TruncatedAfter(40),
            extra_root(),
        ),
        (
            "cut in the certificate",
            valid(),
            Handshake::TruncatedAfter(400),
            extra_root(),
        ),
    ] {
        check_refused(what, identity, handshake, extra_root);
    }
}

/// NF-02: an upstream with a certificate of the configured root gets the request.
#[test]
fn configured_root_certificate_is_trusted() {
    let authority = CertificateAuthority::new();
    let identity = authority.issue(NAME, Validity::Valid);
    let upstream = TlsUpstream::start(identity, Handshake::Complete, |_| {
        responses::json(200, "{\"a\": 1}")
    });
    let gateway = start_gateway(&upstream, Some(authority.pem()));
    for _ in 0..2 {
        let response = gateway.post(REQUEST_BODY);
        assert_eq!(
            (response.status(), response.text().as_str()),
            (200, "{\"a\": 1}")
        );
    }
    let requests = upstream.upstream().requests();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        assert_eq!(request.body, REQUEST_BODY);
        let sent = ("x-api-key".to_owned(), gateway.secret.value().to_owned());
        assert_eq!(request.credentials(), [sent]);
    }
    assert_eq!(upstream.wire_bytes().len(), 1, "the connection is reused");
    let secrets = LeakScan::new([&gateway.secret, &gateway.key]);
    leakscan::assert_no_leaks(&secrets.bytes("the wire", &upstream.wire_bytes()[0]));
    check_ledger(&gateway.entries(), &requests);
}
