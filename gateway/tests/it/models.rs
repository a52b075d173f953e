//! A key may be for some models only: it asks no other and is shown no other.

use keyreeve_store::Ending;
use keyreeve_testkit::upstream::reply;
use serde_json::Value;

use crate::envelope::check_refusal;
use crate::stage::{ASK, JSON, Setup, Stage};

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
fn another_model_is_refused_with_the_list_of_those_allowed() {
    let stage = haiku_only().start(|_| Vec::new());
    for (line, body) in [
        ("POST /v1/messages", OPUS),
        ("POST /v1/messages/count_tokens", OPUS),
        ("GET /v1/models/claude-opus-5-5", b"".as_slice()),
        (
            "GET /models/claude-opus-5-5?x=claude-haiku-1",
            b"".as_slice(),
        ),
    ] {
        let answer = stage.ask(line, &[JSON], body);
        let text = check_refusal(&answer, 403, "permission_error");
        assert!(
            text.contains("claude-haiku-*, x?") && text.contains("claude-opus-5-5"),
            "{text}"
        );
    }
    stage.assert_nothing_happened();
}

#[test]
fn a_limited_key_must_name_its_model() {
    let stage = haiku_only().start(|_| Vec::new());
    for body in [
        br#"{"max_tokens":1}"#.as_slice(),
        br#"{"model":null}"#.as_slice(),
    ] {
        let text = check_refusal(&stage.post(body), 400, "invalid_request_error");
        assert!(
            text.contains("names no model") && text.contains("claude-haiku-*"),
            "{text}"
        );
    }
    stage.assert_nothing_happened();
}

#[test]
fn an_allowed_model_passes() {
    let stage = haiku_only().start(|_| reply::json(200, "{}"));
    assert_eq!(stage.post(ASK).status(), 200);
    assert_eq!(stage.post(br#"{"model":"xy"}"#).status(), 200);
    assert_eq!(stage.post(br#"{"model":"xyz"}"#).status(), 403);
    assert_eq!(stage.upstream.requests().len(), 2);
}

#[test]
fn the_list_is_cut_to_what_the_key_may_use() {
    let stage = haiku_only().start(|_| reply::json(200, PAGE));
    let page = stage.ask("GET /v1/models", &[], b"").json();
    assert_eq!(ids(&page), ["claude-haiku-5-5", "claude-haiku-9"]);
    assert_eq!(page["data"][0]["new_field"][0], 1);
    assert_eq!(
        (&page["first_id"], &page["has_more"]),
        (&page["data"][0]["id"], &true.into())
    );
    assert_eq!(stage.row().1.ending, Ending::Done);
}

#[test]
fn a_list_without_limits_passes_byte_for_byte() {
    let stage = Stage::start(|_| reply::json(200, PAGE));
    assert_eq!(stage.ask("GET /v1/models", &[], b"").text(), PAGE);
}

#[test]
fn a_list_of_another_shape_shows_nothing_rather_than_too_much() {
    for body in [
        "[\"claude-opus-5-5\"]",
        "{\"models\":[\"claude-opus-5-5\"]}",
        "claude-opus-5-5",
    ] {
        let stage = haiku_only().start(|_| reply::json(200, body));
        let answer = stage.ask("GET /v1/models", &[], b"");
        assert!(!answer.text().contains("opus"), "{}", answer.text());
    }
}

#[test]
fn an_error_instead_of_the_list_passes() {
    let body = "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\"}}";
    let stage = haiku_only().start(move |_| reply::json(401, body));
    let answer = stage.ask("GET /v1/models", &[], b"");
    assert_eq!((answer.status(), answer.text().as_str()), (401, body));
}

#[test]
fn the_price_table_stands_in_for_an_upstream_without_a_list() {
    for status in [404, 405, 501] {
        let stage = haiku_only().start(move |_| reply::json(status, "{\"detail\":\"Not Found\"}"));
        let answer = stage.ask("GET /v1/models", &[], b"");
        assert_eq!(answer.status(), 200);
        let page = answer.json();
        let listed = ids(&page);
        assert!(listed.contains(&"claude-haiku-5-5"), "{listed:?}");
        assert!(
            listed.iter().all(|id| id.starts_with("claude-haiku-")),
            "{listed:?}"
        );
        assert_eq!(page["has_more"], false);
        assert_eq!(page["last_id"], *listed.last().unwrap());

        let one = stage.ask("GET /v1/models/claude-haiku-5-5", &[], b"");
        assert_eq!(
            (one.status(), &one.json()["id"]),
            (200, &"claude-haiku-5-5".into())
        );
        let none = stage.ask("GET /v1/models/claude-haiku-0", &[], b"");
        assert_eq!(
            (none.status(), none.text().as_str()),
            (status, "{\"detail\":\"Not Found\"}")
        );
        for row in stage.rows() {
            let ended = row.ended.unwrap();
            assert_eq!((ended.status, ended.ending), (Some(status), Ending::Done));
        }
    }
}

#[test]
fn a_limited_key_gets_the_whole_list_at_once() {
    let stage = haiku_only().start(|_| reply::json(200, PAGE));
    stage.ask("GET /v1/models?limit=2&after_id=x", &[], b"");
    let head = &stage.upstream.requests()[0].head;
    assert_eq!(head.line, "GET /v1/models?limit=1000 HTTP/1.1");
}

#[test]
fn a_model_in_the_path_is_one_plain_word() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
    for id in [
        "..",
        ".",
        "..%2Fmessages",
        "a%2fb",
        "a%5Cb",
        "a;b",
        "%2e%2e",
    ] {
        let answer = stage.ask(&format!("GET /v1/models/{id}"), &[], b"");
        assert_eq!(answer.status(), 404, "{id}");
    }
    stage.assert_nothing_happened();
    let line = "GET /v1/models/claude-haiku-4-5@20251001";
    assert_eq!(stage.ask(line, &[], b"").status(), 200);
    let (row, _) = stage.row();
    assert_eq!(
        row.intent.model_asked.as_deref(),
        Some("claude-haiku-4-5@20251001")
    );
}

#[test]
fn head_is_not_get() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
    assert_eq!(stage.ask("HEAD /v1/models", &[], b"").status(), 405);
    stage.assert_nothing_happened();
}
