//! What is wrong with the base URLs that variables hold (docs/facts.md#endpoints).

use url::Url;

use crate::snapshot::Snapshot;
use crate::token::looks_like_a_key;

use super::values::{Held, held};
use super::{Code, Finding, Mend};

const BASE_URL: &str = "ANTHROPIC_BASE_URL";

/// Whether a base URL leads anywhere but to the vendor.
pub(super) fn leads_elsewhere(snapshot: &Snapshot) -> bool {
    held(snapshot, &[BASE_URL])
        .iter()
        .filter_map(|held| Url::parse(held.text.trim()).ok())
        .any(|url| url.host_str() != Some("api.anthropic.com"))
}

pub(super) fn findings(snapshot: &Snapshot) -> Vec<Finding> {
    held(snapshot, &[BASE_URL]).iter().flat_map(judge).collect()
}

fn judge(held: &Held<'_>) -> Vec<Finding> {
    let text = held.text.trim();
    let mut found = Vec::new();
    let mut add = |code, sentence: &str, mend| {
        found.push(Finding::new(code, held.spot.clone(), sentence, mend));
    };
    let again = |how: &str| Mend::words(format!("set {BASE_URL} again {how}"));
    let url = Url::parse(text).ok();
    let names_a_person = url
        .as_ref()
        .is_some_and(|url| !url.username().is_empty() || url.password().is_some());
    if names_a_person || looks_like_a_key(text) {
        add(
            Code::KeyInUrl,
            "ANTHROPIC_BASE_URL holds a credential: addresses are written to logs and shown on screens",
            again("without the credential, which belongs in ANTHROPIC_AUTH_TOKEN"),
        );
    }
    let Some(url) = url else { return found };
    let path = url.path().trim_end_matches('/');
    if path.ends_with("/v1") || path.ends_with("/messages") {
        add(
            Code::VersionInUrl,
            "ANTHROPIC_BASE_URL ends in a path that Claude Code and the SDKs add by themselves: they would ask for /v1/v1/messages",
            again("without /v1 and what follows"),
        );
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        add(
            Code::PlainHttp,
            "ANTHROPIC_BASE_URL is http:// to another machine: whoever is on the way can read the credential",
            again("with https://"),
        );
    }
    found
}

/// Whether a URL stays on this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
