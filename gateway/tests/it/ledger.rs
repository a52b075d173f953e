//! The ledger entry of a request: its usage, cost, hashes and times.

use keyreeve_core::price::CostBasis;
use keyreeve_store::{Ending, EntryOutcome, Operation};
use keyreeve_testkit::fixtures;
use keyreeve_testkit::upstream::responses;
use serde_json::Value;

use crate::harness::{JSON, REQUEST_BODY, STREAM_REQUEST_BODY, Setup, TestGateway};

#[test]
fn entry_has_key_profile_model_and_request() {
    let fixture = fixtures::json("success.json");
    let body = fixture["body"].to_string();
    let headers = [JSON, ("request-id", "req_011UPSTREAM")];
    let gateway =
        TestGateway::start(move |_| responses::with_headers(200, &headers, body.as_bytes()));
    let response = gateway.send(
        "POST /v1/messages?beta=true",
        &[JSON, ("x-claude-code-session-id", "session-1")],
        REQUEST_BODY,
    );

    let (entry, outcome) = gateway.entry();
    let intent = entry.intent;
    assert_eq!(entry.key_name.as_deref(), Some("laptop"));
    assert_eq!(entry.profile_name.as_deref(), Some("work"));
    assert_eq!(
        (intent.key, intent.profile),
        (gateway.virtual_key.id, gateway.profile.id)
    );
    assert_eq!(intent.session.as_deref(), Some("session-1"));
    assert_eq!(intent.operation, Operation::Messages);
    assert_eq!(intent.model_requested.as_deref(), Some("claude-haiku-5-5"));
    assert!(!intent.stream && !intent.simulated);
    assert_eq!(intent.request_hash, *blake3::hash(REQUEST_BODY).as_bytes());
    assert_eq!(intent.request_bytes, REQUEST_BODY.len() as u64);
    let id = response.head.header("x-keyreeve-request-id").unwrap();
    assert_eq!(intent.request.to_string(), id);

    assert_eq!((outcome.ending, outcome.status), (Ending::Done, Some(200)));
    assert_eq!(
        outcome.upstream_request_id.as_deref(),
        Some("req_011UPSTREAM")
    );
    assert_eq!(
        outcome.model_served.as_deref(),
        fixture["body"]["model"].as_str()
    );
    assert_eq!(
        outcome.response_hash,
        Some(*blake3::hash(&response.body).as_bytes())
    );
    assert_eq!(outcome.response_bytes, response.body.len() as u64);
    assert_eq!(outcome.basis, Some(CostBasis::Known));
    assert_ne!(outcome.cost.get(), 0);
    assert!(outcome.first_byte_micros.unwrap() <= outcome.duration_micros.unwrap());
    assert!(outcome.ended_at >= intent.started_at);
}

#[track_caller]
fn check_stream(name: &str, outcome: &EntryOutcome, expected: &Value) {
    let tokens = outcome.tokens;
    let counted = [
        ("input", tokens.input),
        ("output", tokens.output),
        ("cache_read", tokens.cache_read),
        ("write_5m", tokens.write_5m),
        ("write_1h", tokens.write_1h),
    ];
    for (class, count) in counted {
        assert_eq!(expected[class], count, "{name} {class}");
    }
    let dollars: f64 = expected["cost"].as_str().unwrap().parse().unwrap();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few thousand dollars at the most"
    )]
    let nanos = (dollars * 1e9).round() as u64;
    assert_eq!(
        outcome.model_served.as_deref(),
        expected["model"].as_str(),
        "{name}"
    );
    let complete = expected["complete"] == true;
    let ending = if complete {
        Ending::Done
    } else {
        Ending::Incomplete
    };
    assert_eq!(outcome.ending, ending, "{name}");
    // A cut stream is priced by the part received: its final usage never arrived.
    let is_exact = complete || nanos == 0;
    assert!(outcome.cost.get() == nanos || !is_exact, "{name}");
    assert!(outcome.cost.get() >= nanos, "{name}");
    assert_eq!(outcome.basis == Some(CostBasis::Known), is_exact, "{name}");
    assert_eq!(outcome.verdict.as_deref() == Some("ok"), complete, "{name}");
}

#[test]
fn recorded_streams_have_token_counts_and_cost() {
    for stream in fixtures::streams() {
        let bytes = stream.bytes.clone();
        let gateway = TestGateway::start(move |_| responses::stream(bytes.chunks(64)));
        let response = gateway.post(STREAM_REQUEST_BODY);
        let (entry, outcome) = gateway.entry();
        assert!(entry.intent.stream);
        check_stream(&stream.name, &outcome, &stream.expected);
        assert_eq!(
            outcome.response_hash,
            Some(*blake3::hash(&response.body).as_bytes())
        );
        assert!(outcome.first_byte_micros.unwrap() <= outcome.duration_micros.unwrap());
    }
}

#[test]
fn counting_tokens_and_listing_models_cost_nothing() {
    let gateway = TestGateway::start(|request| {
        let counts = request.head.line.contains("count_tokens");
        let list = "{\"data\":[],\"has_more\":false}";
        responses::json(
            200,
            if counts {
                "{\"input_tokens\":2095}"
            } else {
                list
            },
        )
    });
    gateway.send("POST /v1/messages/count_tokens", &[JSON], REQUEST_BODY);
    gateway.send("GET /v1/models", &[], b"");
    gateway.send("GET /v1/models/claude-haiku-5-5", &[], b"");
    let entries = gateway.entries();
    let mut operations: Vec<_> = entries
        .iter()
        .map(|entry| format!("{:?}", entry.intent.operation))
        .collect();
    operations.sort();
    assert_eq!(operations, ["CountTokens", "Models", "Models"]);
    for entry in entries {
        let outcome = entry.outcome.unwrap();
        assert_eq!((outcome.cost.get(), outcome.ending), (0, Ending::Done));
        assert_eq!(entry.intent.reserved.get(), 0);
    }
}

#[test]
fn success_without_usage_is_never_free() {
    for body in ["{}", "not JSON", "{\"usage\":{}}", ""] {
        let gateway = TestGateway::start(|_| responses::json(200, body));
        gateway.post(REQUEST_BODY);
        let (entry, outcome) = gateway.entry();
        assert_eq!(outcome.cost, entry.intent.reserved, "{body}");
        assert_ne!(outcome.cost.get(), 0, "{body}");
        assert_eq!(outcome.basis, Some(CostBasis::AtMost), "{body}");
    }
}

#[test]
fn request_without_a_model_is_never_free() {
    for body in ["{}", "{\"model\":null,\"max_tokens\":1}"] {
        let gateway = TestGateway::start(|_| responses::json(200, "{}"));
        gateway.post(body.as_bytes());
        let (entry, outcome) = gateway.entry();
        assert_eq!(
            (entry.intent.model_requested, outcome.cost),
            (None, entry.intent.reserved)
        );
        assert_ne!(outcome.cost.get(), 0, "{body}");
    }
}

#[test]
fn simulated_profile_marks_its_entries() {
    let setup = Setup {
        simulated: true,
        ..Setup::default()
    };
    let gateway = setup.start(|_| responses::json(200, "{}"));
    gateway.post(REQUEST_BODY);
    assert!(gateway.entry().0.intent.simulated);
}

#[test]
fn client_text_is_sanitized_and_truncated_in_the_ledger() {
    let gateway = TestGateway::start(|_| responses::json(200, "{}"));
    let model = "m\\u001b[31m\\u202e".to_owned() + &"x".repeat(500);
    let body = format!("{{\"model\":\"{model}\",\"max_tokens\":1}}");
    let session = "s".repeat(200);
    let headers = [JSON, ("x-claude-code-session-id", session.as_str())];
    gateway.send("POST /v1/messages", &headers, body.as_bytes());
    let (entry, _) = gateway.entry();
    let model = entry.intent.model_requested.unwrap();
    assert!(model.chars().count() <= 128, "{model}");
    let is_unsafe = |c: char| c.is_control() || c == '\u{202e}';
    assert!(!model.contains(is_unsafe), "{model:?}");
    assert_eq!(entry.intent.session, None);
    assert_eq!(gateway.upstream.requests()[0].body, body.as_bytes());
}

#[test]
fn verdict_is_recorded_and_the_body_is_unchanged() {
    let credit = r#"{"type":"error", "error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#;
    for (status, body, verdict) in [
        (400, credit, "out_of_credit"),
        (401, "<html>who are you</html>", "foreign_answer"),
        (401, "{\"type\":\"err", "authentication"),
        (529, "", "overloaded"),
    ] {
        let gateway = TestGateway::start(move |_| responses::json(status, body));
        let response = gateway.post(STREAM_REQUEST_BODY);
        assert_eq!(
            (response.status(), response.text()),
            (status, body.to_owned())
        );
        let (_, outcome) = gateway.entry();
        assert_eq!(outcome.verdict.as_deref(), Some(verdict));
    }
}
