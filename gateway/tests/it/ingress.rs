//! Ingress checks on raw sockets (WA-01 to WA-04): foreign `Host` and `Origin` are refused, and there is no CORS.

use keyreeve_testkit::upstream::responses;
use keyreeve_testkit::wire::{self, Exchange, WireResponse};

use crate::error_envelope::check_final_error;
use crate::harness::{JSON, RAW_IDLE_TIMEOUT, REQUEST_BODY, TestGateway};

/// Every route by method and path, and some paths without a route.
const ROUTES: [&str; 19] = [
    "POST /v1/messages",
    "POST /messages",
    "POST /v1/v1/messages",
    "POST /v1/messages/count_tokens",
    "POST /messages/count_tokens",
    "GET /v1/models",
    "GET /models",
    "GET /v1/models/claude-haiku-5-5",
    "HEAD /",
    "HEAD /api/hello",
    "GET /api/hello",
    "GET /healthz",
    "GET /healthz?nonce=00112233445566778899aabbccddeeff",
    "GET /",
    "GET /page.css",
    "GET /no-such-route",
    "DELETE /v1/messages",
    "OPTIONS /v1/messages",
    "TRACE /",
];

/// Sends a request with a valid key, a wrong one and none, and passes each response to `check`.
#[track_caller]
fn with_and_without_a_key(
    gateway: &TestGateway,
    line: &str,
    headers: &[(&str, &str)],
    check: impl Fn(&WireResponse),
) {
    let keys = [Some(gateway.key.value()), Some("krv_wrong"), None];
    for key in keys {
        let key = key.map(|key| ("x-api-key", key));
        let headers: Vec<_> = headers.iter().copied().chain(key).collect();
        let body: &[u8] = if line.starts_with("POST") {
            REQUEST_BODY
        } else {
            b""
        };
        let request = wire::request(gateway.address, line, &headers, body);
        let response = gateway.record_response(wire::send_request(gateway.address, &request));
        assert_no_cors(&response);
        check(&response);
    }
}

#[track_caller]
fn assert_no_cors(response: &WireResponse) {
    for (name, _) in &response.head.headers {
        assert!(
            !name.to_lowercase().starts_with("access-control-"),
            "{name}"
        );
    }
    assert_eq!(response.head.header("set-cookie"), None);
}

/// WA-01: a request for an unknown host is refused on every route.
#[test]
fn unknown_host_is_a_421_on_every_route() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    let port = gateway.address.port();
    let rebound = format!("evil.test:{port}");
    for line in ROUTES {
        for host in [rebound.as_str(), "127.0.0.1"] {
            with_and_without_a_key(&gateway, line, &[("host", host)], |response| {
                assert_eq!(response.status(), 421, "{line} {host}");
            });
        }
    }
    gateway.assert_nothing_sent();
}

/// WA-01: a request for an unknown host is refused before its body is read.
#[test]
fn unknown_host_is_refused_before_the_body_arrives() {
    let gateway = TestGateway::start(|_| Vec::new());
    let headers = [("host", "evil.test"), ("content-length", "1000"), JSON];
    let mut exchange = gateway.connect();
    exchange.write(&gateway.request("POST /v1/messages", &headers, b""));
    let response = gateway.record_response(exchange.response().unwrap());
    let text = check_final_error(&response, 421, "invalid_request_error");
    assert!(
        text.contains("allowed_hosts") && !text.contains("evil"),
        "{text}"
    );
    gateway.assert_nothing_sent();
}

/// WA-02: a host that only resembles an allowed one is refused.
#[test]
fn similar_hosts_are_refused() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    let port = gateway.address.port();
    for host in [
        format!("localhost:{port}?"),
        format!("localhost:{port}#"),
        format!("localhost:{port}/"),
        format!("localhost:{port}\\"),
        format!("localhost:{port}@evil.test"),
        format!("evil.test@localhost:{port}"),
        format!("localhost:{port},evil.test"),
        format!("localhost.:{port}"),
        format!("localhost.evil.test:{port}"),
        format!("localhost:0{port}"),
        format!("localhost: {port}"),
        format!("localhost:{}", port ^ 1),
        "localhost".to_owned(),
        "localhost:".to_owned(),
        String::new(),
        format!("0.0.0.0:{port}"),
        format!("127.1:{port}"),
        format!("127.0.0.2:{port}"),
        format!("2130706433:{port}"),
        format!("0x7f000001:{port}"),
        format!("[::]:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        format!("[0:0:0:0:0:0:0:1]:{port}"),
        format!("::1:{port}"),
        format!("l\u{f6}calhost:{port}"),
    ] {
        with_and_without_a_key(
            &gateway,
            "POST /v1/messages",
            &[("host", &host)],
            |response| {
                assert!(
                    matches!(response.status(), 400 | 421),
                    "{host}: {}",
                    response.status()
                );
            },
        );
    }
    gateway.assert_nothing_sent();
}

/// Sends one request line with these `Host` lines, and returns the statuses of the responses.
fn statuses(gateway: &TestGateway, line: &str, hosts: &[&str]) -> Vec<u16> {
    let hosts = hosts.iter().map(|host| ["host: ", host, "\r\n"].concat());
    let hosts: String = hosts.collect();
    let (key, length) = (gateway.key.value(), REQUEST_BODY.len());
    let head = format!("{line}\r\n{hosts}x-api-key: {key}\r\ncontent-length: {length}\r\n\r\n");
    let responses = gateway.send_raw(&[head.as_bytes(), REQUEST_BODY].concat());
    responses.iter().map(WireResponse::status).collect()
}

/// WA-02: no host, two hosts, or a target that names another host is refused.
#[test]
fn ambiguous_hosts_are_refused() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    let ours = gateway.address.to_string();
    let line = "POST /v1/messages HTTP/1.1";
    let absolute = |authority: &str| format!("POST http://{authority}/v1/messages HTTP/1.1");
    let (agrees, evil) = (absolute(&ours), absolute("evil.test"));
    let user = absolute(&format!("evil.test@{ours}"));
    for (line, hosts, expected) in [
        (line, vec![], 400),
        (line, vec![ours.as_str(), &ours], 400),
        (line, vec![ours.as_str(), "evil.test"], 400),
        (line, vec!["evil.test", &ours], 400),
        (evil.as_str(), vec![ours.as_str()], 400),
        (user.as_str(), vec![ours.as_str()], 400),
        (agrees.as_str(), vec!["evil.test"], 421),
        (evil.as_str(), vec!["evil.test"], 421),
        ("POST /v1/messages HTTP/1.0", vec![], 400),
        ("POST evil.test:80 HTTP/1.1", vec![ours.as_str()], 400),
        ("OPTIONS * HTTP/1.1", vec!["evil.test"], 421),
    ] {
        assert_eq!(
            statuses(&gateway, line, &hosts),
            [expected],
            "{line} {hosts:?}"
        );
    }
    gateway.assert_nothing_sent();
    assert_eq!(statuses(&gateway, &agrees, &[&ours]), [200]);
}

#[test]
fn loopback_names_are_served_on_both_ip_families() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    let port = gateway.address.port();
    for host in ["localhost", "127.0.0.1", "[::1]", "LocalHost"] {
        let host = format!("{host}:{port}");
        let response = gateway.send("POST /v1/messages", &[("host", &host), JSON], REQUEST_BODY);
        assert_eq!(response.status(), 200, "{host}");
    }
    let six = (std::net::Ipv6Addr::LOCALHOST, port).into();
    if std::net::TcpStream::connect(six).is_err() {
        keyreeve_testkit::skip!("this machine has no IPv6 loopback");
    }
    let mut exchange = Exchange::open_with(six, RAW_IDLE_TIMEOUT);
    exchange.write(&gateway.request("POST /v1/messages", &[JSON], REQUEST_BODY));
    assert_eq!(
        gateway
            .record_response(exchange.response().unwrap())
            .status(),
        200
    );
}

/// The headers that browsers send for a page of another origin.
const PAGES: [&[(&str, &str)]; 9] = [
    &[
        ("origin", "https://evil.test"),
        ("sec-fetch-site", "cross-site"),
    ],
    &[("origin", "https://evil.test")],
    &[("origin", "null")],
    &[("origin", "http://localhost.evil.test")],
    &[("origin", "http://localhost:3000")],
    &[("origin", "chrome-extension://x")],
    &[
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "no-cors"),
    ],
    &[("sec-fetch-site", "same-site")],
    &[("origin", "")],
];

/// WA-03: a page of another origin is refused on every route.
#[test]
fn foreign_origin_is_a_403_on_every_route() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    for page in PAGES {
        for line in ROUTES {
            with_and_without_a_key(&gateway, line, page, |response| {
                assert_eq!(response.status(), 403, "{line} {page:?}");
            });
        }
    }
    gateway.assert_nothing_sent();
}

/// WA-03: requests that need no preflight are refused too.
#[test]
fn forms_beacons_and_images_are_refused() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    for kind in [
        "application/x-www-form-urlencoded",
        "text/plain;charset=UTF-8",
        "multipart/form-data; boundary=x",
    ] {
        for page in PAGES {
            let headers = [
                page,
                &[("content-type", kind), ("sec-fetch-mode", "no-cors")],
            ]
            .concat();
            with_and_without_a_key(&gateway, "POST /v1/messages", &headers, |response| {
                check_final_error(response, 403, "permission_error");
            });
        }
    }
    // A browser too old to send an origin still has no key.
    let image = wire::request(
        gateway.address,
        "GET /v1/models",
        &[("accept", "image/*")],
        b"",
    );
    check_final_error(
        &gateway.record_response(wire::send_request(gateway.address, &image)),
        401,
        "authentication_error",
    );
    gateway.assert_nothing_sent();
}

/// WA-04: a preflight request gets no CORS headers.
#[test]
fn preflight_gets_no_cors_headers() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    let own = format!("http://{}", gateway.address);
    let preflight = [
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "x-api-key,content-type"),
        ("access-control-request-private-network", "true"),
    ];
    for origin in [
        "https://evil.test",
        "null",
        "http://localhost.evil.test",
        "chrome-extension://x",
        &own,
    ] {
        for path in [
            "/v1/messages",
            "/v1/models",
            "/",
            "/healthz",
            "/nothing",
            "*",
        ] {
            let headers = [&preflight[..], &[("origin", origin)]].concat();
            with_and_without_a_key(&gateway, &format!("OPTIONS {path}"), &headers, |response| {
                let expected: &[u16] = if origin == own { &[404, 405] } else { &[403] };
                assert!(
                    expected.contains(&response.status()),
                    "{origin} {path}: {}",
                    response.status()
                );
            });
        }
    }
    gateway.assert_nothing_sent();
}

/// WA-04: a response to our own origin has no CORS headers either.
#[test]
fn own_origin_gets_no_cors_headers() {
    let cors = [("access-control-allow-origin", "*"), JSON];
    let gateway = TestGateway::start(move |_| responses::with_headers(200, &cors, b"{}"));
    let own = format!("http://{}", gateway.address);
    let headers = [("origin", own.as_str()), ("sec-fetch-site", "same-origin")];
    for line in ROUTES {
        with_and_without_a_key(&gateway, line, &headers, |response| {
            assert_ne!(response.status(), 403, "{line}");
        });
    }
}
