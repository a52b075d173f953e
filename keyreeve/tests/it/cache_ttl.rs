//! Prompt cache lifetimes, from the configuration and a key to the request upstream and the ledger.

use keyreeve_testkit::upstream::{Scripted, responses};
use serde_json::{Value, json};

use crate::case::Case;
use crate::check::add_profile;
use crate::errors::configure;
use crate::serving::Serving;

const MESSAGE: &str = r#"{"type":"message","model":"claude-opus-5-5","content":[],"usage":{"input_tokens":8,"output_tokens":1}}"#;

fn request(model: &str) -> Value {
    json!({ "model": model, "max_tokens": 1, "messages": [], "cache_control": { "type": "ephemeral" } })
}

#[test]
fn configured_and_key_lifetimes_reach_the_upstream() {
    let case = Case::new();
    let upstream = Scripted::start(|_| responses::json(200, MESSAGE));
    add_profile(&case, "work", &upstream.base_url(), &[]);
    configure(&case, "[models.'claude-opus-*']\ncache_ttl = '1h'\n");
    let key = |name: &str, more: &[&str]| {
        let add = ["key", "add", name, "--profile", "work"];
        let added = case.run(&[&add[..], more].concat()).expect_code(0);
        added.stdout.trim().to_owned()
    };
    let (plain, brief) = (key("plain", &[]), key("brief", &["--cache-ttl", "5m"]));
    let serving = Serving::start(&case);
    for (key, model) in [
        (&plain, "claude-opus-5-5"),
        (&plain, "claude-haiku-5-5"),
        (&brief, "claude-opus-5-5"),
    ] {
        assert_eq!(serving.ask(key, &request(model)).status(), 200);
    }
    let _ended = serving.end();

    let arrived: Vec<Value> = upstream
        .requests()
        .iter()
        .map(|request| serde_json::from_slice(&request.body).unwrap())
        .map(|body: Value| body["cache_control"].clone())
        .collect();
    let unset = json!({ "type": "ephemeral" });
    let hour = json!({ "type": "ephemeral", "ttl": "1h" });
    assert_eq!(arrived, [hour, unset.clone(), unset]);
    let requests = case.run(&["requests", "--attempts", "--json"]);
    let requests = requests.expect_code(0).json();
    let edits: Vec<_> = requests["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["cache_edit"])
        .collect();
    assert_eq!(edits, [&json!("5m:0"), &Value::Null, &json!("1h:1")]);
}

#[test]
fn unknown_lifetime_is_refused() {
    let (case, _) = Case::with_profile();
    let add = ["key", "add", "x", "--profile", "work", "--cache-ttl", "2h"];
    let stderr = case.run(&add).expect_code(2).stderr;
    assert!(stderr.contains("Use 5m or 1h"), "{stderr}");
}
