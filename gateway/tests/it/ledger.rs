//! What is remembered of a request: one row, with its figures, hashes and times.

use keyreeve_core::price::Basis;
use keyreeve_store::{Ended, Ending, Operation};
use keyreeve_testkit::fixtures;
use keyreeve_testkit::upstream::reply;
use serde_json::Value;

use crate::stage::{ASK, ASK_STREAM, JSON, Setup, Stage};

#[test]
fn a_row_tells_who_asked_what_of_whom() {
    let fixture = fixtures::json("success.json");
    let body = fixture["body"].to_string();
    let headers = [JSON, ("request-id", "req_011UPSTREAM")];
    let stage = Stage::start(move |_| reply::with_headers(200, &headers, body.as_bytes()));
    let asked = stage.ask(
        "POST /v1/messages?beta=true",
        &[JSON, ("x-claude-code-session-id", "session-1")],
        ASK,
    );

    let (row, ended) = stage.row();
    let intent = row.intent;
    assert_eq!(row.key_name.as_deref(), Some("laptop"));
    assert_eq!(row.profile_name.as_deref(), Some("work"));
    assert_eq!(
        (intent.key, intent.profile),
        (stage.key_row.id, stage.profile.id)
    );
    assert_eq!(intent.session.as_deref(), Some("session-1"));
    assert_eq!(intent.operation, Operation::Messages);
    assert_eq!(intent.model_asked.as_deref(), Some("claude-haiku-5-5"));
    assert!(!intent.stream && !intent.simulated);
    assert_eq!(intent.request_hash, *blake3::hash(ASK).as_bytes());
    assert_eq!(intent.request_bytes, ASK.len() as u64);
    let shown = asked.head.header("x-keyreeve-request-id").unwrap();
    assert_eq!(intent.request.to_string(), shown);

    assert_eq!((ended.ending, ended.status), (Ending::Done, Some(200)));
    assert_eq!(
        ended.upstream_request_id.as_deref(),
        Some("req_011UPSTREAM")
    );
    assert_eq!(
        ended.model_served.as_deref(),
        fixture["body"]["model"].as_str()
    );
    assert_eq!(
        ended.answer_hash,
        Some(*blake3::hash(&asked.body).as_bytes())
    );
    assert_eq!(ended.answer_bytes, asked.body.len() as u64);
    assert_eq!(ended.basis, Some(Basis::Known));
    assert_ne!(ended.cost.get(), 0);
    assert!(ended.first_byte_micros.unwrap() <= ended.duration_micros.unwrap());
    assert!(ended.ended_at >= intent.started_at);
}

#[track_caller]
fn check_stream(name: &str, ended: &Ended, expected: &Value) {
    let tokens = ended.tokens;
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
        ended.model_served.as_deref(),
        expected["model"].as_str(),
        "{name}"
    );
    let complete = expected["complete"] == true;
    let ending = if complete {
        Ending::Done
    } else {
        Ending::Incomplete
    };
    assert_eq!(ended.ending, ending, "{name}");
    // What was cut is reckoned by what came of it: its last figures were never told.
    let as_told = complete || nanos == 0;
    assert!(ended.cost.get() == nanos || !as_told, "{name}");
    assert!(ended.cost.get() >= nanos, "{name}");
    assert_eq!(ended.basis == Some(Basis::Known), as_told, "{name}");
    assert_eq!(ended.verdict.as_deref() == Some("ok"), complete, "{name}");
}

#[test]
fn each_recorded_stream_has_its_five_classes_and_its_cost() {
    for stream in fixtures::streams() {
        let bytes = stream.bytes.clone();
        let stage = Stage::start(move |_| reply::stream(bytes.chunks(64)));
        let answer = stage.post(ASK_STREAM);
        let (row, ended) = stage.row();
        assert!(row.intent.stream);
        check_stream(&stream.name, &ended, &stream.expected);
        assert_eq!(
            ended.answer_hash,
            Some(*blake3::hash(&answer.body).as_bytes())
        );
        assert!(ended.first_byte_micros.unwrap() <= ended.duration_micros.unwrap());
    }
}

#[test]
fn counting_and_listing_cost_nothing() {
    let stage = Stage::start(|request| {
        let counts = request.head.line.contains("count_tokens");
        let list = "{\"data\":[],\"has_more\":false}";
        reply::json(
            200,
            if counts {
                "{\"input_tokens\":2095}"
            } else {
                list
            },
        )
    });
    stage.ask("POST /v1/messages/count_tokens", &[JSON], ASK);
    stage.ask("GET /v1/models", &[], b"");
    stage.ask("GET /v1/models/claude-haiku-5-5", &[], b"");
    let rows = stage.rows();
    let mut operations: Vec<_> = rows
        .iter()
        .map(|row| format!("{:?}", row.intent.operation))
        .collect();
    operations.sort();
    assert_eq!(operations, ["CountTokens", "Models", "Models"]);
    for row in rows {
        let ended = row.ended.unwrap();
        assert_eq!((ended.cost.get(), ended.ending), (0, Ending::Done));
        assert_eq!(row.intent.reserved.get(), 0);
    }
}

#[test]
fn a_good_answer_without_figures_is_never_free() {
    for body in ["{}", "not JSON", "{\"usage\":{}}", ""] {
        let stage = Stage::start(|_| reply::json(200, body));
        stage.post(ASK);
        let (row, ended) = stage.row();
        assert_eq!(ended.cost, row.intent.reserved, "{body}");
        assert_ne!(ended.cost.get(), 0, "{body}");
        assert_eq!(ended.basis, Some(Basis::AtMost), "{body}");
    }
}

#[test]
fn a_request_without_a_model_is_never_free_either() {
    for body in ["{}", "{\"model\":null,\"max_tokens\":1}"] {
        let stage = Stage::start(|_| reply::json(200, "{}"));
        stage.post(body.as_bytes());
        let (row, ended) = stage.row();
        assert_eq!(
            (row.intent.model_asked, ended.cost),
            (None, row.intent.reserved)
        );
        assert_ne!(ended.cost.get(), 0, "{body}");
    }
}

#[test]
fn a_simulated_profile_marks_its_rows() {
    let setup = Setup {
        simulated: true,
        ..Setup::default()
    };
    let stage = setup.start(|_| reply::json(200, "{}"));
    stage.post(ASK);
    assert!(stage.row().0.intent.simulated);
}

#[test]
fn text_of_clients_is_cut_and_made_inert_in_the_ledger() {
    let stage = Stage::start(|_| reply::json(200, "{}"));
    let model = "m\\u001b[31m\\u202e".to_owned() + &"x".repeat(500);
    let body = format!("{{\"model\":\"{model}\",\"max_tokens\":1}}");
    let session = "s".repeat(200);
    let headers = [JSON, ("x-claude-code-session-id", session.as_str())];
    stage.ask("POST /v1/messages", &headers, body.as_bytes());
    let (row, _) = stage.row();
    let asked = row.intent.model_asked.unwrap();
    assert!(asked.chars().count() <= 128, "{asked}");
    let acts = |c: char| c.is_control() || c == '\u{202e}';
    assert!(!asked.contains(acts), "{asked:?}");
    assert_eq!(row.intent.session, None);
    assert_eq!(stage.upstream.requests()[0].body, body.as_bytes());
}

#[test]
fn the_ledger_has_the_verdict_of_the_body_and_the_client_the_body_as_it_came() {
    let credit = r#"{"type":"error", "error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#;
    for (status, body, verdict) in [
        (400, credit, "out_of_credit"),
        (401, "<html>who are you</html>", "foreign_answer"),
        (401, "{\"type\":\"err", "authentication"),
        (529, "", "overloaded"),
    ] {
        let stage = Stage::start(move |_| reply::json(status, body));
        let answer = stage.post(ASK_STREAM);
        assert_eq!((answer.status(), answer.text()), (status, body.to_owned()));
        let (_, ended) = stage.row();
        assert_eq!(ended.verdict.as_deref(), Some(verdict));
    }
}
