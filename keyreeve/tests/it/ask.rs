//! `ask`: a streamed response, its cost, and every way it can fail.

use std::time::{Duration, Instant};

use keyreeve_testkit::sandbox::Sandbox;
use keyreeve_testkit::upstream::{Scripted, Step, responses};
use serde_json::{Value, json};

use crate::case::{Case, assert_exit, check};
use crate::check::add_profile;
use crate::errors::configure;

fn event(event: &Value) -> Vec<u8> {
    let kind = event["type"].as_str().unwrap();
    format!("event: {kind}\ndata: {event}\n\n").into_bytes()
}

/// Returns a stream with these texts, one event each.
fn stream(texts: &[&str]) -> Vec<Vec<u8>> {
    let usage = json!({ "input_tokens": 8, "output_tokens": 1 });
    let mut events = vec![event(&json!({
        "type": "message_start",
        "message": { "type": "message", "model": "claude-haiku-5-5", "usage": usage },
    }))];
    events.extend(texts.iter().map(|text| {
        event(&json!({
            "type": "content_block_delta", "index": 0,
            "delta": { "type": "text_delta", "text": text },
        }))
    }));
    events.push(event(&json!({
        "type": "message_delta", "delta": { "stop_reason": "end_turn" },
        "usage": { "output_tokens": 5 },
    })));
    events.push(event(&json!({ "type": "message_stop" })));
    events
}

fn streaming(events: Vec<Vec<u8>>) -> Scripted {
    Scripted::start(move |_| responses::stream(events.iter().map(Vec::as_slice)))
}

fn newest(case: &Case) -> Value {
    let attempts = case
        .run(&["requests", "--attempts", "--json", "--limit", "1"])
        .json();
    attempts["attempts"][0].clone()
}

#[test]
fn response_streams_and_ends_with_the_cost() {
    let (case, sandbox) = (Case::new(), Sandbox::start());
    add_profile(&case, "work", &sandbox.base_url(), &["--simulated"]);
    check("ask", &case, &case.run(&["ask", "Hello"]));
    let entry = newest(&case);
    assert_eq!(
        (&entry["ending"], &entry["stream"]),
        (&json!("done"), &json!(true))
    );
    assert_eq!(entry["key"], "(keyreeve)");
    assert_eq!(
        (&entry["number"], &entry["reason"]),
        (&json!(1), &json!("named"))
    );
    let requested = case
        .feed(&["ask", "--json", "-"], "write 5 words")
        .expect_code(0);
    let response = requested.json();
    assert_eq!(
        response["text"]
            .as_str()
            .unwrap()
            .split_whitespace()
            .count(),
        5
    );
    assert_eq!(response["attempt"], newest(&case)["attempt"]);
    assert_eq!(requested.stderr, "");
}

#[test]
fn arguments_and_stdin_reach_the_request() {
    let case = Case::new();
    let upstream = streaming(stream(&["yes"]));
    add_profile(&case, "work", &upstream.base_url(), &[]);
    let arguments = [
        "ask",
        "--model",
        "claude-haiku-5-5",
        "--max-tokens",
        "7",
        "--system",
        "Be short.",
    ];
    let output = case.feed(&arguments, "Is it?\n").expect_code(0);
    assert_eq!(output.stdout, "yes\n");
    let body: Value = serde_json::from_slice(&upstream.requests()[0].body).unwrap();
    let expected = json!({
        "model": "claude-haiku-5-5", "max_tokens": 7, "stream": true, "system": "Be short.",
        "messages": [{ "role": "user", "content": "Is it?\n" }],
    });
    assert_eq!(body, expected);
    check("ask_no_question", &case, &case.feed(&["ask"], " \n"));
}

#[test]
fn default_model_is_used_without_an_argument() {
    let case = Case::new();
    let upstream = streaming(stream(&["yes"]));
    add_profile(&case, "work", &upstream.base_url(), &[]);
    configure(&case, "default_model = 'claude-opus-5-5'\n");
    for arguments in [
        &["ask", "hi"][..],
        &["check"],
        &["ask", "hi", "--model", "claude-haiku-5-5"],
        &["check", "--model", "claude-haiku-5-5"],
    ] {
        let _output = case.run(arguments);
    }
    let mut ask = case.command(&["ask", "hi"]);
    ask.env("KEYREEVE_DEFAULT_MODEL", "claude-sonnet-5");
    assert_exit(case.home.run(&mut ask), 0);
    let requested: Vec<_> = upstream
        .requests()
        .iter()
        .map(|request| serde_json::from_slice::<Value>(&request.body).unwrap()["model"].clone())
        .collect();
    let (opus, haiku) = ("claude-opus-5-5", "claude-haiku-5-5");
    assert_eq!(requested, [opus, opus, haiku, haiku, "claude-sonnet-5"]);
}

/// BI-08: an escape sequence split over several chunks is sanitized.
#[test]
fn split_escape_sequence_is_sanitized() {
    let case = Case::new();
    let upstream = streaming(stream(&[
        "a\u{1b}",
        "]0;owned\u{7}\u{202e}",
        "\r\u{9b}",
        "2Jb\n",
    ]));
    add_profile(&case, "work", &upstream.base_url(), &[]);
    let output = case.run(&["ask", "hi"]).expect_code(0);
    assert_eq!(
        output.stdout,
        "a\\u{1b}]0;owned\\u{7}\\u{202e}\\u{d}\\u{9b}2Jb\n"
    );
    let output = case.run(&["ask", "hi", "--json"]).expect_code(0);
    assert!(
        output
            .stdout
            .trim_end()
            .bytes()
            .all(|c| (0x20..0x7f).contains(&c))
    );
    assert_eq!(
        output.json()["text"],
        "a\u{1b}]0;owned\u{7}\u{202e}\r\u{9b}2Jb\n"
    );
}

#[test]
fn errors_are_reported_with_their_remedy() {
    let (case, sandbox) = (Case::new(), Sandbox::start());
    let key = add_profile(&case, "work", &sandbox.base_url(), &["--simulated"]);
    for (response, code) in [("invalid_key", 4), ("spend_limit", 5), ("overloaded", 6)] {
        sandbox.script(&key, &json!([{ "error": response }]));
        let output = case.run(&["ask", "hi"]);
        assert_eq!(output.code, code, "{response}: {}", output.stderr);
        check(&format!("ask_{response}"), &case, &output);
    }
    sandbox.script(
        &key,
        &json!([{ "stream_error": "overloaded_error", "after_events": 4 }]),
    );
    check("ask_stream_error", &case, &case.run(&["ask", "hi"]));
    drop(sandbox);
    let output = case.run(&["ask", "hi"]).expect_code(6);
    assert!(
        output.stderr.contains("cannot connect"),
        "{}",
        output.stderr
    );
}

#[test]
fn truncated_stream_fails() {
    let case = Case::new();
    let events = stream(&["half"]);
    let upstream = Scripted::start(move |_| {
        let steps = responses::stream(events[..2].iter().map(Vec::as_slice));
        responses::cut(steps.clone(), responses::length(&steps) - 5, Step::Close)
    });
    add_profile(&case, "work", &upstream.base_url(), &[]);
    let output = case.run(&["ask", "hi"]).expect_code(6);
    assert_eq!(output.stdout, "half\n");
    assert_eq!(newest(&case)["ending"], "incomplete");
}

#[test]
fn interrupted_request_is_recorded_as_incomplete() {
    let case = Case::new();
    let events = stream(&["one", "two"]);
    let upstream = Scripted::start(move |_| {
        let mut steps = responses::stream(events[..2].iter().map(Vec::as_slice));
        steps.pop();
        steps.push(Step::Hang);
        steps
    });
    add_profile(&case, "work", &upstream.base_url(), &[]);
    let asking = case.home.spawn(&mut case.command(&["ask", "hi"]));
    wait_for("one", || printed(&case));
    let mut interrupt = case.home.command("kill");
    interrupt.args(["-INT", &asking.pid().to_string()]);
    let _sent = case.home.run(&mut interrupt).expect_code(0);
    let output = asking.wait(Duration::from_secs(10)).expect_code(130);
    assert!(
        output.stderr.contains("recorded as incomplete"),
        "{}",
        output.stderr
    );
    let entry = newest(&case);
    assert_eq!(entry["ending"], "incomplete");
    assert!(entry["cost_usd"].as_f64().unwrap() > 0.0, "{entry}");
}

/// Returns everything that commands have written to standard output so far.
fn printed(case: &Case) -> String {
    let directory = std::fs::read_dir(case.home.path().join("printed")).unwrap();
    let files = directory.map(|file| file.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "stdout"));
    files
        .map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned())
        .collect()
}

#[track_caller]
fn wait_for(text: &str, mut look: impl FnMut() -> String) {
    let until = Instant::now() + Duration::from_secs(10);
    while !look().contains(text) {
        assert!(Instant::now() < until, "{text} was not printed");
        std::thread::sleep(Duration::from_millis(10));
    }
}
