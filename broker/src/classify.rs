//! Classifies an HTTP response as a verdict.

use http::HeaderMap;
use keyreeve_core::verdict::{ErrorResponse, Verdict};
use keyreeve_os::system;

/// Classifies a response by its status, its headers and the part of the body that was read; headers that are not text
/// are ignored.
pub fn classify_response(status: u16, headers: &HeaderMap, body: &[u8]) -> Verdict {
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let response = ErrorResponse {
        status,
        headers: &headers,
        body,
    };
    Verdict::from_response(&response, system::now())
}
