//! Where a credential may go: scheme, host and port, bound when the credential is entered.
//!
//! Invariants: a credential travels only by `https`, or by `http` to an IP-literal loopback address where the person
//! asked for that; the text is parsed once, by the `url` crate, and compared as parsed.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// Scheme, host and port. Two origins are the same when all three are.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Origin {
    scheme: Scheme,
    host: Host<String>,
    port: u16,
}

/// The schemes a credential may travel by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scheme {
    /// TLS.
    Https,
    /// Plain text, to loopback only.
    Http,
}

/// Whether plain `http` to a loopback address was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PlainHttp {
    /// It was not: `https` only.
    Refused,
    /// It was (`--insecure-loopback`, the sandbox): allowed to an IP-literal loopback address.
    LoopbackOnly,
}

/// The host of the vendor's own API.
const VENDOR: &str = "api.anthropic.com";

/// An origin and the path under which an API stands there.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BaseUrl {
    origin: Origin,
    path: String,
}

/// Why a base URL was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// It is no URL, or none with a host.
    #[error("not a URL with a host, such as https://api.anthropic.com")]
    NotAUrl,
    /// Another scheme than `https` and `http`.
    #[error("the scheme must be https")]
    Scheme,
    /// Plain `http` where it may not be.
    #[error(
        "plain http would send the credential in the clear: it is allowed only to a loopback address such as http://127.0.0.1:8080, and only when asked for"
    )]
    PlainHttp,
    /// A user name or password stands before the host.
    #[error("a URL with a user name in it is not what it looks like: write the host alone")]
    UserInfo,
    /// A query or a fragment.
    #[error("a base URL has no query and no fragment")]
    QueryOrFragment,
    /// The address means "any address of this machine" and is not a place to send to.
    #[error("0.0.0.0 and [::] are not addresses to send to: name 127.0.0.1")]
    Unspecified,
}

impl Origin {
    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host as a URL writes it: `[::1]` with its brackets.
    pub fn host(&self) -> String {
        self.host.to_string()
    }

    /// The port, the scheme's own where none was written.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether this is the vendor's own API, whose token grammar and error shapes apply.
    pub fn is_first_party(&self) -> bool {
        self.scheme == Scheme::Https
            && self.port == 443
            && self.host == Host::Domain(VENDOR.to_owned())
    }

    /// Whether the host is an IP-literal loopback address. A name never is, whatever it resolves to.
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
        let (scheme, usual) = match self.scheme {
            Scheme::Https => ("https", 443),
            Scheme::Http => ("http", 80),
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

impl BaseUrl {
    /// The vendor's own API.
    pub fn of_the_vendor() -> Self {
        Self {
            origin: Origin {
                scheme: Scheme::Https,
                host: Host::Domain(VENDOR.to_owned()),
                port: 443,
            },
            path: String::new(),
        }
    }

    /// Parses what a person typed. Trailing slashes and `/v1`s are dropped: clients write both forms
    /// (docs/facts.md#clients), and keyreeve adds the version itself.
    ///
    /// # Errors
    /// See [`Refused`]; each text says what to write instead.
    pub fn parse(text: &str, plain: PlainHttp) -> Result<Self, Refused> {
        let url = Url::parse(text.trim()).map_err(|_| Refused::NotAUrl)?;
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return Err(Refused::Scheme),
        };
        let host = url.host().ok_or(Refused::NotAUrl)?.to_owned();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::UserInfo);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Refused::QueryOrFragment);
        }
        if is_unspecified(&host) {
            return Err(Refused::Unspecified);
        }
        let port = url.port_or_known_default().ok_or(Refused::NotAUrl)?;
        let origin = Origin { scheme, host, port };
        if scheme == Scheme::Http && !(plain == PlainHttp::LoopbackOnly && origin.is_loopback()) {
            return Err(Refused::PlainHttp);
        }
        let mut path = url.path().trim_end_matches('/');
        while let Some(shorter) = path.strip_suffix("/v1") {
            path = shorter.trim_end_matches('/');
        }
        Ok(Self {
            origin,
            path: path.to_owned(),
        })
    }

    /// The origin a credential is bound to.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The path before `/v1/…`, without a trailing slash; empty for most.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path)
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

    fn parse(text: &str) -> Result<String, Refused> {
        BaseUrl::parse(text, PlainHttp::LoopbackOnly).map(|url| url.to_string())
    }

    #[test]
    fn the_vendors_own_is_what_people_write() {
        let vendor = BaseUrl::of_the_vendor();
        let written = BaseUrl::parse("https://api.anthropic.com", PlainHttp::Refused);
        assert_eq!(Ok(&vendor), written.as_ref());
        assert!(vendor.origin().is_first_party());
    }

    #[test]
    fn what_people_write_is_understood() {
        for (typed, understood) in [
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
            assert_eq!(parse(typed).as_deref(), Ok(understood), "{typed}");
        }
    }

    #[test]
    fn tricks_are_refused() {
        for (typed, why) in [
            ("api.anthropic.com", Refused::NotAUrl),
            ("ftp://api.anthropic.com", Refused::Scheme),
            ("https://api.anthropic.com@127.0.0.1", Refused::UserInfo),
            ("https://api.anthropic.com/?a=b", Refused::QueryOrFragment),
            ("https://api.anthropic.com/#a", Refused::QueryOrFragment),
            ("http://api.anthropic.com", Refused::PlainHttp),
            ("http://localhost:80", Refused::PlainHttp),
            ("http://127.evil.test", Refused::PlainHttp),
            ("http://0.0.0.0:80", Refused::Unspecified),
            ("https://[::]/", Refused::Unspecified),
            ("https://[::ffff:0.0.0.0]/", Refused::Unspecified),
        ] {
            assert_eq!(parse(typed), Err(why), "{typed}");
        }
    }

    #[test]
    fn plain_http_must_be_asked_for() {
        let typed = "http://127.0.0.1:8080";
        assert_eq!(
            BaseUrl::parse(typed, PlainHttp::Refused),
            Err(Refused::PlainHttp)
        );
    }

    #[test]
    fn only_the_vendor_is_first_party() {
        for (text, first_party) in [
            ("https://api.anthropic.com", true),
            ("https://api.anthropic.com:8443", false),
            ("https://api.anthropic.com.evil.test", false),
            ("https://api.anthropic.com.", false),
        ] {
            let url = BaseUrl::parse(text, PlainHttp::Refused).unwrap();
            assert_eq!(url.origin().is_first_party(), first_party, "{text}");
        }
    }
}
