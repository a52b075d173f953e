//! The origin that a credential may be sent to: scheme, host and port, bound when the credential is entered.
//!
//! Invariants: a credential is sent only over `https`, or over `http` to an IP-literal loopback address if the user
//! allowed that; the text is parsed once, by the `url` crate, and compared in parsed form.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// Scheme, host and port. Two origins are equal if all three are.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Origin {
    scheme: Scheme,
    host: Host<String>,
    port: u16,
}

/// The schemes that a credential may be sent over.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Scheme {
    /// TLS.
    Https,
    /// Unencrypted, to loopback only.
    Http,
}

/// The permission to use plain `http` to a loopback address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlainHttp {
    /// `https` only.
    Forbidden,
    /// Allowed to an IP-literal loopback address (`--insecure-loopback`, the sandbox).
    LoopbackOnly,
}

/// The host of Anthropic's API.
const ANTHROPIC_HOST: &str = "api.anthropic.com";

/// An origin and the path prefix of the API there.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BaseUrl {
    origin: Origin,
    /// The origin, and the path without a trailing slash.
    text: String,
    /// The length of the origin in the text.
    path_start: usize,
}

/// A base URL that was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OriginError {
    /// It is not a URL, or has no host.
    #[error("not a URL with a host, such as https://api.anthropic.com")]
    NotAUrl,
    /// Its scheme is neither `https` nor `http`.
    #[error("must be https")]
    Scheme,
    /// Plain `http` that is not allowed.
    #[error(
        "must be https; plain http is only for a server on this machine, such as http://127.0.0.1:8080, with `--insecure-loopback`"
    )]
    PlainHttp,
    /// It contains a user name or password before the host.
    #[error("must not contain a user name or password: enter only the host")]
    UserInfo,
    /// It has a query or a fragment.
    #[error("must not have a query or a fragment")]
    QueryOrFragment,
    /// The unspecified address means "any address of this machine" and cannot be connected to.
    #[error("0.0.0.0 and [::] are not addresses to connect to: use 127.0.0.1")]
    Unspecified,
}

impl Origin {
    /// Returns the port, by default that of the scheme.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns `true` if this is Anthropic's API, whose token grammar and error format then apply.
    pub fn is_first_party(&self) -> bool {
        self.scheme == Scheme::Https
            && self.port == 443
            && matches!(&self.host, Host::Domain(name) if name == ANTHROPIC_HOST)
    }

    /// Returns `true` if the host is an IP-literal loopback address. A name never is, whatever it resolves to.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(_) => false,
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => IpAddr::V6(*address).to_canonical().is_loopback(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default_port) = match self.scheme {
            Scheme::Https => ("https", 443),
            Scheme::Http => ("http", 80),
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == default_port {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

impl BaseUrl {
    /// Returns the base URL of Anthropic's API.
    pub fn anthropic() -> Self {
        let origin = Origin {
            scheme: Scheme::Https,
            host: Host::Domain(ANTHROPIC_HOST.to_owned()),
            port: 443,
        };
        Self::new(origin, "")
    }

    fn new(origin: Origin, path: &str) -> Self {
        let mut text = origin.to_string();
        let path_start = text.len();
        text.push_str(path);
        Self {
            origin,
            text,
            path_start,
        }
    }

    /// Parses a URL that the user entered. Trailing slashes and `/v1` are removed: clients use both forms
    /// (docs/facts.md#clients), and keyreeve adds the version itself.
    ///
    /// # Errors
    /// [`OriginError`]; its text explains what to enter instead.
    pub fn parse(text: &str, plain: PlainHttp) -> Result<Self, OriginError> {
        let url = Url::parse(text.trim()).map_err(|_| OriginError::NotAUrl)?;
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return Err(OriginError::Scheme),
        };
        let host = url.host().ok_or(OriginError::NotAUrl)?.to_owned();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OriginError::UserInfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(OriginError::QueryOrFragment);
        }
        if is_unspecified(&host) {
            return Err(OriginError::Unspecified);
        }
        let port = url.port_or_known_default().ok_or(OriginError::NotAUrl)?;
        let origin = Origin { scheme, host, port };
        if scheme == Scheme::Http && !(plain == PlainHttp::LoopbackOnly && origin.is_loopback()) {
            return Err(OriginError::PlainHttp);
        }
        let mut path = url.path().trim_end_matches('/');
        while let Some(shorter) = path.strip_suffix("/v1") {
            path = shorter.trim_end_matches('/');
        }
        Ok(Self::new(origin, path))
    }

    /// Returns the origin that a credential is bound to.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the path before `/v1/…`, without a trailing slash; usually empty.
    pub fn path(&self) -> &str {
        self.text.get(self.path_start..).unwrap_or_default()
    }

    /// Returns the URL, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_unspecified(host: &Host<String>) -> bool {
    match host {
        Host::Domain(_) => false,
        Host::Ipv4(address) => address.is_unspecified(),
        Host::Ipv6(address) => IpAddr::V6(*address).to_canonical().is_unspecified(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, OriginError> {
        BaseUrl::parse(text, PlainHttp::LoopbackOnly).map(|url| url.to_string())
    }

    #[test]
    fn anthropic_base_url_is_first_party() {
        let anthropic = BaseUrl::anthropic();
        let parsed = BaseUrl::parse("https://api.anthropic.com", PlainHttp::Forbidden);
        assert_eq!(Ok(&anthropic), parsed.as_ref());
        assert!(anthropic.origin().is_first_party());
    }

    #[test]
    fn common_notations_are_parsed() {
        for (typed, expected) in [
            ("https://api.anthropic.com", "https://api.anthropic.com"),
            ("https://api.anthropic.com/", "https://api.anthropic.com"),
            (
                "https://api.anthropic.com:443/v1/",
                "https://api.anthropic.com",
            ),
            ("https://API.Anthropic.COM", "https://api.anthropic.com"),
            (
                "https://api.anthropic.com/v1/v1",
                "https://api.anthropic.com",
            ),
            (
                "https://gateway.example/anthropic/v1",
                "https://gateway.example/anthropic",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
            ("http://2130706433:9", "http://127.0.0.1:9"),
        ] {
            assert_eq!(parse(typed).as_deref(), Ok(expected), "{typed}");
        }
    }

    #[test]
    fn unsafe_urls_are_refused() {
        for (typed, error) in [
            ("api.anthropic.com", OriginError::NotAUrl),
            ("ftp://api.anthropic.com", OriginError::Scheme),
            ("https://api.anthropic.com@127.0.0.1", OriginError::UserInfo),
            (
                "https://api.anthropic.com/?a=b",
                OriginError::QueryOrFragment,
            ),
            ("https://api.anthropic.com/#a", OriginError::QueryOrFragment),
            ("http://api.anthropic.com", OriginError::PlainHttp),
            ("http://localhost:80", OriginError::PlainHttp),
            ("http://127.evil.test", OriginError::PlainHttp),
            ("http://0.0.0.0:80", OriginError::Unspecified),
            ("https://[::]/", OriginError::Unspecified),
            ("https://[::ffff:0.0.0.0]/", OriginError::Unspecified),
        ] {
            assert_eq!(parse(typed), Err(error), "{typed}");
        }
    }

    #[test]
    fn plain_http_must_be_allowed() {
        let typed = "http://127.0.0.1:8080";
        assert_eq!(
            BaseUrl::parse(typed, PlainHttp::Forbidden),
            Err(OriginError::PlainHttp)
        );
    }

    #[test]
    fn only_anthropic_is_first_party() {
        for (text, first_party) in [
            ("https://api.anthropic.com", true),
            ("https://api.anthropic.com:8443", false),
            ("https://api.anthropic.com.evil.test", false),
            ("https://api.anthropic.com.", false),
        ] {
            let url = BaseUrl::parse(text, PlainHttp::Forbidden).unwrap();
            assert_eq!(url.origin().is_first_party(), first_party, "{text}");
        }
    }
}
