//! Findings about the base URLs in variables (docs/facts.md#endpoints).

use keyreeve_core::token::contains_token;
use url::Url;

use super::variable::{Variable, set_variables};
use super::{Finding, FindingCode, Fix};
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::BASE_URL;

/// Returns `true` if a base URL points to another host than the vendor's.
pub(super) fn has_custom_base_url(snapshot: &Snapshot) -> bool {
    set_variables(snapshot, &[BASE_URL])
        .iter()
        .filter_map(|variable| Url::parse(variable.text.trim()).ok())
        .any(|url| url.host_str() != Some("api.anthropic.com"))
}

pub(super) fn findings(snapshot: &Snapshot) -> Vec<Finding> {
    set_variables(snapshot, &[BASE_URL])
        .iter()
        .flat_map(check_base_url)
        .collect()
}

fn check_base_url(variable: &Variable<'_>) -> Vec<Finding> {
    let text = variable.text.trim();
    let mut found = Vec::new();
    let mut add = |code, message: &str, fix| {
        found.push(Finding::new(code, variable.location.clone(), message, fix));
    };
    let set_again = |how: &str| Fix::manual(format!("set {BASE_URL} again {how}"));
    let url = Url::parse(text).ok();
    let has_user_info = url
        .as_ref()
        .is_some_and(|url| !url.username().is_empty() || url.password().is_some());
    if has_user_info || contains_token(text) {
        add(
            FindingCode::KeyInUrl,
            "ANTHROPIC_BASE_URL contains a credential, and addresses end up in logs and on screens",
            set_again("without the credential, which belongs in ANTHROPIC_AUTH_TOKEN"),
        );
    }
    let Some(url) = url else { return found };
    let path = url.path().trim_end_matches('/');
    if path.ends_with("/v1") || path.ends_with("/messages") {
        add(
            FindingCode::PathInUrl,
            "ANTHROPIC_BASE_URL ends in a path that Claude Code and the SDKs add themselves, so they would request /v1/v1/messages",
            set_again("without /v1 and everything after it"),
        );
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        add(
            FindingCode::PlainHttp,
            "ANTHROPIC_BASE_URL is http:// to another machine, so anyone on the network path can read the credential",
            set_again("with https://"),
        );
    }
    found
}

/// Returns `true` if a URL points to this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
