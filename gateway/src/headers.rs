//! The headers that are forwarded: the client's to the upstream, and the upstream's to the client.
//!
//! Invariant: hop-by-hop headers are never forwarded, in either direction.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use keyreeve_core::inject::{HeaderAction, connection_headers, response_header};

/// Returns the client's headers that are forwarded: those that `action` passes and `Connection` does not name.
pub(crate) fn forwarded_headers(
    client: &HeaderMap,
    action: impl Fn(&str) -> HeaderAction,
) -> HeaderMap {
    let mut hop_by_hop = Vec::new();
    for value in client.get_all(header::CONNECTION) {
        hop_by_hop.extend(connection_headers(value.to_str().unwrap_or_default()));
    }
    let is_forwarded = |name: &HeaderName| {
        action(name.as_str()) == HeaderAction::Pass
            && !hop_by_hop
                .iter()
                .any(|named| name.as_str().eq_ignore_ascii_case(named))
    };
    let mut headers = HeaderMap::with_capacity(client.len() + 2);
    for (name, value) in client.iter().filter(|(name, _)| is_forwarded(name)) {
        headers.append(name, value.clone());
    }
    headers
}

/// Removes hop-by-hop headers and those that must not reach the client, and sets `cache-control`.
pub(crate) fn filter_response_headers(headers: &mut HeaderMap) {
    let hop_by_hop: Vec<_> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(connection_headers)
        .collect();
    let is_hop_by_hop = |name: &HeaderName| {
        hop_by_hop
            .iter()
            .any(|named| name.as_str().eq_ignore_ascii_case(named))
    };
    let removed: Vec<_> = headers
        .keys()
        .filter(|name| response_header(name.as_str()) == HeaderAction::Drop || is_hop_by_hop(name))
        .cloned()
        .collect();
    for name in removed {
        headers.remove(name);
    }
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
