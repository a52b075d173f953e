//! What goes upstream: everything the client sent, as it sent it, but for its credentials and what is between two hops.

use keyreeve_core::profile::{Auth, Provenance};
use keyreeve_core::token::Family;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::{Received, reply};

use crate::stage::{ASK, JSON, Setup, Stage};

/// A body that no serializer would write like this.
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
    ("x-nobody-knows", "kept  as it is"),
];

/// The upstream's copy of the headers that are not the connection's own, names in lower case, in order of the names.
fn arrived(received: &Received) -> Vec<(String, String)> {
    let mut headers: Vec<_> = received
        .head
        .headers
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.clone()))
        .filter(|(name, _)| !matches!(name.as_str(), "host" | "content-length"))
        .collect();
    // Stable: what was sent under one name stays in its order.
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    headers
}

#[test]
fn body_query_and_open_headers_arrive_as_they_were_sent() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
    let line = "POST /v1/messages?beta=true&x=%2F%20+";
    let answer = stage.ask(line, &OPEN_HEADERS, ODD_BODY.as_bytes());
    assert_eq!(answer.status(), 200, "{}", answer.text());

    let received = &stage.upstream.requests()[0];
    assert_eq!(received.head.line, format!("{line} HTTP/1.1"));
    assert_eq!(received.body, ODD_BODY.as_bytes());
    let length = ODD_BODY.len().to_string();
    assert_eq!(
        received.head.header("content-length"),
        Some(length.as_str())
    );
    let host = stage.upstream.address().to_string();
    assert_eq!(received.head.all("host").collect::<Vec<_>>(), [host]);

    let mut expected: Vec<_> = OPEN_HEADERS
        .iter()
        .chain(&[
            ("accept-encoding", "identity"),
            ("x-api-key", stage.secret.value()),
        ])
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    expected.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!(arrived(received), expected);
}

#[test]
fn a_profiles_path_stands_before_the_version() {
    let setup = Setup {
        path: "/anthropic",
        ..Setup::default()
    };
    let stage = setup.start(|_| reply::json(200, "{}"));
    stage.post(ASK);
    assert_eq!(
        stage.upstream.requests()[0].head.line,
        "POST /anthropic/v1/messages HTTP/1.1"
    );
}

/// The profile's credential arrives in the right header, in whatever header the client presents its key.
#[track_caller]
fn check_credential(setup: impl Fn() -> Setup, name: &str, scheme: &str) {
    let stage = setup().start(|_| reply::json(200, "{}"));
    let key = stage.key.value();
    let bearer = format!("Bearer {key}");
    for presented in [("x-api-key", key), ("authorization", bearer.as_str())] {
        let answer = stage.ask("POST /v1/messages", &[JSON, presented], ASK);
        assert_eq!(answer.status(), 200, "{}", answer.text());
    }
    for received in stage.upstream.requests() {
        let credential = format!("{scheme}{}", stage.secret.value());
        assert_eq!(received.credentials(), [(name.to_owned(), credential)]);
    }
}

#[test]
fn the_credential_goes_in_the_header_its_upstream_wants() {
    check_credential(Setup::default, "x-api-key", "");
    let bearer = || Setup {
        auth: Auth::Bearer,
        ..Setup::default()
    };
    check_credential(bearer, "authorization", "Bearer ");
    // The vendor judges by family, whatever the profile was told.
    let vendor = || Setup {
        auth: Auth::Bearer,
        simulated: true,
        ..Setup::default()
    };
    check_credential(vendor, "x-api-key", "");
    check_credential(organization, "authorization", "Bearer ");
}

/// An OAuth token that an organization obtained.
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
    let stage = setup.start(|_| reply::json(200, "{}"));
    let betas = sent.iter().map(|value| ("anthropic-beta", *value));
    let headers: Vec<_> = betas.chain([JSON]).collect();
    stage.ask("POST /v1/messages", &headers, ASK);
    let received = &stage.upstream.requests()[0];
    assert_eq!(
        received.head.all("anthropic-beta").collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn one_value_of_the_betas_follows_the_credential() {
    const OAUTH: &str = "oauth-2025-04-20";
    check_beta(organization(), &[], &[OAUTH]);
    check_beta(organization(), &["a, b"], &["a, b,oauth-2025-04-20"]);
    check_beta(
        organization(),
        &["a,oauth-2025-04-20"],
        &["a,oauth-2025-04-20"],
    );
    let vendor = || Setup {
        simulated: true,
        ..Setup::default()
    };
    check_beta(vendor(), &[OAUTH], &[]);
    check_beta(vendor(), &["a,oauth-2025-04-20,b"], &["a,b"]);
    check_beta(vendor(), &["a ,b", "c"], &["a ,b", "c"]);
}

#[test]
fn what_is_between_two_hops_or_tells_of_the_client_stays_behind() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
    let own_origin = format!("http://{}", stage.address);
    let left_behind = [
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
    let headers = [&left_behind[..], &[JSON]].concat();
    let answer = stage.ask("POST /v1/messages", &headers, ASK);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let names: Vec<_> = arrived(&stage.upstream.requests()[0])
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["accept-encoding", "content-type", "x-api-key"]);
}

#[test]
fn connection_cannot_take_a_protected_header_away() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
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
    let answer = stage.ask("POST /v1/messages", &headers, ASK);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let received = &stage.upstream.requests()[0];
    for (name, value) in &headers[2..] {
        assert_eq!(
            received.head.all(name).collect::<Vec<_>>(),
            [*value],
            "{name}"
        );
    }
    assert_eq!(received.body, ASK);
    let credential = ("x-api-key".to_owned(), stage.secret.value().to_owned());
    assert_eq!(received.credentials(), [credential]);
}
