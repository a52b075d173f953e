//! Every route by its every name, and what is answered without asking anybody.

use keyreeve_gateway::{About, Challenge, InstanceSecret};
use keyreeve_testkit::upstream::reply;

use crate::envelope::check_refusal;
use crate::stage::{ASK, INSTANCE, JSON, Stage};

#[track_caller]
fn check_alias(stage: &Stage, asked: &str, forwarded: &str, body: &[u8]) {
    let before = stage.upstream.requests().len();
    let answer = stage.ask(asked, &[JSON], body);
    assert_eq!(answer.status(), 200, "{asked}: {}", answer.text());
    let requests = stage.upstream.requests();
    assert_eq!(requests.len(), before + 1);
    assert_eq!(
        requests[before].head.line,
        format!("{forwarded} HTTP/1.1"),
        "{asked}"
    );
}

#[test]
fn the_version_may_stand_never_once_or_twice() {
    let stage = Stage::start(|_| reply::json(200, "{\"data\":[]}"));
    for version in ["", "/v1", "/v1/v1"] {
        let check = |method: &str, path: &str, body: &[u8]| {
            let asked = format!("{method} {version}{path}");
            check_alias(&stage, &asked, &format!("{method} /v1{path}"), body);
        };
        check("POST", "/messages", ASK);
        check("POST", "/messages?beta=true", ASK);
        check("POST", "/messages/count_tokens?a=%20&b", ASK);
        check("GET", "/models?limit=1000", b"");
        check("GET", "/models/claude-haiku-5-5?x=1", b"");
    }
}

#[test]
fn what_is_not_in_the_table_is_not_served() {
    let stage = Stage::start(|_| Vec::new());
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
        let text = check_refusal(&stage.ask(line, &[], b""), 404, "not_found_error");
        let path = line.split(' ').nth(1).unwrap();
        assert!(
            text.starts_with(path) && text.contains("POST /v1/messages"),
            "{text}"
        );
    }
    stage.assert_nothing_happened();
}

#[test]
fn another_method_is_a_405() {
    let stage = Stage::start(|_| Vec::new());
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
        let text = check_refusal(&stage.ask(line, &[], b""), 405, "invalid_request_error");
        let method = line.split(' ').next().unwrap();
        assert!(text.starts_with(method), "{text}");
    }
    stage.assert_nothing_happened();
}

#[test]
fn a_refusal_repeats_text_of_the_client_only_inert_and_short() {
    let stage = Stage::start(|_| Vec::new());
    let answer = stage.ask("GET /<script>%1b[31m/\u{202e}x", &[], b"");
    assert!(matches!(answer.status(), 400 | 404), "{}", answer.status());
    assert!(!answer.text().contains('\u{202e}'));
    let long = format!("GET /{}", "x".repeat(3000));
    let text = check_refusal(&stage.ask(&long, &[], b""), 404, "not_found_error");
    assert!(text.len() < 400, "{text}");
}

#[test]
fn clients_that_warm_their_connection_need_no_key() {
    let stage = Stage::start(|_| Vec::new());
    for line in ["HEAD /", "HEAD /api/hello", "GET /api/hello"] {
        let answer = stage.ask(line, &[("x-api-key", "")], b"");
        assert_eq!(
            (answer.status(), answer.body.as_slice()),
            (200, b"".as_slice()),
            "{line}"
        );
    }
    stage.assert_nothing_happened();
}

#[test]
fn healthz_proves_itself_to_who_brings_a_nonce() {
    let stage = Stage::start(|_| Vec::new());
    let nobody = [("x-api-key", "")];
    let plain = stage.ask("GET /healthz", &nobody, b"");
    assert_eq!(
        (plain.status(), plain.text().as_str()),
        (200, "{\"status\":\"ok\"}")
    );

    let nonce = "00112233445566778899aabbccddeeff";
    let proved = stage.ask(&format!("GET /healthz?nonce={nonce}"), &nobody, b"");
    let host = stage.address.to_string();
    let expected =
        InstanceSecret::new(INSTANCE).proof(Challenge { nonce, host: &host }, About::Nothing);
    assert_eq!(proved.json()["proof"], expected);
    assert_eq!(proved.head.header("cache-control"), Some("no-store"));

    // Another name of ours is another thing to sign: no gateway can be had to sign for another port.
    let localhost = format!("localhost:{}", stage.address.port());
    let headers = [("host", localhost.as_str()), nobody[0]];
    let other = stage.ask(&format!("GET /healthz?nonce={nonce}"), &headers, b"");
    let expected = InstanceSecret::new(INSTANCE).proof(
        Challenge {
            nonce,
            host: &localhost,
        },
        About::Nothing,
    );
    assert_eq!(other.json()["proof"], expected);

    for bad in [
        "",
        "00",
        "zz112233445566778899aabbccddeeff",
        &"0".repeat(33),
    ] {
        let answer = stage.ask(&format!("GET /healthz?nonce={bad}"), &nobody, b"");
        assert_eq!(answer.text(), plain.text(), "{bad}");
    }
}

#[test]
fn healthz_tells_of_a_tickets_key_only_who_knows_the_secret() {
    let stage = Stage::start(|_| Vec::new());
    let (instance, nonce) = (InstanceSecret::new(INSTANCE), "0".repeat(32));
    let host = stage.address.to_string();
    let ticket = instance.ticket("made up");
    let challenge = Challenge {
        nonce: &nonce,
        host: &host,
    };
    let ask = || {
        let line = format!("GET /healthz?nonce={nonce}&ticket={}", ticket.as_str());
        stage.ask(&line, &[("x-api-key", "")], b"").json()
    };
    let unknown = ask();
    let refused = instance.proof(challenge, About::Refused(&ticket));
    assert_eq!(
        unknown,
        serde_json::json!({"status": "ok", "proof": refused})
    );

    let store = stage.another_store();
    let key = store.policy().unwrap().keys()[0].id;
    let minted = instance.key_of(&ticket).unwrap();
    let now = jiff::Timestamp::now();
    let later = now + jiff::SignedDuration::from_mins(5);
    store
        .lend_secret(key, (minted.public_id, minted.hash), (Some(later), now))
        .unwrap();
    let accepted = instance.proof(challenge, About::Accepted(&ticket));
    assert_eq!(
        ask(),
        serde_json::json!({"status": "ok", "proof": accepted})
    );
    store.revoke_key(key, now).unwrap();
    assert_eq!(ask(), unknown);

    let line = format!("GET /healthz?nonce={nonce}&ticket=00");
    let nonsense = stage.ask(&line, &[("x-api-key", "")], b"");
    assert_eq!(nonsense.text(), "{\"status\":\"ok\"}");
}

#[test]
fn the_status_page_may_load_nothing_but_its_style() {
    let stage = Stage::start(|_| Vec::new());
    let page = stage.ask("GET /", &[("x-api-key", "")], b"");
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
        stage.profile.name.as_str(),
        stage.key_row.name.as_str(),
        "127.0.0.1",
    ] {
        assert!(!text.contains(name), "{name}");
    }
    let style = stage.ask("GET /page.css", &[("x-api-key", "")], b"");
    assert_eq!(
        style.head.header("content-type"),
        Some("text/css; charset=utf-8")
    );
}
