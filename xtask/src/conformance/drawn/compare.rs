//! Compares keyreeve's prediction with the received requests of a drawn world.
//!
//! A prediction names a credential by its masked hint, or by its variable or file. So no name of a scope is needed.

use serde_json::Value;

use super::planted::PlantedValue;
use super::run::WorldRun;
use crate::conformance::anthropic_hosts;
use crate::conformance::observe::SentRequest;
use crate::conformance::token;

/// The credential headers, as named in `keyreeve status --json`.
const HEADERS: [&str; 2] = ["x_api_key", "authorization"];

/// Name of a header's value that has no credential.
pub(super) const EMPTY: &str = "(empty)";

/// The part of a request that differs. Ordered by importance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum DifferenceKind {
    Failed,
    SentUnexpectedly,
    NotSent,
    Origin,
    ApiKeyHeader,
    AuthorizationHeader,
    OauthBeta,
}

/// A difference between a prediction and the received requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Difference {
    pub(super) kind: DifferenceKind,
    pub(super) text: String,
}

/// Returns all differences, the most important first.
pub(super) fn differences(
    predicted: &Value,
    run: &WorldRun,
    planted: &[PlantedValue],
) -> Vec<Difference> {
    let different = |kind, text| vec![Difference { kind, text }];
    match (predicted["sends"].as_str(), run.paid.as_slice()) {
        (Some("nothing"), []) => Vec::new(),
        (Some("nothing"), [sent, ..]) => {
            let reason = &predicted["no_request_reason"];
            let text = format!(
                "predicted no request ({reason}), received {}",
                describe(sent, planted)
            );
            different(DifferenceKind::SentUnexpectedly, text)
        }
        // A cloud's own credentials are not part of a world, so the client may find none.
        (Some("request"), []) if uses_cloud_credentials(predicted) => Vec::new(),
        (Some("request"), []) if adds_key_to_signature(predicted) => Vec::new(),
        (Some("request"), []) if uses_broken_helper(predicted, planted) => Vec::new(),
        (Some("request"), []) => different(
            DifferenceKind::NotSent,
            describe_missing(predicted, run, planted),
        ),
        (Some("request"), sent) => {
            let mut found: Vec<Difference> = sent
                .iter()
                .flat_map(|sent| request_differences(predicted, sent, planted))
                .collect();
            found.sort_by_key(|difference| difference.kind);
            found.dedup();
            found
        }
        _ => different(
            DifferenceKind::Failed,
            format!("`sends` is {}", predicted["sends"]),
        ),
    }
}

fn describe_missing(predicted: &Value, run: &WorldRun, planted: &[PlantedValue]) -> String {
    let [key, authorization] = HEADERS.map(|header| predicted_names(&predicted[header], planted));
    let line = &run.last_line;
    format!(
        "predicted x_api_key {key:?}, authorization {authorization:?}, received no request: {line}"
    )
}

fn request_differences(
    predicted: &Value,
    sent: &SentRequest,
    planted: &[PlantedValue],
) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |kind, text| found.push(Difference { kind, text });
    let url = predicted["base_url"].as_str();
    let is_cloud = predicted["payer"]["class"] == "cloud" && url.is_none();
    let origin = origin(url.unwrap_or(anthropic_hosts::ORIGIN));
    if !is_cloud && origin != sent.to {
        add(
            DifferenceKind::Origin,
            format!("predicted origin {origin}, received at {}", sent.to),
        );
    }
    let kinds = [
        DifferenceKind::ApiKeyHeader,
        DifferenceKind::AuthorizationHeader,
    ];
    for (header, kind) in HEADERS.into_iter().zip(kinds) {
        let (expected, received) = (
            predicted_names(&predicted[header], planted),
            received_names(sent, header, planted),
        );
        if !header_matches(predicted, header, &received, planted) {
            add(
                kind,
                format!(
                    "{header}: predicted {expected:?}, received {received:?} at {}",
                    sent.to
                ),
            );
        }
    }
    let beta = predicted["oauth_beta"].as_bool();
    if beta != Some(sent.oauth_beta) {
        add(
            DifferenceKind::OauthBeta,
            format!(
                "oauth_beta: predicted {beta:?}, received {}",
                sent.oauth_beta
            ),
        );
    }
    found
}

fn header_matches(
    predicted: &Value,
    header: &str,
    received: &[Vec<String>],
    planted: &[PlantedValue],
) -> bool {
    let slot = &predicted[header];
    let expected = predicted_names(slot, planted);
    let is_broken = slot["method"] == "helper"
        && planted
            .iter()
            .any(|planted| planted.is_broken_helper && expected.contains(&planted.name));
    match received {
        [] if slot.is_null() || is_broken => true,
        [] => header == "x_api_key" && may_precede_helper(predicted),
        [names] if is_broken && names.iter().any(|name| name == EMPTY) => true,
        [names] => !slot.is_null() && names.iter().any(|name| expected.contains(name)),
        _ => false,
    }
}

/// Returns `true` if Claude Code may send a request before its helper has finished: it does not wait for it if it has a
/// bearer token (docs/facts.md#claude-code).
fn may_precede_helper(predicted: &Value) -> bool {
    let [key, bearer] = HEADERS.map(|header| &predicted[header]);
    key["method"] == "helper" && !bearer.is_null() && bearer["method"] != "helper"
}

fn uses_cloud_credentials(predicted: &Value) -> bool {
    predicted["payer"]["class"] == "cloud"
        && HEADERS.iter().all(|header| predicted[header].is_null())
}

/// Returns `true` if the only header is an API key that 2.1.197 adds to Bedrock's signature, which needs credentials of
/// the cloud (docs/facts.md#claude-code).
fn adds_key_to_signature(predicted: &Value) -> bool {
    let client = predicted["client"].as_str().unwrap_or_default();
    client.starts_with("claude-code@2.1.197")
        && predicted["payer"]["class"] == "cloud"
        && predicted["x_api_key"]["method"] == "api_key"
        && predicted["authorization"].is_null()
}

fn uses_broken_helper(predicted: &Value, planted: &[PlantedValue]) -> bool {
    HEADERS.iter().any(|header| {
        let names = predicted_names(&predicted[header], planted);
        predicted[header]["method"] == "helper"
            && planted
                .iter()
                .any(|planted| planted.is_broken_helper && names.contains(&planted.name))
    })
}

/// Returns the names of the planted values that a predicted slot may mean.
fn predicted_names(slot: &Value, planted: &[PlantedValue]) -> Vec<String> {
    if slot.is_null() {
        return Vec::new();
    }
    let [hint, file, location, method] =
        ["hint", "file", "location", "method"].map(|name| slot[name].as_str().unwrap_or_default());
    if hint == EMPTY {
        return vec![EMPTY.to_owned()];
    }
    let names = |is_meant: &dyn Fn(&PlantedValue) -> bool| -> Vec<String> {
        planted
            .iter()
            .filter(|planted| is_meant(planted))
            .map(|planted| planted.name.clone())
            .collect()
    };
    let by_hint = names(&|planted| planted.has_hint(hint));
    if !by_hint.is_empty() {
        return by_hint;
    }
    let by_place = names(&|planted| is_at(planted, method, file, location));
    if by_place.is_empty() {
        vec![format!("{method} at {location}, not planted")]
    } else {
        by_place
    }
}

fn is_at(planted: &PlantedValue, method: &str, file: &str, location: &str) -> bool {
    let is_identity = || planted.key.contains("IDENTITY") || planted.name.starts_with("identity:");
    match method {
        "federation" => is_identity(),
        "sdk_profile" => is_identity() || is_in_profile(planted, file, location),
        _ if file.is_empty() => planted.file.is_none() && location.contains(&planted.key),
        _ => {
            // A login's location names no field.
            let is_field =
                method == "login" || planted.key == "file" || location.contains(&planted.key);
            planted.file.as_deref() == Some(file) && is_field
        }
    }
}

/// Returns `true` if a value is in a file of the profile that a location names, such as `the SDK profile work in …`.
fn is_in_profile(planted: &PlantedValue, store: &str, location: &str) -> bool {
    let file = planted.file.as_deref().unwrap_or_default();
    let name = file.rsplit('/').next().unwrap_or_default();
    let name = name.trim_end_matches(".json");
    file.starts_with(store) && location.contains(&format!(" {name} in "))
}

/// Returns the names of a header's values; each value may have several.
pub(super) fn received_names(
    sent: &SentRequest,
    header: &str,
    planted: &[PlantedValue],
) -> Vec<Vec<String>> {
    let values: Vec<&String> = match header {
        "x_api_key" => sent.x_api_key.iter().collect(),
        _ => sent.authorization.iter().collect(),
    };
    let is_signature = |value: &&String| value.starts_with("AWS4-HMAC-SHA256");
    values
        .into_iter()
        .filter(|value| !is_signature(value))
        .map(|value| names_of(value, planted))
        .collect()
}

fn names_of(value: &str, planted: &[PlantedValue]) -> Vec<String> {
    let token = value.strip_prefix("Bearer").unwrap_or(value).trim();
    if token.is_empty() {
        return vec![EMPTY.to_owned()];
    }
    let basic = token.strip_prefix("Basic ");
    let exchanged_unknown = token.contains(&token::access_token("nothing"));
    let is_meant = |planted: &&PlantedValue| match basic {
        Some(encoded) => planted.has_user_info(encoded),
        None => planted.is_in(token) || (exchanged_unknown && planted.may_be_exchanged()),
    };
    let names: Vec<String> = planted
        .iter()
        .filter(is_meant)
        .map(|planted| planted.name.clone())
        .collect();
    if names.is_empty() {
        vec![format!("unknown {token:?}")]
    } else {
        names
    }
}

fn describe(sent: &SentRequest, planted: &[PlantedValue]) -> String {
    let [key, authorization] = HEADERS.map(|header| received_names(sent, header, planted));
    format!(
        "x_api_key {key:?}, authorization {authorization:?} at {}",
        sent.to
    )
}

/// Returns the origin of a URL, in lower case, without user information, path and default port.
fn origin(url: &str) -> String {
    let (scheme, rest) = url.trim().split_once(':').unwrap_or(("", url));
    let rest = rest.trim_start_matches('/');
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host
        .strip_suffix(":443")
        .unwrap_or(host)
        .replace("localhost", "127.0.0.1");
    format!("{scheme}://{host}").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn planted(name: &str, end: &str) -> PlantedValue {
        PlantedValue {
            name: name.to_owned(),
            key: name.to_owned(),
            file: None,
            tokens: vec![format!("gw-{end}")],
            text: format!("gw-{end}"),
            is_broken_helper: false,
        }
    }

    fn run(key: &str) -> WorldRun {
        let sent = SentRequest {
            to: "http://127.0.0.1:1".to_owned(),
            path: "/v1/messages".to_owned(),
            x_api_key: Some(key.to_owned()),
            authorization: Vec::new(),
            oauth_beta: false,
        };
        WorldRun {
            paid: vec![sent],
            ..WorldRun::default()
        }
    }

    #[test]
    fn credentials_are_compared_by_hint() {
        let planted = [planted("one", "abcd"), planted("two", "efgh")];
        let predicted = json!({
            "sends": "request", "oauth_beta": false, "base_url": "HTTP://user:word@127.0.0.1:1/path",
            "x_api_key": { "method": "api_key", "hint": "…abcd" }, "authorization": null,
        });
        assert_eq!(differences(&predicted, &run("gw-abcd"), &planted), []);
        let found = differences(&predicted, &run("gw-efgh"), &planted);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].kind, DifferenceKind::ApiKeyHeader);
        let found = differences(&predicted, &WorldRun::default(), &planted);
        assert_eq!(found[0].kind, DifferenceKind::NotSent);
        let found = differences(&json!({ "sends": "nothing" }), &run("gw-abcd"), &planted);
        assert_eq!(found[0].kind, DifferenceKind::SentUnexpectedly);
    }
}
