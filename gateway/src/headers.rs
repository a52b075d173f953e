//! The headers that are forwarded: the client's to the upstream, and the upstream's to the client.
//!
//! Invariant: hop-by-hop headers are never forwarded, in either direction.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use keyreeve_core::inject::{HeaderAction, connection_headers, response_header};

// Named once: a name as text is parsed at each use.
pub(crate) static API_KEY: HeaderName = HeaderName::from_static("x-api-key");
pub(crate) static FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
pub(crate) static SESSION_ID: HeaderName = HeaderName::from_static("x-claude-code-session-id");
pub(crate) static BETA: HeaderName = HeaderName::from_static("anthropic-beta");
pub(crate) static ORGANIZATION_ID: HeaderName =
    HeaderName::from_static("anthropic-organization-id");
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
pub(crate) static KEYREEVE_REQUEST_ID: HeaderName =
    HeaderName::from_static("x-keyreeve-request-id");

/// Removes the headers that `action` drops, and those that `Connection` names; the others keep their order.
pub(crate) fn retain_forwarded(headers: &mut HeaderMap, action: impl Fn(&str) -> HeaderAction) {
    let hop_by_hop: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(connection_headers)
        .map(str::to_ascii_lowercase)
        .collect();
    let is_dropped = |name: &HeaderName| {
        action(name.as_str()) == HeaderAction::Drop
            || hop_by_hop.iter().any(|named| named == name.as_str())
    };
    if !headers.keys().any(is_dropped) {
        return;
    }
    // Removing single headers would change the order of the others.
    let mut forwarded = HeaderMap::with_capacity(headers.capacity());
    let mut last = None;
    for (name, value) in std::mem::take(headers) {
        // Further values of a name come without it.
        last = name.or(last);
        if let Some(name) = last.as_ref().filter(|name| !is_dropped(name)) {
            forwarded.append(name, value);
        }
    }
    *headers = forwarded;
}

/// Removes hop-by-hop headers and those that must not reach the client, and sets `cache-control`.
pub(crate) fn filter_response_headers(headers: &mut HeaderMap) {
    retain_forwarded(headers, response_header);
    if is_stream(headers) {
        // Proxies must neither cache nor buffer a stream (docs/facts.md#streaming).
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-cache, no-transform"),
        );
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    } else {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// Returns `true` if the body is a stream of server-sent events.
pub(crate) fn is_stream(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes()
            .to_ascii_lowercase()
            .starts_with(b"text/event-stream")
    })
}
