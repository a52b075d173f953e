//! A forwarded API route, and the variants of its path that clients use.

use keyreeve_store::Operation;

/// A forwarded API route, as the pipeline needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ForwardedRoute {
    /// The API endpoint.
    pub(crate) operation: Operation,
    /// The maximum size of a request body, in bytes.
    pub(crate) body_limit: usize,
}

/// The path prefix of pass-through requests.
pub(crate) const PASS_THROUGH: &str = "/passthrough";

/// The credential that a forwarded request is sent with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SentCredential {
    /// The credential of one of the key's profiles.
    OfProfile,
    /// The client's own, below [`PASS_THROUGH`].
    OfClient,
}

/// Splits the path of a request into the credential that it is sent with, and the path below up to two `/v1`: some
/// clients expect the version in the base URL and some add it, and users mix them up (docs/facts.md#clients).
pub(crate) fn split_path(path: &str) -> (SentCredential, &str) {
    match strip(path, PASS_THROUGH) {
        Some(path) => (SentCredential::OfClient, strip_version(path)),
        None => (SentCredential::OfProfile, strip_version(path)),
    }
}

fn strip_version(path: &str) -> &str {
    let path = strip(path, "/v1").unwrap_or(path);
    strip(path, "/v1").unwrap_or(path)
}

fn strip<'a>(path: &'a str, segment: &str) -> Option<&'a str> {
    path.strip_prefix(segment)
        .filter(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pass_through_and_up_to_two_versions_are_stripped() {
        use SentCredential::{OfClient, OfProfile};

        for (path, credential, stripped) in [
            ("/messages", OfProfile, "/messages"),
            ("/v1/messages", OfProfile, "/messages"),
            ("/v1/v1/messages", OfProfile, "/messages"),
            ("/v1/v1/v1/messages", OfProfile, "/v1/messages"),
            ("/v1messages", OfProfile, "/v1messages"),
            ("/passthrough/v1/messages", OfClient, "/messages"),
            (
                "/passthrough/passthrough/messages",
                OfClient,
                "/passthrough/messages",
            ),
            (
                "/passthroughs/messages",
                OfProfile,
                "/passthroughs/messages",
            ),
        ] {
            assert_eq!(split_path(path), (credential, stripped));
        }
    }
}
