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

/// Returns the path without the pass-through prefix and without up to two `/v1`: some clients expect the version in the
/// base URL and some add it, and users mix them up (docs/facts.md#clients).
pub(crate) fn strip_version(path: &str) -> &str {
    let path = path
        .strip_prefix(PASS_THROUGH)
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    let path = path
        .strip_prefix("/v1")
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    path.strip_prefix("/v1")
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path)
}

/// The variants of a path that clients use.
pub(crate) fn version_variants(path: &str) -> Vec<String> {
    let mut variants = vec![
        path.to_owned(),
        strip_version(path).to_owned(),
        format!("/v1{path}"),
    ];
    variants.dedup();
    variants
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_two_versions_are_stripped() {
        for (path, stripped) in [
            ("/messages", "/messages"),
            ("/v1/messages", "/messages"),
            ("/v1/v1/messages", "/messages"),
            ("/v1/v1/v1/messages", "/v1/messages"),
            ("/v1messages", "/v1messages"),
        ] {
            assert_eq!(strip_version(path), stripped);
        }
    }
}
