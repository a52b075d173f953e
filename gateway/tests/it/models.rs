//! Keys limited to some models: other models are refused, and are not listed.

use keyreeve_store::Ending;
use keyreeve_testkit::upstream::responses;
use serde_json::Value;

use crate::error_envelope::check_final_error;
use crate::harness::{JSON, REQUEST_BODY, Setup, TestGateway};

const OPUS: &[u8] = br#"{"model":"claude-opus-5-5","max_tokens":16,"messages":[]}"#;

const PAGE: &str = r#"{"data":[
    {"type":"model","id":"claude-opus-5-5","display_name":"Opus"},
    {"type":"model","id":"claude-haiku-5-5","display_name":"Haiku","new_field":[1]},
    {"type":"model","id":"claude-haiku-9","display_name":"Haiku 9"}],
    "has_more":true,"first_id":"claude-opus-5-5","last_id":"claude-haiku-9"}"#;

fn haiku_only() -> Setup {
    Setup {
        models: &["claude-haiku-*", "x?"],
        ..Setup::default()
    }
}

fn ids(page: &Value) -> Vec<&str> {
    let data = page["data"].as_array().unwrap();
    data.iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect()
}

#[test]
fn other_model_is_refused_with_the_allowed_ones() {
    let gateway = haiku_only().start(|_| Vec::new());
    for (line, body) in [
        ("POST /v1/messages", OPUS),
        ("POST /v1/messages/count_tokens", OPUS),
        ("GET /v1/models/claude-opus-5-5", b"".as_slice()),
        (
            "GET /models/claude-opus-5-5?x=claude-haiku-1",
            b"".as_slice(),
        ),
    ] {
        let response = gateway.send(line, &[JSON], body);
        let text = check_final_error(&response, 403, "permission_error");
        assert!(
            text.contains("claude-haiku-*, x?") && text.contains("claude-opus-5-5"),
            "{text}"
        );
    }
    gateway.assert_nothing_sent();
}

/// F-27: a limit holds wherever a request names a model, and for each spelling of a member's name.
#[test]
fn limit_holds_wherever_a_model_is_named() {
    let gateway = haiku_only().start(|_| responses::json(200, "{}"));
    for body in [
        r#"{"model":"claude-haiku-5-5","tools":[{"type":"advisor_20260301","name":"advisor","model":"claude-opus-5-5"}]}"#,
        r#"{"model":"claude-haiku-5-5","fallbacks":[{"mod\u0065l":"claude-opus-5-5"}]}"#,
        r#"{"model":"claude-haiku-5-5","models":["claude-haiku-5-5","claude-opus-5-5"]}"#,
    ] {
        let response = gateway.post(body.as_bytes());
        let text = check_final_error(&response, 403, "permission_error");
        assert!(
            text.contains("may not use the model claude-opus-5-5"),
            "{text}"
        );
    }
    let ambiguous = br#"{"model":"claude-haiku-5-5","MODEL":"claude-opus-5-5"}"#;
    let response = gateway.post(ambiguous);
    let text = check_final_error(&response, 400, "invalid_request_error");
    assert!(text.contains("MODEL may be read as model"), "{text}");
    gateway.assert_nothing_sent();
    let allowed = br#"{"model":"claude-haiku-5-5","tools":[{"model":"claude-haiku-5-5"}],"messages":[{"content":[{"input":{"model":"claude-opus-5-5"}}]}]}"#;
    assert_eq!(gateway.post(allowed).status(), 200);
}

#[test]
fn limited_key_must_name_a_model() {
    let gateway = haiku_only().start(|_| Vec::new());
    for body in [
        br#"{"max_tokens":1}"#.as_slice(),
        br#"{"model":null}"#.as_slice(),
    ] {
        let text = check_final_error(&gateway.post(body), 400, "invalid_request_error");
        assert!(
            text.contains("names no model") && text.contains("claude-haiku-*"),
            "{text}"
        );
    }
    gateway.assert_nothing_sent();
}

#[test]
fn allowed_model_is_forwarded() {
    let gateway = haiku_only().start(|_| responses::json(200, "{}"));
    assert_eq!(gateway.post(REQUEST_BODY).status(), 200);
    assert_eq!(gateway.post(br#"{"model":"xy"}"#).status(), 200);
    assert_eq!(gateway.post(br#"{"model":"xyz"}"#).status(), 403);
    assert_eq!(gateway.upstream.requests().len(), 2);
}

#[test]
fn model_list_is_filtered_for_the_key() {
    let gateway = haiku_only().start(|_| responses::json(200, PAGE));
    let page = gateway.send("GET /v1/models", &[], b"").json();
    assert_eq!(ids(&page), ["claude-haiku-5-5", "claude-haiku-9"]);
    assert_eq!(page["data"][0]["new_field"][0], 1);
    assert_eq!(
        (&page["first_id"], &page["has_more"]),
        (&page["data"][0]["id"], &true.into())
    );
    assert_eq!(gateway.entry().1.ending, Ending::Done);
}

#[test]
fn unlimited_key_gets_the_list_unchanged() {
    let gateway = TestGateway::start(|_| responses::json(200, PAGE));
    assert_eq!(gateway.send("GET /v1/models", &[], b"").text(), PAGE);
}

#[test]
fn unknown_list_format_shows_no_models() {
    for body in [
        "[\"claude-opus-5-5\"]",
        "{\"models\":[\"claude-opus-5-5\"]}",
        "claude-opus-5-5",
    ] {
        let gateway = haiku_only().start(|_| responses::json(200, body));
        let response = gateway.send("GET /v1/models", &[], b"");
        assert!(!response.text().contains("opus"), "{}", response.text());
    }
}

#[test]
fn error_for_the_list_is_passed_on() {
    let body = "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\"}}";
    let gateway = haiku_only().start(move |_| responses::json(401, body));
    let response = gateway.send("GET /v1/models", &[], b"");
    assert_eq!((response.status(), response.text().as_str()), (401, body));
}

#[test]
fn price_table_replaces_a_missing_model_list() {
    for status in [404, 405, 501] {
        let gateway =
            haiku_only().start(move |_| responses::json(status, "{\"detail\":\"Not Found\"}"));
        let response = gateway.send("GET /v1/models", &[], b"");
        assert_eq!(response.status(), 200);
        let page = response.json();
        let listed = ids(&page);
        assert!(listed.contains(&"claude-haiku-5-5"), "{listed:?}");
        assert!(
            listed.iter().all(|id| id.starts_with("claude-haiku-")),
            "{listed:?}"
        );
        assert_eq!(page["has_more"], false);
        assert_eq!(page["last_id"], *listed.last().unwrap());

        let one = gateway.send("GET /v1/models/claude-haiku-5-5", &[], b"");
        assert_eq!(
            (one.status(), &one.json()["id"]),
            (200, &"claude-haiku-5-5".into())
        );
        let none = gateway.send("GET /v1/models/claude-haiku-0", &[], b"");
        assert_eq!(
            (none.status(), none.text().as_str()),
            (status, "{\"detail\":\"Not Found\"}")
        );
        for entry in gateway.entries() {
            let outcome = entry.outcome.unwrap();
            assert_eq!(
                (outcome.status, outcome.ending),
                (Some(status), Ending::Done)
            );
        }
    }
}

#[test]
fn limited_key_gets_the_whole_list_at_once() {
    let gateway = haiku_only().start(|_| responses::json(200, PAGE));
    gateway.send("GET /v1/models?limit=2&after_id=x", &[], b"");
    let head = &gateway.upstream.requests()[0].head;
    assert_eq!(head.line, "GET /v1/models?limit=1000 HTTP/1.1");
}

#[test]
fn model_in_the_path_is_one_plain_segment() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    for id in [
        "..",
        ".",
        "..%2Fmessages",
        "a%2fb",
        "a%5Cb",
        "a;b",
        "%2e%2e",
    ] {
        let response = gateway.send(&format!("GET /v1/models/{id}"), &[], b"");
        assert_eq!(response.status(), 404, "{id}");
    }
    gateway.assert_nothing_sent();
    let line = "GET /v1/models/claude-haiku-4-5@20251001";
    assert_eq!(gateway.send(line, &[], b"").status(), 200);
    let (entry, _) = gateway.entry();
    assert_eq!(
        entry.intent.model_requested.as_deref(),
        Some("claude-haiku-4-5@20251001")
    );
}

#[test]
fn head_request_is_a_405() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    assert_eq!(gateway.send("HEAD /v1/models", &[], b"").status(), 405);
    gateway.assert_nothing_sent();
}
