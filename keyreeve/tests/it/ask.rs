//! `ask`: an answer that streams, who paid for it, and everything that can go wrong on the way.

use std::time::{Duration, Instant};

use keyreeve_testkit::sandbox::Sandbox;
use keyreeve_testkit::upstream::{Scripted, Step, reply};
use serde_json::{Value, json};

use crate::case::{Case, check, ends};
use crate::check::add_profile;
use crate::errors::configure;

fn event(event: &Value) -> Vec<u8> {
    let kind = event["type"].as_str().unwrap();
    format!("event: {kind}\ndata: {event}\n\n").into_bytes()
}

/// A stream that says these texts, an event each.
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

fn answering(events: Vec<Vec<u8>>) -> Scripted {
    Scripted::start(move |_| reply::stream(events.iter().map(Vec::as_slice)))
}

fn newest(case: &Case) -> Value {
    let attempts = case.run(&["attempts", "--json", "--limit", "1"]).json();
    attempts["attempts"][0].clone()
}

#[test]
fn the_answer_streams_and_ends_with_who_paid() {
    let (case, sandbox) = (Case::new(), Sandbox::start());
    add_profile(&case, "work", &sandbox.base_url(), &["--simulated"]);
    check("ask", &case, &case.run(&["ask", "Hello"]));
    let row = newest(&case);
    assert_eq!(
        (&row["ending"], &row["stream"]),
        (&json!("done"), &json!(true))
    );
    assert_eq!(row["key"], "(keyreeve)");
    assert_eq!(
        (&row["number"], &row["reason"]),
        (&json!(1), &json!("named"))
    );
    let asked = case
        .feed(&["ask", "--json", "-"], "write 5 words")
        .expect_code(0);
    let answer = asked.json();
    assert_eq!(
        answer["text"].as_str().unwrap().split_whitespace().count(),
        5
    );
    assert_eq!(answer["attempt"], newest(&case)["attempt"]);
    assert_eq!(asked.stderr, "");
}

#[test]
fn what_is_typed_is_what_is_asked() {
    let case = Case::new();
    let upstream = answering(stream(&["yes"]));
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
    let told = case.feed(&arguments, "Is it?\n").expect_code(0);
    assert_eq!(told.stdout, "yes\n");
    let body: Value = serde_json::from_slice(&upstream.requests()[0].body).unwrap();
    let expected = json!({
        "model": "claude-haiku-5-5", "max_tokens": 7, "stream": true, "system": "Be short.",
        "messages": [{ "role": "user", "content": "Is it?\n" }],
    });
    assert_eq!(body, expected);
    check("ask_nothing", &case, &case.feed(&["ask"], " \n"));
}

#[test]
fn the_default_model_is_asked_where_none_is_named() {
    let case = Case::new();
    let upstream = answering(stream(&["yes"]));
    add_profile(&case, "work", &upstream.base_url(), &[]);
    configure(&case, "default_model = 'claude-opus-5-5'\n");
    for arguments in [
        &["ask", "hi"][..],
        &["check"],
        &["ask", "hi", "--model", "claude-haiku-5-5"],
        &["check", "--model", "claude-haiku-5-5"],
    ] {
        let _answered_or_not = case.run(arguments);
    }
    let mut ask = case.command(&["ask", "hi"]);
    ask.env("KEYREEVE_DEFAULT_MODEL", "claude-sonnet-5");
    ends(case.home.run(&mut ask), 0);
    let asked: Vec<_> = upstream
        .requests()
        .iter()
        .map(|request| serde_json::from_slice::<Value>(&request.body).unwrap()["model"].clone())
        .collect();
    let (opus, haiku) = ("claude-opus-5-5", "claude-haiku-5-5");
    assert_eq!(asked, [opus, opus, haiku, haiku, "claude-sonnet-5"]);
}

#[test]
fn bi_08_an_escape_sequence_in_pieces_does_nothing() {
    let case = Case::new();
    let upstream = answering(stream(&[
        "a\u{1b}",
        "]0;owned\u{7}\u{202e}",
        "\r\u{9b}",
        "2Jb\n",
    ]));
    add_profile(&case, "work", &upstream.base_url(), &[]);
    let told = case.run(&["ask", "hi"]).expect_code(0);
    assert_eq!(
        told.stdout,
        "a\\u{1b}]0;owned\\u{7}\\u{202e}\\u{d}\\u{9b}2Jb\n"
    );
    let told = case.run(&["ask", "hi", "--json"]).expect_code(0);
    assert!(
        told.stdout
            .trim_end()
            .bytes()
            .all(|c| (0x20..0x7f).contains(&c))
    );
    assert_eq!(
        told.json()["text"],
        "a\u{1b}]0;owned\u{7}\u{202e}\r\u{9b}2Jb\n"
    );
}

#[test]
fn an_error_is_told_with_what_mends_it() {
    let (case, sandbox) = (Case::new(), Sandbox::start());
    let key = add_profile(&case, "work", &sandbox.base_url(), &["--simulated"]);
    for (answer, code) in [("invalid_key", 4), ("spend_limit", 5), ("overloaded", 6)] {
        sandbox.script(&key, &json!([{ "error": answer }]));
        let told = case.run(&["ask", "hi"]);
        assert_eq!(told.code, code, "{answer}: {}", told.stderr);
        check(&format!("ask_{answer}"), &case, &told);
    }
    sandbox.script(
        &key,
        &json!([{ "stream_error": "overloaded_error", "after_events": 4 }]),
    );
    check("ask_stream_error", &case, &case.run(&["ask", "hi"]));
    drop(sandbox);
    let told = case.run(&["ask", "hi"]).expect_code(6);
    assert!(told.stderr.contains("cannot be reached"), "{}", told.stderr);
}

#[test]
fn a_stream_that_is_cut_is_no_answer() {
    let case = Case::new();
    let events = stream(&["half"]);
    let upstream = Scripted::start(move |_| {
        let steps = reply::stream(events[..2].iter().map(Vec::as_slice));
        reply::cut(steps.clone(), reply::length(&steps) - 5, Step::Close)
    });
    add_profile(&case, "work", &upstream.base_url(), &[]);
    let told = case.run(&["ask", "hi"]).expect_code(6);
    assert_eq!(told.stdout, "half\n");
    assert_eq!(newest(&case)["ending"], "incomplete");
}

#[test]
fn stopping_it_is_recorded_as_incomplete() {
    let case = Case::new();
    let events = stream(&["one", "two"]);
    let upstream = Scripted::start(move |_| {
        let mut steps = reply::stream(events[..2].iter().map(Vec::as_slice));
        steps.pop();
        steps.push(Step::Silence);
        steps
    });
    add_profile(&case, "work", &upstream.base_url(), &[]);
    let asking = case.home.spawn(&mut case.command(&["ask", "hi"]));
    wait_for("one", || printed(&case));
    let mut interrupt = case.home.command("kill");
    interrupt.args(["-INT", &asking.pid().to_string()]);
    let _sent = case.home.run(&mut interrupt).expect_code(0);
    let told = asking.wait(Duration::from_secs(10)).expect_code(130);
    assert!(
        told.stderr.contains("recorded as incomplete"),
        "{}",
        told.stderr
    );
    let row = newest(&case);
    assert_eq!(row["ending"], "incomplete");
    assert!(row["cost_usd"].as_f64().unwrap() > 0.0, "{row}");
}

/// All that commands have printed as data so far.
fn printed(case: &Case) -> String {
    let folder = std::fs::read_dir(case.home.path().join("printed")).unwrap();
    let files = folder.map(|file| file.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|end| end == "stdout"));
    files
        .map(|path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned())
        .collect()
}

#[track_caller]
fn wait_for(text: &str, mut look: impl FnMut() -> String) {
    let until = Instant::now() + Duration::from_secs(10);
    while !look().contains(text) {
        assert!(Instant::now() < until, "{text} never came");
        std::thread::sleep(Duration::from_millis(10));
    }
}
