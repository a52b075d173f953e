//! The lifetime of prompt caches, from the configuration and a key's own word to what arrives upstream and is told of it.

use keyreeve_testkit::upstream::{Scripted, reply};
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
fn what_is_configured_and_what_a_key_says_arrives_and_is_told() {
    let case = Case::new();
    let upstream = Scripted::start(|_| reply::json(200, MESSAGE));
    add_profile(&case, "work", &upstream.base_url(), &[]);
    configure(&case, "[models.'claude-opus-*']\ncache_ttl = '1h'\n");
    let key = |name: &str, more: &[&str]| {
        let add = ["key", "add", name, "--profile", "work"];
        let made = case.run(&[&add[..], more].concat()).expect_code(0);
        made.stdout.trim().to_owned()
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
    let told = case.run(&["attempts", "--json"]).expect_code(0).json();
    let told: Vec<_> = told["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["cache_edit"])
        .collect();
    assert_eq!(told, [&json!("5m:0"), &Value::Null, &json!("1h:1")]);
}

#[test]
fn a_lifetime_that_is_none_is_refused() {
    let (case, _) = Case::with_profile();
    let add = ["key", "add", "x", "--profile", "work", "--cache-ttl", "2h"];
    let told = case.run(&add).expect_code(2);
    assert!(told.stderr.contains("5m, 1h"), "{}", told.stderr);
}
