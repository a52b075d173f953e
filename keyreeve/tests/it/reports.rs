//! `usage` and `requests` after real requests through the gateway to the sandbox.

use std::net::SocketAddr;
use std::time::Duration;

use keyreeve_testkit::wire;
use serde_json::{Value, json};

use crate::case::Case;

/// Runs `serve`, sends two requests, one of them streamed, and stops.
fn after_two_requests() -> Case {
    let case = Case::new();
    let running = case.home.start(&mut case.command(&[
        "serve",
        "--sandbox",
        "--json",
        "--listen",
        "127.0.0.1:0",
    ]));
    let text = |name: &str| running.ready()[name].as_str().unwrap().to_owned();
    let address: SocketAddr = text("address")
        .trim_start_matches("http://")
        .parse()
        .unwrap();
    for stream in [true, false] {
        let body = json!({
            "model": "claude-haiku-5-5", "max_tokens": 64, "stream": stream,
            "messages": [{ "role": "user", "content": "Hello" }],
        });
        let headers = [
            ("x-api-key", text("key")),
            ("anthropic-version", "2023-06-01".to_owned()),
            ("content-type", "application/json".to_owned()),
            ("x-claude-code-session-id", "session-1".to_owned()),
        ];
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let request = wire::request(
            address,
            "POST /v1/messages",
            &headers,
            body.to_string().as_bytes(),
        );
        assert_eq!(wire::send_request(address, &request).status(), 200);
    }
    running.terminate();
    let _output = running.wait(Duration::from_secs(10)).expect_code(0);
    case
}

#[test]
fn usage_has_token_classes_and_cost() {
    let case = after_two_requests();
    for by in ["key", "profile", "model", "day", "session"] {
        let usage = case
            .run(&["usage", "--by", by, "--since", "1h", "--json"])
            .expect_code(0)
            .json();
        assert_eq!(usage["schema_version"], 2);
        assert_eq!(usage["by"], by);
        let row = &usage["rows"][0];
        assert_eq!(
            (&row["requests"], &row["simulated"]),
            (&json!(2), &json!(true)),
            "{row}"
        );
        for class in [
            "input",
            "output",
            "cache_read",
            "cache_write_5m",
            "cache_write_1h",
        ] {
            assert!(row[format!("{class}_tokens")].is_u64(), "{class}: {row}");
        }
        assert!(
            row["cost_usd"].as_f64().is_some_and(|usd| usd > 0.0),
            "{row}"
        );
        assert_eq!(usage["total"]["cost_usd"], row["cost_usd"]);
    }
    let csv = case.run(&["usage", "--csv"]).expect_code(0).stdout;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 2, "{csv}");
    assert!(lines[1].starts_with("sandbox,2,2,0,"), "{csv}");
    let usage = case.run(&["usage"]).expect_code(0);
    assert!(
        usage.stdout.contains('*') && usage.stdout.contains("cache read"),
        "{}",
        usage.stdout
    );
    assert!(
        usage.stderr.contains("* Simulated: nothing was billed"),
        "{}",
        usage.stderr
    );
}

#[test]
fn requests_list_each_client_request() {
    let case = after_two_requests();
    let requests = case.run(&["requests", "--json", "--limit", "1"]);
    let requests = requests.expect_code(0).json();
    let rows = requests["requests"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(
        (&row["stream"], &row["ending"], &row["status"]),
        (&json!(false), &json!("done"), &json!(200))
    );
    assert_eq!(
        (&row["attempts"], &row["session"]),
        (&json!(1), &json!("session-1"))
    );
    assert!(
        row["output_tokens"]
            .as_u64()
            .is_some_and(|tokens| tokens > 0),
        "{row}"
    );
    for command in ["requests", "log"] {
        let table = case.run(&[command]).expect_code(0).stdout;
        assert_eq!(table.lines().count(), 3, "{table}");
        assert!(
            table.contains("claude-haiku-5-5") && table.contains(" 200 ") && table.contains('*'),
            "{table}"
        );
    }
}

#[test]
fn attempts_have_the_hashes_of_both_bodies() {
    let case = after_two_requests();
    let attempts = ["requests", "--attempts", "--json", "--limit", "1"];
    let attempts = case.run(&attempts).expect_code(0).json();
    let rows = attempts["attempts"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(
        (&row["stream"], &row["ending"], &row["status"]),
        (&json!(false), &json!("done"), &json!(200))
    );
    assert_eq!(row["session"], "session-1");
    for hash in ["request_hash", "response_hash"] {
        assert_eq!(row[hash].as_str().map(str::len), Some(64), "{row}");
    }
    let table = case.run(&["requests", "--attempts"]).expect_code(0).stdout;
    assert_eq!(table.lines().count(), 3, "{table}");
}

#[test]
fn curl_settings_work_when_pasted() {
    if std::process::Command::new("curl")
        .arg("--version")
        .output()
        .is_err()
    {
        keyreeve_testkit::skip!("curl is not installed");
    }
    let case = Case::new();
    let ready = ["serve", "--sandbox", "--json", "--listen", "127.0.0.1:0"];
    let running = case.home.start(&mut case.command(&ready));
    let key = running.ready()["key"].as_str().unwrap().to_owned();
    let address = running.ready()["address"]
        .as_str()
        .unwrap()
        .trim_start_matches("http://")
        .to_owned();
    let mut connect = case.command(&["connect", "curl", "--key", "sandbox", "--quiet"]);
    connect.env("KEYREEVE_LISTEN", &address);
    let line = case.home.run(&mut connect).expect_code(0).stdout;
    let mut paste = case.home.command("sh");
    paste.args(["-c", line.trim()]).env("KEYREEVE_KEY", &key);
    let response = case.home.run(&mut paste).expect_code(0).stdout;
    assert!(response.contains("event: message_start"), "{response}");
    assert!(response.contains("event: message_stop"), "{response}");
    running.terminate();
    let _output = running.wait(Duration::from_secs(10)).expect_code(0);
    let usage: Value = case.run(&["usage", "--json"]).json();
    assert_eq!(usage["rows"][0]["requests"], 1);
}
