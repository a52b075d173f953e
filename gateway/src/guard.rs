//! The door: framing, `Host` and `Origin`, looked at before anything else of a request.
//!
//! Loopback is not authentication: any web page can make its reader's browser talk to it. Invariants: a request for a
//! name that is not ours is refused before routes, keys or bodies are looked at (DNS rebinding); a page of another
//! origin is refused; no answer ever carries a CORS header; a connection whose framing leaves any doubt, or on which the
//! door refused a request, is not used again.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, Version, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::Gateway;
use crate::error::Refusal;

/// The exact `Host` values we answer to: compared as text, never parsed, so there is nothing to confuse.
pub(crate) struct KnownHosts(HashSet<String>);

impl KnownHosts {
    /// The loopback names on each port listened on, and the owner's additions.
    pub(crate) fn new(addresses: &[SocketAddr], allowed: &[String]) -> Self {
        let mut hosts = HashSet::new();
        for port in addresses.iter().map(SocketAddr::port) {
            for name in ["localhost", "127.0.0.1", "[::1]"] {
                hosts.insert(format!("{name}:{port}"));
            }
            for name in allowed {
                hosts.insert(name.to_ascii_lowercase());
                hosts.insert(format!("{}:{port}", name.to_ascii_lowercase()));
            }
        }
        Self(hosts)
    }

    fn know(&self, host: &str) -> bool {
        self.0.contains(&host.to_ascii_lowercase())
    }
}

/// Lets a request in, or refuses it.
pub(crate) async fn guard(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
    next: Next,
) -> Response {
    let doubtful = is_doubtful(request.method(), request.headers(), request.version());
    let admitted = admit(&gateway.hosts, request.headers(), request.uri());
    let closes = doubtful || admitted.is_err();
    let mut answer = match admitted {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    if closes {
        answer
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

fn admit(hosts: &KnownHosts, headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
    let mut values = headers.get_all(header::HOST).iter();
    let host = match (values.next(), values.next()) {
        (Some(host), None) => host.to_str().map_err(|_| Refusal::UnknownHost)?,
        (None, _) | (Some(_), Some(_)) => return Err(Refusal::Framing),
    };
    if !hosts.know(host) {
        return Err(Refusal::UnknownHost);
    }
    // An absolute-form target that names another authority than Host would be routed by one and judged by the other.
    if uri
        .authority()
        .is_some_and(|authority| !authority.as_str().eq_ignore_ascii_case(host))
    {
        return Err(Refusal::Framing);
    }
    if is_foreign(headers, host) {
        Err(Refusal::ForeignOrigin)
    } else {
        Ok(())
    }
}

/// Whether a page of another origin made this request. Browsers say so in either header; other clients send neither.
fn is_foreign(headers: &HeaderMap, host: &str) -> bool {
    let ours = |origin: &HeaderValue| {
        origin
            .as_bytes()
            .strip_prefix(b"http://")
            .is_some_and(|rest| rest == host.as_bytes())
    };
    let foreign_origin = headers
        .get_all(header::ORIGIN)
        .iter()
        .any(|origin| !ours(origin));
    let foreign_site = headers
        .get_all("sec-fetch-site")
        .iter()
        .any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"));
    foreign_origin || foreign_site
}

/// Whether what follows on this connection might be read differently by somebody else (request smuggling): a body whose
/// end is told by chunks (hyper drops a `content-length` beside it), a wished-for upgrade or tunnel, or HTTP/1.0.
fn is_doubtful(method: &Method, headers: &HeaderMap, version: Version) -> bool {
    version != Version::HTTP_11
        || *method == Method::CONNECT
        || headers.contains_key(header::TRANSFER_ENCODING)
        || headers.contains_key(header::UPGRADE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> KnownHosts {
        KnownHosts::new(
            &[([127, 0, 0, 1], 8484).into()],
            &["Gateway.lan".to_owned()],
        )
    }

    fn check(uri: &'static str, headers: &[(&'static str, &'static str)], expected: &str) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let got = match admit(&hosts(), &map, &Uri::from_static(uri)) {
            Ok(()) => "in",
            Err(refusal) => refusal.code(),
        };
        assert_eq!(got, expected, "{uri} {headers:?}");
    }

    #[test]
    fn only_our_own_names_are_answered() {
        for host in [
            "localhost:8484",
            "127.0.0.1:8484",
            "[::1]:8484",
            "LOCALHOST:8484",
        ] {
            check("/v1/messages", &[("host", host)], "in");
        }
        for host in ["gateway.lan", "gateway.lan:8484"] {
            check("/", &[("host", host)], "in");
        }
        for host in [
            "evil.test:8484",
            "localhost",
            "localhost:8485",
            "127.0.0.1:8484.evil.test",
            "localhost:8484?",
            "localhost:8484#",
            "localhost:8484/",
            "a@localhost:8484",
            "0.0.0.0:8484",
            "127.1:8484",
            "localhost.:8484",
            "",
        ] {
            check("/", &[("host", host)], "unknown_host");
        }
    }

    #[test]
    fn host_must_be_one_and_agree_with_the_target() {
        check("/", &[], "framing");
        check(
            "/",
            &[("host", "localhost:8484"), ("host", "localhost:8484")],
            "framing",
        );
        check(
            "http://localhost:8484/",
            &[("host", "localhost:8484")],
            "in",
        );
        check(
            "http://evil.test/",
            &[("host", "localhost:8484")],
            "framing",
        );
        check(
            "http://a@localhost:8484/",
            &[("host", "localhost:8484")],
            "framing",
        );
    }

    #[test]
    fn pages_of_other_origins_stay_out() {
        let host = ("host", "localhost:8484");
        check("/", &[host, ("origin", "http://localhost:8484")], "in");
        check("/", &[host, ("sec-fetch-site", "same-origin")], "in");
        check("/", &[host, ("sec-fetch-site", "none")], "in");
        for origin in [
            "http://evil.test:8484",
            "https://localhost:8484",
            "http://localhost:3000",
            "http://localhost.evil.test",
            "chrome-extension://x",
            "null",
            "",
        ] {
            check("/", &[host, ("origin", origin)], "foreign_origin");
        }
        check(
            "/",
            &[host, ("sec-fetch-site", "cross-site")],
            "foreign_origin",
        );
        check(
            "/",
            &[host, ("sec-fetch-site", "same-site")],
            "foreign_origin",
        );
    }
}
