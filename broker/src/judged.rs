//! What an answer means, as it came over HTTP.

use http::HeaderMap;
use keyreeve_core::verdict::{ErrorAnswer, Verdict};
use keyreeve_os::world;

/// Judges an answer by its status, its headers and as much of its body as was read; a header that is no text says nothing.
pub fn judged(status: u16, headers: &HeaderMap, body: &[u8]) -> Verdict {
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let answer = ErrorAnswer {
        status,
        headers: &headers,
        body,
    };
    Verdict::of_error(&answer, world::now())
}
