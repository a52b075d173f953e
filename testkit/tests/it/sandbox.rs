//! The sandbox runs in a thread, is controlled over HTTP, and stops.

use std::net::TcpStream;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::sandbox::Sandbox;
use keyreeve_testkit::wire::{request, send_request};
use serde_json::json;

#[test]
fn sandbox_responds_follows_scripts_and_stops() {
    let sandbox = Sandbox::start();
    let address = sandbox.address();
    let key = Canary::api_key("sandbox");
    let headers = [
        ("x-api-key", key.value()),
        ("anthropic-version", "2023-06-01"),
    ];
    let models_request = request(address, "GET /v1/models", &headers, b"");
    assert_eq!(send_request(address, &models_request).status(), 200);
    sandbox.script(&key, &json!([{"error": "overloaded"}, {"ok": true}]));
    assert_eq!(send_request(address, &models_request).status(), 529);
    assert_eq!(send_request(address, &models_request).status(), 200);
    let requests = sandbox.requests().to_string();
    assert!(
        requests.contains(key.fingerprint().as_str()) && !requests.contains(key.value()),
        "{requests}"
    );
    drop(sandbox);
    assert!(TcpStream::connect(address).is_err());
}
