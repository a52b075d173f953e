//! The sandbox runs in a thread of its own, is scripted and asked over HTTP, and stops.

use std::net::TcpStream;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::sandbox::Sandbox;
use keyreeve_testkit::wire::{ask, request};
use serde_json::json;

#[test]
fn it_answers_misbehaves_when_told_to_and_stops() {
    let sandbox = Sandbox::start();
    let address = sandbox.address();
    let key = Canary::api_key("sandbox");
    let headers = [
        ("x-api-key", key.value()),
        ("anthropic-version", "2023-06-01"),
    ];
    let ask_for_models = request(address, "GET /v1/models", &headers, b"");
    assert_eq!(ask(address, &ask_for_models).status(), 200);
    sandbox.script(&key, &json!([{"error": "overloaded"}, {"ok": true}]));
    assert_eq!(ask(address, &ask_for_models).status(), 529);
    assert_eq!(ask(address, &ask_for_models).status(), 200);
    let seen = sandbox.requests().to_string();
    assert!(
        seen.contains(key.fingerprint().as_str()) && !seen.contains(key.value()),
        "{seen}"
    );
    drop(sandbox);
    assert!(TcpStream::connect(address).is_err());
}
