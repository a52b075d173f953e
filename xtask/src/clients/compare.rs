//! Compares what a client sent with what arrived behind the gateway, and both with the ledger.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::http::Request;

/// Headers of the connection and of the client's credential: the gateway's business, not the upstream's.
const OWN_OF_A_HOP: [&str; 9] = [
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

/// Checks that method, target, body and every header passed unchanged, and that none came on top.
pub(super) fn passed_unchanged(sent: &Request, seen: &Value) -> Result<()> {
    ensure!(
        seen["method"] == sent.method.as_str(),
        "method: sent {}, seen {}",
        sent.method,
        seen["method"]
    );
    let path = seen["path"].as_str().context("no path")?;
    let target = seen["query"]
        .as_str()
        .map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    ensure!(
        target == sent.target,
        "target: sent {}, seen {target}",
        sent.target
    );
    let hash = blake3::hash(&sent.body).to_hex().to_string();
    ensure!(
        seen["body_blake3"] == hash.as_str(),
        "the body changed: {} bytes sent, {} seen",
        sent.body.len(),
        seen["body_bytes"]
    );
    let passing = |name: &str| !OWN_OF_A_HOP.contains(&name);
    let mut was: Vec<(&str, &str)> = Vec::new();
    for (name, value) in sent.headers.iter().filter(|(name, _)| passing(name)) {
        was.push((name, value));
    }
    let mut is: Vec<(&str, &str)> = Vec::new();
    for header in headers(seen).filter(|header| header[0].as_str().is_some_and(passing)) {
        is.push((
            header[0].as_str().unwrap_or_default(),
            header[1].as_str().unwrap_or("a credential"),
        ));
    }
    was.sort_unstable();
    is.sort_unstable();
    ensure!(was == is, "headers changed: sent {was:?}, seen {is:?}");
    Ok(())
}

/// Checks that one API key arrived, that it is not the client's, and that nothing of the client's came with it.
/// Gives the credential's fingerprint.
pub(super) fn credential_was_exchanged(key: &str, seen: &Value) -> Result<String> {
    let credentials: Vec<&Value> = headers(seen)
        .filter(|header| header[1]["fingerprint"].is_string())
        .collect();
    ensure!(
        credentials.len() == 1,
        "{} credentials arrived: {credentials:?}",
        credentials.len()
    );
    let [name, value] = [&credentials[0][0], &credentials[0][1]];
    ensure!(
        name == "x-api-key" && value["family"] == "api_key",
        "not an API key: {name} {value}"
    );
    let fingerprint = value["fingerprint"].as_str().unwrap_or_default();
    let own = &blake3::hash(key.as_bytes()).to_hex()[..16];
    ensure!(fingerprint != own, "the client's own key went upstream");
    let text = seen.to_string();
    ensure!(
        !text.contains(key) && !text.contains(own),
        "something of the client's key went upstream: {text}"
    );
    Ok(fingerprint.to_owned())
}

fn headers(seen: &Value) -> impl Iterator<Item = &Value> {
    seen["headers"].as_array().into_iter().flatten()
}

/// Checks the ledger's row of a request against what was sent and what came back.
pub(super) fn ledger_is_right(
    row: &Value,
    sent: &Request,
    expected: (u64, &str, bool),
) -> Result<()> {
    let (status, operation, streams) = expected;
    ensure!(row["ending"] == "done", "the row is not done: {row}");
    ensure!(
        row["status"] == status && row["operation"] == operation,
        "another row: {row}"
    );
    ensure!(
        row["key"] == "sandbox" && row["profile"] == "sandbox",
        "another key or profile: {row}"
    );
    ensure!(row["simulated"] == true, "not marked simulated: {row}");
    let hash = blake3::hash(&sent.body).to_hex().to_string();
    ensure!(row["request_hash"] == hash.as_str(), "another body: {row}");
    ensure!(
        row["request_bytes"] == sent.body.len(),
        "another length: {row}"
    );
    if operation != "messages" {
        return ensure_free(row);
    }
    ensure!(row["stream"] == streams, "stream: {row}");
    let asked: Value = serde_json::from_slice(&sent.body).context("the client's body is JSON")?;
    ensure!(row["model_asked"] == asked["model"], "model: {row}");
    let session = sent
        .headers
        .iter()
        .find(|(name, _)| name == "x-claude-code-session-id");
    let session = session.map_or(Value::Null, |(_, value)| Value::from(value.as_str()));
    ensure!(row["session"] == session, "session: {row}");
    if status != 200 {
        return ensure_free(row);
    }
    let positive = |name: &str| row[name].as_f64().is_some_and(|number| number > 0.0);
    ensure!(
        positive("output_tokens") && positive("cost_usd"),
        "nothing counted: {row}"
    );
    ensure!(
        row["cost_is_at_most"] == false,
        "the price is not known: {row}"
    );
    Ok(())
}

fn ensure_free(row: &Value) -> Result<()> {
    ensure!(
        row["cost_usd"].as_f64() == Some(0.0),
        "this costs nothing: {row}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Request, credential_was_exchanged, ledger_is_right, passed_unchanged};

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

    fn seen() -> Value {
        json!({
            "method": "POST", "path": "/v1/messages", "query": "beta=true",
            "body_blake3": blake3::hash(&sent().body).to_hex().to_string(), "body_bytes": 13,
            "headers": [
                ["host", "b"], ["anthropic-beta", "a,b"],
                ["x-api-key", { "fingerprint": "0123456789abcdef", "family": "api_key" }],
            ],
        })
    }

    fn row() -> Value {
        json!({
            "ending": "done", "status": 200, "operation": "messages", "key": "sandbox", "profile": "sandbox",
            "simulated": true, "request_hash": blake3::hash(&sent().body).to_hex().to_string(),
            "request_bytes": 13, "stream": false, "model_asked": "m", "session": null,
            "output_tokens": 3, "cost_usd": 0.01, "cost_is_at_most": false,
        })
    }

    #[test]
    fn each_change_on_the_way_is_found() {
        passed_unchanged(&sent(), &seen()).expect("nothing changed");
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
            let mut seen = seen();
            seen[field] = value;
            passed_unchanged(&sent(), &seen).expect_err(field);
        }
    }

    #[test]
    fn a_credential_of_the_client_is_found() {
        credential_was_exchanged("krv_1", &seen()).expect("exchanged");
        let own = &blake3::hash(b"krv_1").to_hex()[..16];
        let wrong = [
            json!([["x-api-key", { "fingerprint": own, "family": "api_key" }]]),
            json!([["x-api-key", { "fingerprint": "0123456789abcdef", "family": "opaque" }]]),
            json!([
                ["x-api-key", { "fingerprint": "0123456789abcdef", "family": "api_key" }],
                ["authorization", { "fingerprint": own, "family": "virtual_key" }],
            ]),
            json!([]),
        ];
        for headers in wrong {
            let mut seen = seen();
            seen["headers"] = headers;
            credential_was_exchanged("krv_1", &seen).expect_err("not exchanged");
        }
    }

    #[test]
    fn a_wrong_row_is_found() {
        let expected = (200, "messages", false);
        ledger_is_right(&row(), &sent(), expected).expect("right");
        let changes = [
            ("ending", json!("open")),
            ("request_hash", json!("00")),
            ("model_asked", json!("n")),
            ("stream", json!(true)),
            ("cost_usd", json!(0.0)),
            ("session", json!("x")),
        ];
        for (field, value) in changes {
            let mut row = row();
            row[field] = value;
            ledger_is_right(&row, &sent(), expected).expect_err(field);
        }
    }
}
