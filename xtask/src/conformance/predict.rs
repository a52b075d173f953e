//! Gets keyreeve's prediction of a client's request, and compares it with the received requests.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::anthropic_hosts;
use super::case_setup::{CaseSetup, PlantedCredential};
use super::ingredient::Case;
use super::observe::{ClientRun, SentRequest, label};
use crate::programs::{Program, ensure_success, keyreeve, run_with_timeout};

/// Time limit for `keyreeve status`; long enough for a busy machine.
const STATUS_TIMEOUT: Duration = Duration::from_secs(15);

/// The credential headers, as named in `keyreeve status --json`.
const HEADERS: [&str; 2] = ["x_api_key", "authorization"];

/// Runs `keyreeve status` with the client's home, project and environment. It must not start a helper.
pub(super) fn predict(root: &Path, case: &Case, setup: &CaseSetup) -> Result<Value> {
    let mut command = setup.command(&keyreeve(root));
    command.args(["status", "--json", "--for", &case.client()]);
    if let Program::ClaudeCode(_) = case.program {
        command.arg("--").args(&setup.arguments).args(["-p", "hi"]);
    }
    let output = run_with_timeout(command, STATUS_TIMEOUT)?;
    ensure_success("keyreeve status", &output)?;
    ensure!(
        !setup.helper_runs().exists(),
        "keyreeve status started the helper"
    );
    serde_json::from_slice(&output.stdout).context("keyreeve status printed no JSON")
}

/// Returns all differences between the prediction and the received requests.
pub(super) fn differences(
    predicted: &Value,
    observed: &ClientRun,
    planted: &[PlantedCredential],
) -> Vec<String> {
    match (
        predicted["sends"].as_str(),
        observed.paid_requests.as_slice(),
    ) {
        (Some("nothing"), []) => Vec::new(),
        (Some("nothing"), [sent, ..]) => {
            vec![format!(
                "predicted no request, received {}",
                describe(sent, planted)
            )]
        }
        // Unusable output of a helper is known only when it runs: some releases then send nothing.
        (Some("request"), [])
            if helper_prints_nothing(predicted, planted) && !observed.helper_runs.is_empty() =>
        {
            Vec::new()
        }
        (Some("request"), []) => {
            let last_line = observed.output.lines().last().unwrap_or_default();
            vec![format!("predicted a request, received none: {last_line}")]
        }
        (Some("request"), sent) => {
            let mut found: Vec<String> = sent
                .iter()
                .flat_map(|sent| request_differences(predicted, sent, planted))
                .collect();
            found.dedup();
            found
        }
        _ => vec![format!(
            "invalid prediction: `sends` is {}",
            predicted["sends"]
        )],
    }
}

/// Returns `true` if a header comes from a helper that the client does not wait for: 2.1.197, if it has a bearer token
/// (docs/facts.md#claude-code).
fn may_be_late(predicted: &Value, header: &str) -> bool {
    let client = predicted["client"].as_str().unwrap_or_default();
    client.starts_with("claude-code@2.1.197")
        && header == "x_api_key"
        && predicted[header]["method"] == "helper"
        && predicted["authorization"]["method"] != "helper"
}

/// Returns `true` if a header would come from a helper that prints nothing usable.
fn helper_prints_nothing(predicted: &Value, planted: &[PlantedCredential]) -> bool {
    HEADERS.iter().any(|header| {
        predicted[header]["method"] == "helper"
            && predicted_values(predicted, header, planted).is_ok_and(|values| {
                values
                    .iter()
                    .all(|value| value.is_empty() || value == "Bearer")
            })
    })
}

fn request_differences(
    predicted: &Value,
    sent: &SentRequest,
    planted: &[PlantedCredential],
) -> Vec<String> {
    let mut found = Vec::new();
    for header in HEADERS {
        let received = sent_values(sent, header);
        if received.is_empty() && may_be_late(predicted, header) {
            continue;
        }
        let expected = match predicted_values(predicted, header, planted) {
            Ok(expected) => expected,
            Err(unknown) => {
                found.push(format!("{header}: {unknown}, received {received:?}"));
                continue;
            }
        };
        if received != expected {
            let labels =
                |values: &[String]| values.iter().map(|value| label(planted, value)).collect();
            let [predicted, received]: [Vec<String>; 2] = [labels(&expected), labels(&received)];
            found.push(format!(
                "{header}: predicted {predicted:?}, received {received:?}"
            ));
        }
    }
    let beta = predicted["oauth_beta"].as_bool();
    if beta != Some(sent.oauth_beta) {
        found.push(format!(
            "oauth_beta: predicted {beta:?}, received {}",
            sent.oauth_beta
        ));
    }
    let url = predicted["base_url"]
        .as_str()
        .unwrap_or(anthropic_hosts::ORIGIN);
    if url.trim_end_matches('/') != sent.to {
        found.push(format!(
            "base_url: predicted {url}, received at {}",
            sent.to
        ));
    }
    found
}

/// Returns the values of a header without spaces before a token, which 2.1.197 does not trim, and without AWS
/// signatures, which do not contain a credential.
fn sent_values(sent: &SentRequest, header: &str) -> Vec<String> {
    let values = match header {
        "x_api_key" => sent.x_api_key.iter().cloned().collect(),
        _ => sent.authorization.clone(),
    };
    let is_signature = |value: &String| value.starts_with("AWS4-HMAC-SHA256 ");
    let without_spaces = |value: String| match value.strip_prefix("Bearer ") {
        Some(token) => format!("Bearer {}", token.trim_start()),
        None => value,
    };
    values
        .into_iter()
        .filter(|value| !is_signature(value))
        .map(without_spaces)
        .collect()
}

/// Returns the predicted values of a header, from the planted credentials.
fn predicted_values(
    predicted: &Value,
    header: &str,
    planted: &[PlantedCredential],
) -> Result<Vec<String>, String> {
    let slot = &predicted[header];
    if slot.is_null() {
        return Ok(Vec::new());
    }
    let [method, scope] = ["method", "scope"].map(|name| slot[name].as_str().unwrap_or_default());
    let is_slot = |planted: &&PlantedCredential| (planted.method, planted.scope) == (method, scope);
    let planted = planted
        .iter()
        .find(is_slot)
        .ok_or_else(|| format!("predicted {method}@{scope}, which was not planted"))?;
    let value = planted.value.trim();
    Ok(vec![match header {
        "x_api_key" => value.to_owned(),
        _ => format!("Bearer {value}").trim_end().to_owned(),
    }])
}

fn describe(sent: &SentRequest, planted: &[PlantedCredential]) -> String {
    let headers = HEADERS.map(|header| {
        let values: Vec<String> = sent_values(sent, header)
            .iter()
            .map(|value| label(planted, value))
            .collect();
        format!("{header} {values:?}")
    });
    headers.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::case_setup::PlantedCredential;
    use super::super::observe::{ClientRun, SentRequest};
    use super::differences;

    const TO: &str = "http://127.0.0.1:1";

    fn planted() -> Vec<PlantedCredential> {
        let planted = |method, scope, value: &str| PlantedCredential {
            method,
            scope,
            value: value.to_owned(),
        };
        vec![
            planted("api_key", "environment", "key"),
            planted("api_key", "user", "another"),
            planted("helper", "user", ""),
        ]
    }

    fn slot(method: &str, scope: &str) -> Value {
        json!({ "method": method, "scope": scope })
    }

    fn request(key: &Value, authorization: &Value) -> Value {
        json!({
            "sends": "request", "x_api_key": key, "authorization": authorization, "oauth_beta": false, "base_url": TO,
        })
    }

    fn client_run(key: Option<&str>, authorization: &[&str]) -> ClientRun {
        let sent = SentRequest {
            to: TO.to_owned(),
            path: "/v1/messages".to_owned(),
            x_api_key: key.map(str::to_owned),
            authorization: authorization
                .iter()
                .map(|&value| value.to_owned())
                .collect(),
            oauth_beta: false,
        };
        ClientRun {
            paid_requests: vec![sent],
            ..ClientRun::default()
        }
    }

    fn count(predicted: &Value, observed: &ClientRun) -> usize {
        differences(predicted, observed, &planted()).len()
    }

    #[test]
    fn equal_requests_have_no_difference() {
        let key = || slot("api_key", "environment");
        assert_eq!(
            count(
                &request(&key(), &Value::Null),
                &client_run(Some("key"), &[])
            ),
            0
        );
        let helper = request(&key(), &slot("helper", "user"));
        assert_eq!(count(&helper, &client_run(Some("key"), &["Bearer"])), 0);
        let signed = client_run(None, &["AWS4-HMAC-SHA256 Credential=made-up"]);
        assert_eq!(count(&request(&Value::Null, &Value::Null), &signed), 0);
        assert_eq!(
            count(&json!({ "sends": "nothing" }), &ClientRun::default()),
            0
        );
    }

    #[test]
    fn each_difference_is_found() {
        let key = || slot("api_key", "environment");
        let predicted = request(&key(), &Value::Null);
        for observed in [
            client_run(Some("another"), &[]),
            client_run(None, &[]),
            client_run(Some("key"), &["Bearer key"]),
            ClientRun::default(),
        ] {
            assert_eq!(count(&predicted, &observed), 1, "{observed:?}");
        }
        let matching = client_run(Some("key"), &[]);
        for (field, value) in [
            ("oauth_beta", json!(true)),
            ("base_url", Value::Null),
            ("sends", json!("nothing")),
            ("sends", Value::Null),
            ("x_api_key", slot("api_key", "project")),
            ("x_api_key", slot("api_key", "user")),
        ] {
            let mut predicted = predicted.clone();
            predicted[field] = value;
            assert_eq!(count(&predicted, &matching), 1, "{field}");
        }
    }
}
