//! Ingress checks: framing, `Host` and `Origin`, checked before anything else of a request.
//!
//! Loopback is not authentication: any web page can make the user's browser send requests to it. Invariants: a request
//! for an unknown host is refused before routes, keys or bodies are looked at (DNS rebinding); a page of another origin
//! is refused; no response ever has a CORS header; a connection with ambiguous framing, or with a request refused here,
//! is closed after the response.

use axum::http::{HeaderMap, HeaderValue, Method, Request, Uri, Version, header};
use axum::response::Response;

use crate::error::GatewayError;
use crate::headers::FETCH_SITE;
use crate::state::AllowedHosts;

/// The result of the ingress checks.
pub(crate) struct Ingress {
    is_ambiguous: bool,
    /// The reason the request is refused.
    pub(crate) refused: Option<GatewayError>,
}

impl Ingress {
    /// Checks a request.
    pub(crate) fn check<Body>(hosts: &AllowedHosts, request: &Request<Body>) -> Self {
        let (method, headers) = (request.method(), request.headers());
        Self {
            is_ambiguous: has_ambiguous_framing(method, headers, request.version()),
            refused: check_headers(hosts, headers, request.uri()).err(),
        }
    }

    /// Returns `true` if the connection must be closed after the response.
    pub(crate) fn must_close(&self) -> bool {
        self.is_ambiguous || self.refused.is_some()
    }
}

/// Closes the connection after a response.
pub(crate) fn close_connection(response: &mut Response) {
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
}

fn check_headers(hosts: &AllowedHosts, headers: &HeaderMap, uri: &Uri) -> Result<(), GatewayError> {
    let mut values = headers.get_all(header::HOST).iter();
    let host = match (values.next(), values.next()) {
        (Some(host), None) => host.to_str().map_err(|_| GatewayError::UnknownHost)?,
        (None, _) | (Some(_), Some(_)) => return Err(GatewayError::AmbiguousFraming),
    };
    if !hosts.contains(host) {
        return Err(GatewayError::UnknownHost);
    }
    // An absolute-form target with another authority than Host would be routed by one and checked by the other.
    if uri
        .authority()
        .is_some_and(|authority| !authority.as_str().eq_ignore_ascii_case(host))
    {
        return Err(GatewayError::AmbiguousFraming);
    }
    if is_foreign_origin(headers, host) {
        Err(GatewayError::ForeignOrigin)
    } else {
        Ok(())
    }
}

/// Returns `true` if a page of another origin sent this request. Browsers set either header; other clients set neither.
fn is_foreign_origin(headers: &HeaderMap, host: &str) -> bool {
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
        .get_all(&FETCH_SITE)
        .iter()
        .any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"));
    foreign_origin || foreign_site
}

/// Returns `true` if another parser might read the rest of this connection differently (request smuggling): a chunked
/// body (hyper drops a `content-length` in addition to it), an upgrade or tunnel, or HTTP/1.0.
fn has_ambiguous_framing(method: &Method, headers: &HeaderMap, version: Version) -> bool {
    version != Version::HTTP_11
        || *method == Method::CONNECT
        || headers.contains_key(header::TRANSFER_ENCODING)
        || headers.contains_key(header::UPGRADE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> AllowedHosts {
        AllowedHosts::new(
            &[([127, 0, 0, 1], 8484).into()],
            &["Gateway.lan".to_owned()],
        )
    }

    fn check(uri: &'static str, headers: &[(&'static str, &'static str)], expected: &str) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let got = match check_headers(&hosts(), &map, &Uri::from_static(uri)) {
            Ok(()) => "allowed",
            Err(error) => error.code(),
        };
        assert_eq!(got, expected, "{uri} {headers:?}");
    }

    #[test]
    fn only_allowed_hosts_are_served() {
        for host in [
            "localhost:8484",
            "127.0.0.1:8484",
            "[::1]:8484",
            "LOCALHOST:8484",
        ] {
            check("/v1/messages", &[("host", host)], "allowed");
        }
        for host in ["gateway.lan", "gateway.lan:8484"] {
            check("/", &[("host", host)], "allowed");
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
    fn host_is_sent_once_and_agrees_with_the_target() {
        check("/", &[], "ambiguous_framing");
        check(
            "/",
            &[("host", "localhost:8484"), ("host", "localhost:8484")],
            "ambiguous_framing",
        );
        check(
            "http://localhost:8484/",
            &[("host", "localhost:8484")],
            "allowed",
        );
        check(
            "http://evil.test/",
            &[("host", "localhost:8484")],
            "ambiguous_framing",
        );
        check(
            "http://a@localhost:8484/",
            &[("host", "localhost:8484")],
            "ambiguous_framing",
        );
    }

    #[test]
    fn foreign_origins_are_refused() {
        let host = ("host", "localhost:8484");
        check("/", &[host, ("origin", "http://localhost:8484")], "allowed");
        check("/", &[host, ("sec-fetch-site", "same-origin")], "allowed");
        check("/", &[host, ("sec-fetch-site", "none")], "allowed");
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
