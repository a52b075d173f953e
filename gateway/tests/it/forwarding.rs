//! Forwarding: the request is sent upstream unchanged, except for credentials and hop-by-hop headers.

use keyreeve_core::profile::{Auth, Provenance};
use keyreeve_core::token::Family;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::{ReceivedRequest, responses};

use crate::harness::{JSON, REQUEST_BODY, Setup, TestGateway};

/// A body that no serializer would produce.
const ODD_BODY: &str = "{ \"max_tokens\" :16,\r\n\t\"model\":\"claude-haiku-5-5\" , \"new_field\":{\"a\":[1.0, 2e0,1E+2]},\n\"messages\":[{\"role\":\"user\",\"content\":\"w\u{f6}rld \\u2713 \u{2028} \\/\"}],\"new_field\":null }  ";

const OPEN_HEADERS: [(&str, &str); 12] = [
    JSON,
    ("accept", "application/json"),
    ("user-agent", "claude-cli/2.1.329 (external, cli)"),
    ("anthropic-version", "2023-06-01"),
    ("anthropic-beta", "one-2025-01-01, two"),
    ("anthropic-beta", "three"),
    ("anthropic-new-thing", "x;y=\"z\""),
    ("anthropic-dangerous-direct-browser-access", "true"),
    ("x-stainless-retry-count", "0"),
    ("x-app", "cli"),
    ("x-claude-code-session-id", "0000-1111"),
    ("x-unknown", "kept  as it is"),
];

/// The headers received upstream, without those of the connection, with lower-case names, sorted by name.
fn arrived(received: &ReceivedRequest) -> Vec<(String, String)> {
    let mut headers: Vec<_> = received
        .head
        .headers
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.clone()))
        .filter(|(name, _)| !matches!(name.as_str(), "host" | "content-length"))
        .collect();
    // A stable sort: values of one name stay in order.
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    headers
}

#[test]
fn body_query_and_headers_are_forwarded_unchanged() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    let line = "POST /v1/messages?beta=true&x=%2F%20+";
    let response = gateway.send(line, &OPEN_HEADERS, ODD_BODY.as_bytes());
    assert_eq!(response.status(), 200, "{}", response.text());

    let received = &gateway.upstream.requests()[0];
    assert_eq!(received.head.line, format!("{line} HTTP/1.1"));
    assert_eq!(received.body, ODD_BODY.as_bytes());
    let length = ODD_BODY.len().to_string();
    assert_eq!(
        received.head.header("content-length"),
        Some(length.as_str())
    );
    let host = gateway.upstream.address().to_string();
    assert_eq!(
        received.head.header_values("host").collect::<Vec<_>>(),
        [host]
    );

    let mut expected: Vec<_> = OPEN_HEADERS
        .iter()
        .chain(&[
            ("accept-encoding", "identity"),
            ("x-api-key", gateway.secret.value()),
        ])
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    expected.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!(arrived(received), expected);
}

#[test]
fn profile_path_is_put_before_the_version() {
    let setup = Setup {
        upstream_path: "/anthropic",
        ..Setup::default()
    };
    let gateway = setup.start(|_| responses::json(200, "{}"));
    gateway.post(REQUEST_BODY);
    assert_eq!(
        gateway.upstream.requests()[0].head.line,
        "POST /anthropic/v1/messages HTTP/1.1"
    );
}

/// Checks that the profile's credential is sent in the right header, whichever header the client's key is in.
#[track_caller]
fn check_credential(setup: impl Fn() -> Setup, name: &str, scheme: &str) {
    let gateway = setup().start(|_| responses::json(200, "{}"));
    let key = gateway.key.value();
    let bearer = format!("Bearer {key}");
    for presented in [("x-api-key", key), ("authorization", bearer.as_str())] {
        let response = gateway.send("POST /v1/messages", &[JSON, presented], REQUEST_BODY);
        assert_eq!(response.status(), 200, "{}", response.text());
    }
    for received in gateway.upstream.requests() {
        let credential = format!("{scheme}{}", gateway.secret.value());
        assert_eq!(received.credentials(), [(name.to_owned(), credential)]);
    }
}

#[test]
fn credential_is_sent_in_the_header_its_upstream_expects() {
    check_credential(Setup::default, "x-api-key", "");
    let bearer = || Setup {
        auth: Auth::Bearer,
        ..Setup::default()
    };
    check_credential(bearer, "authorization", "Bearer ");
    // Anthropic's API expects a header by token family, whatever the profile is set to.
    let anthropic = || Setup {
        auth: Auth::Bearer,
        simulated: true,
        ..Setup::default()
    };
    check_credential(anthropic, "x-api-key", "");
    check_credential(organization, "authorization", "Bearer ");
}

/// A profile with an OAuth token obtained for an organization.
pub(crate) fn organization() -> Setup {
    Setup {
        secret: Canary::oauth("profile"),
        family: Family::OauthAccess,
        provenance: Provenance::Federation,
        simulated: true,
        ..Setup::default()
    }
}

#[track_caller]
fn check_beta(setup: Setup, sent: &[&str], expected: &[&str]) {
    let gateway = setup.start(|_| responses::json(200, "{}"));
    let betas = sent.iter().map(|value| ("anthropic-beta", *value));
    let headers: Vec<_> = betas.chain([JSON]).collect();
    gateway.send("POST /v1/messages", &headers, REQUEST_BODY);
    let received = &gateway.upstream.requests()[0];
    assert_eq!(
        received
            .head
            .header_values("anthropic-beta")
            .collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn oauth_beta_value_follows_the_credential() {
    const OAUTH: &str = "oauth-2025-04-20";
    check_beta(organization(), &[], &[OAUTH]);
    check_beta(organization(), &["a, b"], &["a, b,oauth-2025-04-20"]);
    check_beta(
        organization(),
        &["a,oauth-2025-04-20"],
        &["a,oauth-2025-04-20"],
    );
    let anthropic = || Setup {
        simulated: true,
        ..Setup::default()
    };
    check_beta(anthropic(), &[OAUTH], &[]);
    check_beta(anthropic(), &["a,oauth-2025-04-20,b"], &["a,b"]);
    check_beta(anthropic(), &["a ,b", "c"], &["a ,b", "c"]);
}

#[test]
fn hop_by_hop_and_client_headers_are_dropped() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    let own_origin = format!("http://{}", gateway.address);
    let dropped = [
        ("connection", "keep-alive, x-between-hops"),
        ("x-between-hops", "1"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("trailer", "x-sum"),
        ("proxy-authorization", "Basic eDp5"),
        ("proxy-connection", "keep-alive"),
        ("cookie", "session=1"),
        ("origin", own_origin.as_str()),
        ("forwarded", "for=10.0.0.1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-host", "evil.test"),
        ("x-forwarded-proto", "https"),
        ("accept-encoding", "gzip, br"),
        ("expect", "100-continue"),
    ];
    let headers = [&dropped[..], &[JSON]].concat();
    let response = gateway.send("POST /v1/messages", &headers, REQUEST_BODY);
    assert_eq!(response.status(), 200, "{}", response.text());
    let names: Vec<_> = arrived(&gateway.upstream.requests()[0])
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["accept-encoding", "content-type", "x-api-key"]);
}

#[test]
fn connection_cannot_remove_a_protected_header() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    let headers = [
        (
            "connection",
            "anthropic-beta, x-api-key, anthropic-version, content-type",
        ),
        ("connection", "content-length, host, authorization"),
        ("anthropic-beta", "kept"),
        ("anthropic-version", "2023-06-01"),
        JSON,
    ];
    let response = gateway.send("POST /v1/messages", &headers, REQUEST_BODY);
    assert_eq!(response.status(), 200, "{}", response.text());
    let received = &gateway.upstream.requests()[0];
    for (name, value) in &headers[2..] {
        assert_eq!(
            received.head.header_values(name).collect::<Vec<_>>(),
            [*value],
            "{name}"
        );
    }
    assert_eq!(received.body, REQUEST_BODY);
    let credential = ("x-api-key".to_owned(), gateway.secret.value().to_owned());
    assert_eq!(received.credentials(), [credential]);
}
