//! WA-01 to WA-04, on raw sockets: names that are not ours, pages of other origins, and no permission to any page.

use keyreeve_testkit::upstream::reply;
use keyreeve_testkit::wire::{self, Answer, Exchange};

use crate::envelope::check_refusal;
use crate::stage::{ASK, JSON, SHORT, Stage};

/// Every route by method and path, and some that are none.
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

/// Asks with a valid key, with a wrong one and with none, and hands each answer to `check`.
#[track_caller]
fn with_and_without_a_key(
    stage: &Stage,
    line: &str,
    headers: &[(&str, &str)],
    check: impl Fn(&Answer),
) {
    let keys = [Some(stage.key.value()), Some("krv_wrong"), None];
    for key in keys {
        let key = key.map(|key| ("x-api-key", key));
        let headers: Vec<_> = headers.iter().copied().chain(key).collect();
        let body: &[u8] = if line.starts_with("POST") { ASK } else { b"" };
        let request = wire::request(stage.address, line, &headers, body);
        let answer = stage.saw(wire::ask(stage.address, &request));
        assert_no_permission(&answer);
        check(&answer);
    }
}

#[track_caller]
fn assert_no_permission(answer: &Answer) {
    for (name, _) in &answer.head.headers {
        assert!(
            !name.to_lowercase().starts_with("access-control-"),
            "{name}"
        );
    }
    assert_eq!(answer.head.header("set-cookie"), None);
}

#[test]
fn wa_01_another_name_is_a_421_on_every_route() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
    let port = stage.address.port();
    let rebound = format!("evil.test:{port}");
    for line in ROUTES {
        for host in [rebound.as_str(), "127.0.0.1"] {
            with_and_without_a_key(&stage, line, &[("host", host)], |answer| {
                assert_eq!(answer.status(), 421, "{line} {host}");
            });
        }
    }
    stage.assert_nothing_happened();
}

#[test]
fn wa_01_another_name_is_refused_before_the_body_is_there() {
    let stage = Stage::start(|_| Vec::new());
    let headers = [("host", "evil.test"), ("content-length", "1000"), JSON];
    let mut exchange = stage.open();
    exchange.write(&stage.request("POST /v1/messages", &headers, b""));
    let answer = stage.saw(exchange.answer().unwrap());
    let text = check_refusal(&answer, 421, "invalid_request_error");
    assert!(
        text.contains("allowed_hosts") && !text.contains("evil"),
        "{text}"
    );
    stage.assert_nothing_happened();
}

#[test]
fn wa_02_hosts_that_are_nearly_ours_are_none() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
    let port = stage.address.port();
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
        with_and_without_a_key(&stage, "POST /v1/messages", &[("host", &host)], |answer| {
            assert!(
                matches!(answer.status(), 400 | 421),
                "{host}: {}",
                answer.status()
            );
        });
    }
    stage.assert_nothing_happened();
}

/// Sends one request line with these host lines; gives the statuses of the answers.
fn statuses(stage: &Stage, line: &str, hosts: &[&str]) -> Vec<u16> {
    let hosts = hosts.iter().map(|host| ["host: ", host, "\r\n"].concat());
    let hosts: String = hosts.collect();
    let (key, length) = (stage.key.value(), ASK.len());
    let head = format!("{line}\r\n{hosts}x-api-key: {key}\r\ncontent-length: {length}\r\n\r\n");
    let answers = stage.raw(&[head.as_bytes(), ASK].concat());
    answers.iter().map(Answer::status).collect()
}

#[test]
fn wa_02_no_host_two_hosts_and_a_target_that_disagrees() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
    let ours = stage.address.to_string();
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
            statuses(&stage, line, &hosts),
            [expected],
            "{line} {hosts:?}"
        );
    }
    stage.assert_nothing_happened();
    assert_eq!(statuses(&stage, &agrees, &[&ours]), [200]);
}

#[test]
fn our_own_names_are_served_on_both_families() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
    let port = stage.address.port();
    for host in ["localhost", "127.0.0.1", "[::1]", "LocalHost"] {
        let host = format!("{host}:{port}");
        let answer = stage.ask("POST /v1/messages", &[("host", &host), JSON], ASK);
        assert_eq!(answer.status(), 200, "{host}");
    }
    let six = (std::net::Ipv6Addr::LOCALHOST, port).into();
    if std::net::TcpStream::connect(six).is_err() {
        keyreeve_testkit::skip!("this machine has no IPv6 loopback");
    }
    let mut exchange = Exchange::open_with(six, SHORT);
    exchange.write(&stage.request("POST /v1/messages", &[JSON], ASK));
    assert_eq!(stage.saw(exchange.answer().unwrap()).status(), 200);
}

/// What browsers send along for a page of another origin.
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

#[test]
fn wa_03_no_page_of_another_origin_can_ask_anything() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
    for page in PAGES {
        for line in ROUTES {
            with_and_without_a_key(&stage, line, page, |answer| {
                assert_eq!(answer.status(), 403, "{line} {page:?}");
            });
        }
    }
    stage.assert_nothing_happened();
}

#[test]
fn wa_03_forms_beacons_and_images_do_nothing() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
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
            with_and_without_a_key(&stage, "POST /v1/messages", &headers, |answer| {
                check_refusal(answer, 403, "permission_error");
            });
        }
    }
    // A browser too old to say where it comes from still has no key.
    let image = wire::request(
        stage.address,
        "GET /v1/models",
        &[("accept", "image/*")],
        b"",
    );
    check_refusal(
        &stage.saw(wire::ask(stage.address, &image)),
        401,
        "authentication_error",
    );
    stage.assert_nothing_happened();
}

#[test]
fn wa_04_a_preflight_is_given_no_permission() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
    let own = format!("http://{}", stage.address);
    let wishes = [
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
            let headers = [&wishes[..], &[("origin", origin)]].concat();
            with_and_without_a_key(&stage, &format!("OPTIONS {path}"), &headers, |answer| {
                let expected: &[u16] = if origin == own { &[404, 405] } else { &[403] };
                assert!(
                    expected.contains(&answer.status()),
                    "{origin} {path}: {}",
                    answer.status()
                );
            });
        }
    }
    stage.assert_nothing_happened();
}

#[test]
fn wa_04_an_answer_to_our_own_origin_has_no_permission_either() {
    let cors = [("access-control-allow-origin", "*"), JSON];
    let stage = Stage::start(move |_| reply::with_headers(200, &cors, b"{}"));
    let own = format!("http://{}", stage.address);
    let headers = [("origin", own.as_str()), ("sec-fetch-site", "same-origin")];
    for line in ROUTES {
        with_and_without_a_key(&stage, line, &headers, |answer| {
            assert_ne!(answer.status(), 403, "{line}");
        });
    }
}
