//! Header deny-lists for requests and responses. Everything else passes, since clients and the API add headers each
//! month.

/// The action for one header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum HeaderAction {
    /// Forward it unchanged.
    Pass,
    /// Do not forward it.
    Drop,
}

/// Hop-by-hop headers, which apply to a single connection.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

/// The client's credentials and headers that reveal its location.
const CLIENT_CREDENTIALS_AND_LOCATION: [&str; 9] = [
    "authorization",
    "x-api-key",
    "api-key",
    "cookie",
    "cookie2",
    "origin",
    "forwarded",
    "x-real-ip",
    "via",
];

/// Headers that keyreeve sets itself on the request to the upstream.
const SET_BY_KEYREEVE: [&str; 4] = ["host", "content-length", "accept-encoding", "expect"];

/// Headers that an upstream must not set for the origin at which the client reaches keyreeve.
const UPSTREAM_ORIGIN: [&str; 4] = [
    "set-cookie",
    "set-cookie2",
    "alt-svc",
    "strict-transport-security",
];

/// Prefixes of dropped request headers: keyreeve's own, and those that proxies add.
const DROPPED_REQUEST_PREFIXES: [&str; 3] = ["x-keyreeve-", "x-forwarded-", "proxy-"];

/// Prefixes of dropped response headers: keyreeve's own, those that proxies add, and CORS permissions.
const DROPPED_RESPONSE_PREFIXES: [&str; 3] = ["x-keyreeve-", "proxy-", "access-control-"];

/// Headers that `Connection` cannot remove: dropping one would change the request or its credential.
const PROTECTED: [&str; 7] = [
    "content-type",
    "x-api-key",
    "authorization",
    "x-app",
    "user-agent",
    "accept",
    "idempotency-key",
];
const PROTECTED_PREFIXES: [&str; 3] = ["anthropic-", "x-stainless-", "x-claude-code-"];

/// Decides on a header of the client's request. Names are case-insensitive.
pub fn request_header(name: &str) -> HeaderAction {
    let dropped = matches_any(name, &HOP_BY_HOP)
        || matches_any(name, &CLIENT_CREDENTIALS_AND_LOCATION)
        || matches_any(name, &SET_BY_KEYREEVE)
        || starts_with_any(name, &DROPPED_REQUEST_PREFIXES);
    if dropped {
        HeaderAction::Drop
    } else {
        HeaderAction::Pass
    }
}

/// Decides on a header of the upstream's response. Names are case-insensitive.
///
/// `content-length` passes, since the body passes byte for byte.
pub fn response_header(name: &str) -> HeaderAction {
    let dropped = matches_any(name, &HOP_BY_HOP)
        || matches_any(name, &UPSTREAM_ORIGIN)
        || starts_with_any(name, &DROPPED_RESPONSE_PREFIXES);
    if dropped {
        HeaderAction::Drop
    } else {
        HeaderAction::Pass
    }
}

/// Returns the headers that a `Connection` header names, which are dropped as well, except the protected ones: a
/// `Connection: anthropic-beta` from a client or proxy must not change the request.
pub fn connection_headers(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .filter(|name| {
            !matches_any(name, &PROTECTED) && !starts_with_any(name, &PROTECTED_PREFIXES)
        })
}

fn matches_any(name: &str, list: &[&str]) -> bool {
    list.iter().any(|listed| name.eq_ignore_ascii_case(listed))
}

fn starts_with_any(name: &str, prefixes: &[&str]) -> bool {
    let matches = |prefix: &&str| {
        name.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    prefixes.iter().any(matches)
}
