//! Which headers pass and which are dropped, both ways: deny-lists, since clients and API add headers each month.

/// What becomes of a header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fate {
    /// It goes on as it came.
    Pass,
    /// It ends here.
    Drop,
}

/// Hop-by-hop: they speak of one connection, so they end with it.
const OF_ONE_CONNECTION: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

/// The client's credentials, and what tells where it is.
const OF_THE_CLIENT: [&str; 9] = [
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

/// What the request to the upstream writes for itself.
const OURS: [&str; 4] = ["host", "content-length", "accept-encoding", "expect"];

/// What an upstream must not set for the address that a client reached keyreeve by.
const OF_THE_UPSTREAMS_ADDRESS: [&str; 4] = [
    "set-cookie",
    "set-cookie2",
    "alt-svc",
    "strict-transport-security",
];

/// Prefixes of requests' headers that end here: keyreeve's own, and what proxies write.
const DROPPED_PREFIXES: [&str; 3] = ["x-keyreeve-", "x-forwarded-", "proxy-"];

/// Prefixes of answers' headers that end here: keyreeve's own, what proxies write, and leave for pages of other origins.
const DROPPED_ANSWER_PREFIXES: [&str; 3] = ["x-keyreeve-", "proxy-", "access-control-"];

/// Headers that `Connection` cannot take away: dropping one would change what is asked, or for whom.
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

/// Decides on a header of the client's request. Names are compared without regard to case.
pub fn request_header(name: &str) -> Fate {
    let dropped = is_any_of(name, &OF_ONE_CONNECTION)
        || is_any_of(name, &OF_THE_CLIENT)
        || is_any_of(name, &OURS)
        || begins_with_any_of(name, &DROPPED_PREFIXES);
    if dropped { Fate::Drop } else { Fate::Pass }
}

/// Decides on a header of the upstream's answer. Names are compared without regard to case.
///
/// `content-length` passes: the body does, byte for byte.
pub fn answer_header(name: &str) -> Fate {
    let dropped = is_any_of(name, &OF_ONE_CONNECTION)
        || is_any_of(name, &OF_THE_UPSTREAMS_ADDRESS)
        || begins_with_any_of(name, &DROPPED_ANSWER_PREFIXES);
    if dropped { Fate::Drop } else { Fate::Pass }
}

/// Gives the headers that a `Connection` header names and that therefore end here too, without the protected ones: a
/// client's or a proxy's `Connection: anthropic-beta` must not change what is asked.
pub fn named_by_connection(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .filter(|name| {
            !is_any_of(name, &PROTECTED) && !begins_with_any_of(name, &PROTECTED_PREFIXES)
        })
}

fn is_any_of(name: &str, list: &[&str]) -> bool {
    list.iter().any(|listed| name.eq_ignore_ascii_case(listed))
}

fn begins_with_any_of(name: &str, prefixes: &[&str]) -> bool {
    let begins = |prefix: &&str| {
        name.get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    prefixes.iter().any(begins)
}
