//! Pass-through changes nothing between client and upstream.

use keyreeve_core::price::CostBasis;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::responses;

use super::{CLAUDE_CODE_HEADERS, ODD_BODY, ROUTES, send, send_with, start_gateway};
use crate::harness::{JSON, REQUEST_BODY};

/// The headers of a script, with neither betas nor a version.
const SCRIPT_HEADERS: [(&str, &str); 3] = [
    JSON,
    ("user-agent", "python-httpx/0.28.1"),
    ("accept-encoding", "gzip, deflate"),
];

/// Hop-by-hop headers and keyreeve's own: the only ones that may differ between client and upstream.
const HOP_BY_HOP: [&str; 5] = [
    "host",
    "connection",
    "content-length",
    "accept-encoding",
    "x-keyreeve-key",
];

/// Sorts headers by name, and keeps those of one name in order.
fn by_name<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    let mut headers: Vec<_> = headers
        .into_iter()
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .filter(|(name, _)| !HOP_BY_HOP.contains(&name.as_str()))
        .collect();
    headers.sort_by(|(one, _), (other, _)| one.cmp(other));
    headers
}

/// Checks that nothing is added, changed or removed between client and upstream.
#[track_caller]
fn check_untouched(client: &[(&str, &str)], credential: (&str, &str)) {
    let gateway = start_gateway(|_| responses::json(200, "{}"));
    let line = "POST /passthrough/v1/messages?beta=true&x=%2F%20+";
    let key = ("x-keyreeve-key", gateway.key.value());
    let sent = [client, &[credential, key]].concat();
    let response = send_with(&gateway, line, &sent, ODD_BODY.as_bytes());
    assert_eq!(response.status(), 200, "{}", response.text());

    let received = &gateway.upstream.requests()[0];
    assert_eq!(
        received.head.line,
        "POST /v1/messages?beta=true&x=%2F%20+ HTTP/1.1"
    );
    assert_eq!(received.body, ODD_BODY.as_bytes());
    let got = received.head.headers.iter();
    assert_eq!(
        by_name(got.map(|(name, value)| (name.as_str(), value.as_str()))),
        by_name(sent.iter().copied())
    );
    // Of the hop-by-hop headers only those for framing are sent, and the request for an uncompressed response.
    let length = ODD_BODY.len().to_string();
    let address = gateway.upstream.address().to_string();
    for (name, expected) in [
        ("host", vec![address.as_str()]),
        ("content-length", vec![length.as_str()]),
        ("accept-encoding", vec!["identity"]),
        ("connection", vec![]),
        ("x-keyreeve-key", vec![]),
    ] {
        let got: Vec<_> = received.head.header_values(name).collect();
        assert_eq!(got, expected, "{name}");
    }
}

/// SU-03: requests of genuine-looking and plain clients are forwarded unchanged.
#[test]
fn client_request_is_unchanged() {
    let login = Canary::oauth("untouched");
    let api_key = Canary::api_key("untouched-key");
    let bearer = format!("Bearer {}", login.value());
    let odd = format!("bearer   {}", api_key.value());
    for client in [&CLAUDE_CODE_HEADERS[..], &SCRIPT_HEADERS[..], &[]] {
        check_untouched(client, ("authorization", &bearer));
        check_untouched(client, ("Authorization", &odd));
        check_untouched(client, ("x-api-key", api_key.value()));
    }
}

/// SU-03: two credentials of the client are both forwarded.
#[test]
fn two_client_credentials_are_both_passed_through() {
    let gateway = start_gateway(|_| responses::json(200, "{}"));
    let api_key = Canary::api_key("second");
    send(
        &gateway,
        "POST /passthrough/v1/messages",
        &[JSON, ("x-api-key", api_key.value())],
        REQUEST_BODY,
    );
    let expected = [
        (
            "authorization".to_owned(),
            format!("Bearer {}", gateway.client_token.value()),
        ),
        ("x-api-key".to_owned(), api_key.value().to_owned()),
    ];
    assert_eq!(gateway.upstream.requests()[0].credentials(), expected);
    // It is unknown which of them the upstream uses: it may cost money.
    assert_eq!(gateway.entry().1.basis, Some(CostBasis::AtMost));
}

#[test]
fn every_route_works_with_and_without_version() {
    let gateway = start_gateway(|_| responses::json(200, "{}"));
    for (requested, forwarded) in ROUTES {
        let variants = if requested.contains("/v1/") {
            ["/passthrough/", "/passthrough/v1/", "/passthrough/v1/v1/"]
                .map(|start| requested.replacen("/passthrough/v1/", start, 1))
                .to_vec()
        } else {
            let versioned = requested.replacen("/passthrough/", "/passthrough/v1/", 1);
            vec![requested.to_owned(), versioned]
        };
        for line in variants {
            let body = if line.starts_with("POST") {
                REQUEST_BODY
            } else {
                b""
            };
            let before = gateway.upstream.requests().len();
            let response = send(&gateway, &line, &[JSON], body);
            assert_eq!(response.status(), 200, "{line}: {}", response.text());
            let requests = gateway.upstream.requests();
            assert_eq!(requests.len(), before + 1);
            assert_eq!(
                requests[before].head.line,
                format!("{forwarded} HTTP/1.1"),
                "{line}"
            );
        }
    }
}
