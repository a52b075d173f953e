//! Routes: all path variants, unknown paths and methods, and the routes served by the gateway itself.

use keyreeve_gateway::{Challenge, InstanceSecret, TicketState};
use keyreeve_testkit::upstream::responses;

use crate::error_envelope::check_final_error;
use crate::harness::{INSTANCE_SECRET, JSON, REQUEST_BODY, TestGateway};

#[track_caller]
fn check_alias(gateway: &TestGateway, requested: &str, forwarded: &str, body: &[u8]) {
    let before = gateway.upstream.requests().len();
    let response = gateway.send(requested, &[JSON], body);
    assert_eq!(response.status(), 200, "{requested}: {}", response.text());
    let requests = gateway.upstream.requests();
    assert_eq!(requests.len(), before + 1);
    assert_eq!(
        requests[before].head.line,
        format!("{forwarded} HTTP/1.1"),
        "{requested}"
    );
}

#[test]
fn version_may_be_missing_or_repeated() {
    let gateway = TestGateway::start(|_| responses::json(200, "{\"data\":[]}"));
    for version in ["", "/v1", "/v1/v1"] {
        let check = |method: &str, path: &str, body: &[u8]| {
            let requested = format!("{method} {version}{path}");
            check_alias(&gateway, &requested, &format!("{method} /v1{path}"), body);
        };
        check("POST", "/messages", REQUEST_BODY);
        check("POST", "/messages?beta=true", REQUEST_BODY);
        check("POST", "/messages/count_tokens?a=%20&b", REQUEST_BODY);
        check("GET", "/models?limit=1000", b"");
        check("GET", "/models/claude-haiku-5-5?x=1", b"");
    }
}

#[test]
fn unknown_path_is_a_404() {
    let gateway = TestGateway::start(|_| Vec::new());
    for line in [
        "POST /v1/messages/",
        "POST /v1/messages/batches",
        "GET /v1/messages/batches",
        "POST /v1/complete",
        "POST /v1/chat/completions",
        "GET /v1/organizations/me",
        "POST /v1/v1/v1/messages",
        "POST //v1/messages",
        "POST /v1//messages",
        "POST /v1/../v1/messages",
        "POST /V1/messages",
        "POST /v1/messages%2Fcount_tokens",
        "GET /v1/models/a/b",
        "GET /v1/models/..%2Fmessages/x",
        "POST /api/oauth/token",
        "GET /admin",
        "GET /metrics",
        "GET /index.html",
        "GET /.env",
    ] {
        let text = check_final_error(&gateway.send(line, &[], b""), 404, "not_found_error");
        let path = line.split(' ').nth(1).unwrap();
        assert!(
            text.starts_with(path) && text.contains("POST /v1/messages"),
            "{text}"
        );
    }
    gateway.assert_nothing_sent();
}

#[test]
fn other_method_is_a_405() {
    let gateway = TestGateway::start(|_| Vec::new());
    for line in [
        "GET /v1/messages",
        "PUT /v1/messages",
        "DELETE /messages",
        "GET /v1/messages/count_tokens",
        "POST /v1/models",
        "DELETE /v1/models/claude-haiku-5-5",
        "POST /healthz",
        "POST /",
        "TRACE /v1/messages",
        "OPTIONS /v1/messages",
    ] {
        let text = check_final_error(&gateway.send(line, &[], b""), 405, "invalid_request_error");
        let method = line.split(' ').next().unwrap();
        assert!(text.starts_with(method), "{text}");
    }
    gateway.assert_nothing_sent();
}

#[test]
fn client_text_in_errors_is_sanitized_and_truncated() {
    let gateway = TestGateway::start(|_| Vec::new());
    let response = gateway.send("GET /<script>%1b[31m/\u{202e}x", &[], b"");
    assert!(
        matches!(response.status(), 400 | 404),
        "{}",
        response.status()
    );
    assert!(!response.text().contains('\u{202e}'));
    let long = format!("GET /{}", "x".repeat(3000));
    let text = check_final_error(&gateway.send(&long, &[], b""), 404, "not_found_error");
    assert!(text.len() < 400, "{text}");
}

#[test]
fn warm_up_requests_need_no_key() {
    let gateway = TestGateway::start(|_| Vec::new());
    for line in ["HEAD /", "HEAD /api/hello", "GET /api/hello"] {
        let response = gateway.send(line, &[("x-api-key", "")], b"");
        assert_eq!(
            (response.status(), response.body.as_slice()),
            (200, b"".as_slice()),
            "{line}"
        );
    }
    gateway.assert_nothing_sent();
}

#[test]
fn healthz_returns_a_proof_for_a_nonce() {
    let gateway = TestGateway::start(|_| Vec::new());
    let no_key = [("x-api-key", "")];
    let plain = gateway.send("GET /healthz", &no_key, b"");
    assert_eq!(
        (plain.status(), plain.text().as_str()),
        (200, "{\"status\":\"ok\"}")
    );

    let nonce = "00112233445566778899aabbccddeeff";
    let with_nonce = gateway.send(&format!("GET /healthz?nonce={nonce}"), &no_key, b"");
    let host = gateway.address.to_string();
    let expected = InstanceSecret::new(INSTANCE_SECRET)
        .proof(Challenge { nonce, host: &host }, TicketState::NotRequested);
    assert_eq!(with_nonce.json()["proof"], expected);
    assert_eq!(with_nonce.head.header("cache-control"), Some("no-store"));

    // The host is signed: no gateway can be made to sign for another port.
    let localhost = format!("localhost:{}", gateway.address.port());
    let headers = [("host", localhost.as_str()), no_key[0]];
    let other = gateway.send(&format!("GET /healthz?nonce={nonce}"), &headers, b"");
    let expected = InstanceSecret::new(INSTANCE_SECRET).proof(
        Challenge {
            nonce,
            host: &localhost,
        },
        TicketState::NotRequested,
    );
    assert_eq!(other.json()["proof"], expected);

    for bad in [
        "",
        "00",
        "zz112233445566778899aabbccddeeff",
        &"0".repeat(33),
    ] {
        let response = gateway.send(&format!("GET /healthz?nonce={bad}"), &no_key, b"");
        assert_eq!(response.text(), plain.text(), "{bad}");
    }
}

#[test]
fn healthz_signs_the_state_of_a_ticket() {
    let gateway = TestGateway::start(|_| Vec::new());
    let (instance, nonce) = (InstanceSecret::new(INSTANCE_SECRET), "0".repeat(32));
    let host = gateway.address.to_string();
    let ticket = instance.ticket("made up");
    let challenge = Challenge {
        nonce: &nonce,
        host: &host,
    };
    let query = || {
        let line = format!("GET /healthz?nonce={nonce}&ticket={}", ticket.as_str());
        gateway.send(&line, &[("x-api-key", "")], b"").json()
    };
    let unknown = query();
    let refused = instance.proof(challenge, TicketState::Rejected(&ticket));
    assert_eq!(
        unknown,
        serde_json::json!({"status": "ok", "proof": refused})
    );

    let store = gateway.open_second_store();
    let key = store.policy().unwrap().keys()[0].id;
    let key_of_ticket = instance.key_for(&ticket).unwrap();
    let now = jiff::Timestamp::now();
    let later = now + jiff::SignedDuration::from_mins(5);
    store
        .add_temporary_secret(
            key,
            (key_of_ticket.public_id, key_of_ticket.hash),
            (Some(later), now),
        )
        .unwrap();
    let accepted = instance.proof(challenge, TicketState::Accepted(&ticket));
    assert_eq!(
        query(),
        serde_json::json!({"status": "ok", "proof": accepted})
    );
    store.revoke_key(key, now).unwrap();
    assert_eq!(query(), unknown);

    let line = format!("GET /healthz?nonce={nonce}&ticket=00");
    let nonsense = gateway.send(&line, &[("x-api-key", "")], b"");
    assert_eq!(nonsense.text(), "{\"status\":\"ok\"}");
}

#[test]
fn status_page_may_load_only_its_style_sheet() {
    let gateway = TestGateway::start(|_| Vec::new());
    let page = gateway.send("GET /", &[("x-api-key", "")], b"");
    let header = |name| page.head.header(name).unwrap_or_default();
    assert_eq!(page.status(), 200);
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    let policy = header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self'"),
        "{policy}"
    );
    assert!(
        !policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(header(name), value, "{name}");
    }
    let text = page.text();
    assert!(!text.contains("<script") && !text.contains("style=") && !text.contains("://"));
    for name in [
        gateway.profile.name.as_str(),
        gateway.virtual_key.name.as_str(),
        "127.0.0.1",
    ] {
        assert!(!text.contains(name), "{name}");
    }
    let style = gateway.send("GET /page.css", &[("x-api-key", "")], b"");
    assert_eq!(
        style.head.header("content-type"),
        Some("text/css; charset=utf-8")
    );
}
