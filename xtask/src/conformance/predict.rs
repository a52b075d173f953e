//! Asks keyreeve what a client will send, as a person would, and compares the answer with what arrived.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::case::Case;
use super::observe::{Observed, Sent, label};
use super::scene::{Planted, Scene};
use super::vendor;
use crate::clients::program::Program;
use crate::clients::{finish, keyreeve};

/// The answer is wanted in much less; this is for a machine that is busy.
const STATUS_LIMIT: Duration = Duration::from_secs(15);

/// A header by the name under which `keyreeve status --json` tells of it.
const HEADERS: [&str; 2] = ["x_api_key", "authorization"];

/// Asks `keyreeve status` in the client's own home, project and environment. It must start no helper.
pub(super) fn predict(root: &Path, case: &Case, scene: &Scene) -> Result<Value> {
    let mut command = scene.command(&keyreeve(root));
    command.args(["status", "--json", "--for", &case.client()]);
    if let Program::ClaudeCode(_) = case.program {
        command.arg("--").args(&scene.arguments).args(["-p", "hi"]);
    }
    let output = finish(command, STATUS_LIMIT)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "keyreeve status failed: {}",
        said.trim()
    );
    ensure!(
        !scene.helper_runs().exists(),
        "keyreeve status started the helper"
    );
    serde_json::from_slice(&output.stdout).context("keyreeve status printed no JSON")
}

/// Everything in which the prediction and what arrived differ.
pub(super) fn differences(
    predicted: &Value,
    observed: &Observed,
    planted: &[Planted],
) -> Vec<String> {
    match (predicted["sends"].as_str(), observed.sent.as_slice()) {
        (Some("nothing"), []) => Vec::new(),
        (Some("nothing"), [sent, ..]) => {
            vec![format!(
                "predicted nothing, arrived {}",
                told(sent, planted)
            )]
        }
        // What a helper gives that cannot be sent shows only when it runs: a release may then send nothing.
        (Some("request"), [])
            if gives_nothing(predicted, planted) && !observed.helper_runs.is_empty() =>
        {
            Vec::new()
        }
        (Some("request"), []) => {
            let said = observed.said.lines().last().unwrap_or_default();
            vec![format!("predicted a request, nothing arrived: {said}")]
        }
        (Some("request"), sent) => {
            let mut found: Vec<String> = sent
                .iter()
                .flat_map(|sent| of_request(predicted, sent, planted))
                .collect();
            found.dedup();
            found
        }
        _ => vec![format!("no prediction: sends is {}", predicted["sends"])],
    }
}

/// Whether a header comes from a helper for which the client does not wait: 2.1.197, once it has a bearer token
/// (docs/facts.md#claude-code).
fn may_be_late(predicted: &Value, header: &str) -> bool {
    let client = predicted["client"].as_str().unwrap_or_default();
    client.starts_with("claude-code@2.1.197")
        && header == "x_api_key"
        && predicted[header]["method"] == "helper"
        && predicted["authorization"]["method"] != "helper"
}

/// Whether a header would come from a helper that gives nothing to send.
fn gives_nothing(predicted: &Value, planted: &[Planted]) -> bool {
    HEADERS.iter().any(|header| {
        predicted[header]["method"] == "helper"
            && wanted(predicted, header, planted).is_ok_and(|values| {
                values
                    .iter()
                    .all(|value| value.is_empty() || value == "Bearer")
            })
    })
}

fn of_request(predicted: &Value, sent: &Sent, planted: &[Planted]) -> Vec<String> {
    let mut found = Vec::new();
    for header in HEADERS {
        let arrived = arrived(sent, header);
        if arrived.is_empty() && may_be_late(predicted, header) {
            continue;
        }
        let wanted = match wanted(predicted, header, planted) {
            Ok(wanted) => wanted,
            Err(unknown) => {
                found.push(format!("{header}: {unknown}, arrived {arrived:?}"));
                continue;
            }
        };
        if arrived != wanted {
            let tell =
                |values: &[String]| values.iter().map(|value| label(planted, value)).collect();
            let [predicted, arrived]: [Vec<String>; 2] = [tell(&wanted), tell(&arrived)];
            found.push(format!(
                "{header}: predicted {predicted:?}, arrived {arrived:?}"
            ));
        }
    }
    let beta = predicted["oauth_beta"].as_bool();
    if beta != Some(sent.oauth_beta) {
        found.push(format!(
            "oauth_beta: predicted {beta:?}, arrived {}",
            sent.oauth_beta
        ));
    }
    let url = predicted["base_url"].as_str().unwrap_or(vendor::ORIGIN);
    if url.trim_end_matches('/') != sent.to {
        found.push(format!("base_url: predicted {url}, arrived at {}", sent.to));
    }
    found
}

/// The values of a header, without blanks before a token, which 2.1.197 leaves there. A signature, which is made of no
/// credential of the header's own, is left out.
fn arrived(sent: &Sent, header: &str) -> Vec<String> {
    let values = match header {
        "x_api_key" => sent.x_api_key.iter().cloned().collect(),
        _ => sent.authorization.clone(),
    };
    let is_signature = |value: &String| value.starts_with("AWS4-HMAC-SHA256 ");
    let without_blanks = |value: String| match value.strip_prefix("Bearer ") {
        Some(token) => format!("Bearer {}", token.trim_start()),
        None => value,
    };
    values
        .into_iter()
        .filter(|value| !is_signature(value))
        .map(without_blanks)
        .collect()
}

/// The value of a header that the prediction means, by what was planted.
fn wanted(predicted: &Value, header: &str, planted: &[Planted]) -> Result<Vec<String>, String> {
    let slot = &predicted[header];
    if slot.is_null() {
        return Ok(Vec::new());
    }
    let [method, scope] = ["method", "scope"].map(|name| slot[name].as_str().unwrap_or_default());
    let of_slot = |planted: &&Planted| (planted.method, planted.scope) == (method, scope);
    let planted = planted
        .iter()
        .find(of_slot)
        .ok_or_else(|| format!("predicted {method}@{scope}, which is not planted"))?;
    let value = planted.value.trim();
    Ok(vec![match header {
        "x_api_key" => value.to_owned(),
        _ => format!("Bearer {value}").trim_end().to_owned(),
    }])
}

fn told(sent: &Sent, planted: &[Planted]) -> String {
    let headers = HEADERS.map(|header| {
        let values: Vec<String> = arrived(sent, header)
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

    use super::super::observe::{Observed, Sent};
    use super::super::scene::Planted;
    use super::differences;

    const TO: &str = "http://127.0.0.1:1";

    fn planted() -> Vec<Planted> {
        let planted = |method, scope, value: &str| Planted {
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

    fn arrived(key: Option<&str>, authorization: &[&str]) -> Observed {
        let sent = Sent {
            to: TO.to_owned(),
            path: "/v1/messages".to_owned(),
            x_api_key: key.map(str::to_owned),
            authorization: authorization
                .iter()
                .map(|&value| value.to_owned())
                .collect(),
            oauth_beta: false,
        };
        Observed {
            sent: vec![sent],
            ..Observed::default()
        }
    }

    fn count(predicted: &Value, observed: &Observed) -> usize {
        differences(predicted, observed, &planted()).len()
    }

    #[test]
    fn what_is_alike_has_no_difference() {
        let key = || slot("api_key", "environment");
        assert_eq!(
            count(&request(&key(), &Value::Null), &arrived(Some("key"), &[])),
            0
        );
        let helper = request(&key(), &slot("helper", "user"));
        assert_eq!(count(&helper, &arrived(Some("key"), &["Bearer"])), 0);
        let signed = arrived(None, &["AWS4-HMAC-SHA256 Credential=made-up"]);
        assert_eq!(count(&request(&Value::Null, &Value::Null), &signed), 0);
        assert_eq!(
            count(&json!({ "sends": "nothing" }), &Observed::default()),
            0
        );
    }

    #[test]
    fn each_difference_is_found() {
        let key = || slot("api_key", "environment");
        let predicted = request(&key(), &Value::Null);
        for observed in [
            arrived(Some("another"), &[]),
            arrived(None, &[]),
            arrived(Some("key"), &["Bearer key"]),
            Observed::default(),
        ] {
            assert_eq!(count(&predicted, &observed), 1, "{observed:?}");
        }
        let right = arrived(Some("key"), &[]);
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
            assert_eq!(count(&predicted, &right), 1, "{field}");
        }
    }
}
