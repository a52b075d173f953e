//! Comparison of the request a client sent with the request that reached the sandbox, and of both with the ledger.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::http::Request;

/// Headers of the connection and of the client's credential, which the gateway replaces.
const HOP_HEADERS: [&str; 9] = [
    "host",
    "connection",
    "content-length",
    "accept-encoding",
    "expect",
    "transfer-encoding",
    "keep-alive",
    "x-api-key",
    "authorization",
];

/// Checks that method, target, body and every header were forwarded unchanged, and that no header was added.
pub(super) fn check_unchanged(sent: &Request, received: &Value) -> Result<()> {
    ensure!(
        received["method"] == sent.method.as_str(),
        "method: sent {}, received {}",
        sent.method,
        received["method"]
    );
    let path = received["path"].as_str().context("no path")?;
    let target = received["query"]
        .as_str()
        .map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    ensure!(
        target == sent.target,
        "target: sent {}, received {target}",
        sent.target
    );
    let hash = blake3::hash(&sent.body).to_hex().to_string();
    ensure!(
        received["body_blake3"] == hash.as_str(),
        "the body changed: {} bytes sent, {} received",
        sent.body.len(),
        received["body_bytes"]
    );
    let is_forwarded = |name: &str| !HOP_HEADERS.contains(&name);
    let mut sent_headers: Vec<(&str, &str)> = Vec::new();
    for (name, value) in sent.headers.iter().filter(|(name, _)| is_forwarded(name)) {
        sent_headers.push((name, value));
    }
    let mut received_headers: Vec<(&str, &str)> = Vec::new();
    for header in headers(received).filter(|header| header[0].as_str().is_some_and(is_forwarded)) {
        received_headers.push((
            header[0].as_str().unwrap_or_default(),
            header[1].as_str().unwrap_or("a credential"),
        ));
    }
    sent_headers.sort_unstable();
    received_headers.sort_unstable();
    ensure!(
        sent_headers == received_headers,
        "headers changed: sent {sent_headers:?}, received {received_headers:?}"
    );
    Ok(())
}

/// Checks that the upstream received exactly one API key and no part of the client's key.
pub(super) fn check_credential_replaced(key: &str, received: &Value) -> Result<()> {
    let credentials = credentials(received);
    ensure!(
        credentials.len() == 1,
        "{} credentials were received: {credentials:?}",
        credentials.len()
    );
    let [name, value] = [&credentials[0][0], &credentials[0][1]];
    ensure!(
        name == "x-api-key" && value["family"] == "api_key",
        "not an API key: {name} {value}"
    );
    let fingerprint = value["fingerprint"].as_str().unwrap_or_default();
    let client_fingerprint = &blake3::hash(key.as_bytes()).to_hex()[..16];
    ensure!(
        fingerprint != client_fingerprint,
        "the client's own key was sent upstream"
    );
    let text = received.to_string();
    ensure!(
        !text.contains(key) && !text.contains(client_fingerprint),
        "part of the client's key was sent upstream: {text}"
    );
    Ok(())
}

/// Returns the only request that the sandbox received, if it succeeded.
pub(super) fn only_success(received: &[Value]) -> Result<&Value> {
    match received {
        [request] if request["status"] == 200 => Ok(request),
        _ => bail!("not exactly one successful request: {received:?}"),
    }
}

/// Returns the headers of a received request that contain a credential.
pub(super) fn credentials(received: &Value) -> Vec<&Value> {
    headers(received)
        .filter(|header| header[1]["fingerprint"].is_string())
        .collect()
}

fn headers(received: &Value) -> impl Iterator<Item = &Value> {
    received["headers"].as_array().into_iter().flatten()
}

/// Checks the ledger entry of a request against the request and its response.
pub(super) fn check_ledger(
    entry: &Value,
    sent: &Request,
    expected: (u64, &str, bool),
) -> Result<()> {
    let (status, operation, streams) = expected;
    ensure!(
        entry["ending"] == "done",
        "the attempt is not done: {entry}"
    );
    ensure!(
        entry["status"] == status && entry["operation"] == operation,
        "wrong status or operation: {entry}"
    );
    ensure!(
        entry["key"] == "sandbox" && entry["profile"] == "sandbox",
        "wrong key or profile: {entry}"
    );
    ensure!(entry["simulated"] == true, "not marked simulated: {entry}");
    let hash = blake3::hash(&sent.body).to_hex().to_string();
    ensure!(
        entry["request_hash"] == hash.as_str(),
        "wrong request hash: {entry}"
    );
    ensure!(
        entry["request_bytes"] == sent.body.len(),
        "wrong request length: {entry}"
    );
    if operation != "messages" {
        return ensure_no_cost(entry);
    }
    ensure!(entry["stream"] == streams, "wrong stream flag: {entry}");
    let body: Value =
        serde_json::from_slice(&sent.body).context("the client's body is not JSON")?;
    ensure!(
        entry["model_requested"] == body["model"],
        "wrong model: {entry}"
    );
    let session = sent
        .headers
        .iter()
        .find(|(name, _)| name == "x-claude-code-session-id");
    let session = session.map_or(Value::Null, |(_, value)| Value::from(value.as_str()));
    ensure!(entry["session"] == session, "wrong session: {entry}");
    if status != 200 {
        return ensure_no_cost(entry);
    }
    let positive = |name: &str| entry[name].as_f64().is_some_and(|number| number > 0.0);
    ensure!(
        positive("output_tokens") && positive("cost_usd"),
        "no tokens or no cost: {entry}"
    );
    ensure!(
        entry["cost_is_at_most"] == false,
        "the model has no price: {entry}"
    );
    Ok(())
}

fn ensure_no_cost(entry: &Value) -> Result<()> {
    ensure!(
        entry["cost_usd"].as_f64() == Some(0.0),
        "the request should be free: {entry}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Request, check_credential_replaced, check_ledger, check_unchanged};

    fn sent() -> Request {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Request {
            method: "POST".to_owned(),
            target: "/v1/messages?beta=true".to_owned(),
            headers: vec![
                header("host", "a"),
                header("x-api-key", "krv_1"),
                header("anthropic-beta", "a,b"),
            ],
            body: b"{\"model\":\"m\"}".to_vec(),
        }
    }

    fn received() -> Value {
        json!({
            "method": "POST", "path": "/v1/messages", "query": "beta=true",
            "body_blake3": blake3::hash(&sent().body).to_hex().to_string(), "body_bytes": 13,
            "headers": [
                ["host", "b"], ["anthropic-beta", "a,b"],
                ["x-api-key", { "fingerprint": "0123456789abcdef", "family": "api_key" }],
            ],
        })
    }

    fn entry() -> Value {
        json!({
            "ending": "done", "status": 200, "operation": "messages", "key": "sandbox", "profile": "sandbox",
            "simulated": true, "request_hash": blake3::hash(&sent().body).to_hex().to_string(),
            "request_bytes": 13, "stream": false, "model_requested": "m", "session": null,
            "output_tokens": 3, "cost_usd": 0.01, "cost_is_at_most": false,
        })
    }

    #[test]
    fn each_change_of_a_request_is_found() {
        check_unchanged(&sent(), &received()).expect("unchanged");
        let changes = [
            ("method", json!("PUT")),
            ("query", json!(null)),
            ("body_blake3", json!("00")),
            ("headers", json!([["anthropic-beta", "a"]])),
            (
                "headers",
                json!([["anthropic-beta", "a,b"], ["x-app", "cli"]]),
            ),
        ];
        for (field, value) in changes {
            let mut received = received();
            received[field] = value;
            check_unchanged(&sent(), &received).expect_err(field);
        }
    }

    #[test]
    fn client_credential_upstream_is_found() {
        check_credential_replaced("krv_1", &received()).expect("replaced");
        let client_fingerprint = &blake3::hash(b"krv_1").to_hex()[..16];
        let wrong = [
            json!([["x-api-key", { "fingerprint": client_fingerprint, "family": "api_key" }]]),
            json!([["x-api-key", { "fingerprint": "0123456789abcdef", "family": "opaque" }]]),
            json!([
                ["x-api-key", { "fingerprint": "0123456789abcdef", "family": "api_key" }],
                ["authorization", { "fingerprint": client_fingerprint, "family": "virtual_key" }],
            ]),
            json!([]),
        ];
        for headers in wrong {
            let mut received = received();
            received["headers"] = headers;
            check_credential_replaced("krv_1", &received).expect_err("not replaced");
        }
    }

    #[test]
    fn wrong_ledger_entry_is_found() {
        let expected = (200, "messages", false);
        check_ledger(&entry(), &sent(), expected).expect("correct");
        let changes = [
            ("ending", json!("open")),
            ("request_hash", json!("00")),
            ("model_requested", json!("n")),
            ("stream", json!(true)),
            ("cost_usd", json!(0.0)),
            ("session", json!("x")),
        ];
        for (field, value) in changes {
            let mut entry = entry();
            entry[field] = value;
            check_ledger(&entry, &sent(), expected).expect_err(field);
        }
    }
}
