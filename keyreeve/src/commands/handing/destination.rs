//! Where the client that asks us for a key will send it, by what its environment and Claude Code's settings say.
//!
//! Invariant: a place that is not understood is somebody else's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use keyreeve_core::claude_code::{Mode, SettingSources};
use keyreeve_core::launch::diverted_by_project;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::resolve::{Client, Place, Release, resolve};
use keyreeve_core::snapshot::{Environment, Snapshot};

use crate::variables;

/// Where a client will go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Destination {
    /// Nothing is said: to the vendor, or to where whoever asked us is told.
    Unsaid,
    /// To this place.
    At(BaseUrl),
    /// To both loopback addresses under one name, at this port.
    Localhost(u16),
    /// To something that is not understood.
    Elsewhere,
}

/// What settings files say of the destination.
pub(super) enum Settings {
    /// Nothing.
    Silent,
    /// They set the address.
    Set {
        /// Where to.
        destination: Destination,
        /// Which file says so, for a person.
        what: String,
    },
    /// Wherever the address leads, what is sent there may reach somebody else.
    Diverted {
        /// Which file makes it so, for a person.
        what: String,
    },
}

/// What Claude Code's settings say here, a project's among them: they beat its environment, and the helper it starts sees
/// nothing of it (docs/facts.md#claude-code-files).
pub(super) fn said_by_settings(snapshot: &Snapshot) -> Settings {
    let client = Client::ClaudeCode {
        release: Release::default(),
        mode: Mode::Print,
        sources: SettingSources::ALL,
    };
    let resolution = resolve(snapshot, client);
    if let Some(path) = resolution.unread {
        let what = format!("{path} cannot be read, so that what it sets is not known");
        return Settings::Diverted { what };
    }
    if let Some(offence) = diverted_by_project(snapshot, SettingSources::ALL) {
        let what = offence.to_string();
        return Settings::Diverted { what };
    }
    let Some(moved) = resolution.moved else {
        return Settings::Silent;
    };
    match moved.place {
        Place::Setting { .. } => Settings::Set {
            destination: moved.base_url.map_or(Destination::Elsewhere, |text| {
                Destination::read(text.trim())
            }),
            what: format!("it is set by {}", moved.place),
        },
        Place::Variable { .. }
        | Place::Login { .. }
        | Place::SdkProfile { .. }
        | Place::Federation
        | Place::Profile { .. } => Settings::Silent,
    }
}

impl Destination {
    /// Reads what the environment says; an empty variable counts as unset, as for the clients.
    pub(super) fn of(environment: &Environment) -> Self {
        if !environment.is_set(variables::CLIENT_BASE_URL) {
            return Self::Unsaid;
        }
        match environment.get(variables::CLIENT_BASE_URL).map(str::trim) {
            Some("") => Self::Unsaid,
            Some(text) => Self::read(text),
            None => Self::Elsewhere,
        }
    }

    fn read(text: &str) -> Self {
        if let Ok(place) = BaseUrl::parse(text, PlainHttp::LoopbackOnly) {
            return Self::At(place);
        }
        // A name is never a loopback address to the parser; this one stands for both of them.
        let named = text
            .strip_prefix("http://localhost:")
            .map(|rest| rest.trim_end_matches('/'))
            .and_then(|port| port.parse().ok());
        named.map_or(Self::Elsewhere, Self::Localhost)
    }

    /// Whether it leads to a gateway that listens on these addresses, and to nobody else.
    pub(super) fn leads_to_gateway(&self, listening: &[SocketAddr]) -> bool {
        let listens = |ip: IpAddr, port| listening.contains(&SocketAddr::new(ip, port));
        match self {
            Self::Unsaid => true,
            Self::At(place) => listening.iter().any(|address| {
                let own = format!("http://{address}");
                BaseUrl::parse(&own, PlainHttp::LoopbackOnly).is_ok_and(|own| own == *place)
            }),
            Self::Localhost(port) => {
                listens(Ipv4Addr::LOCALHOST.into(), *port)
                    && listens(Ipv6Addr::LOCALHOST.into(), *port)
            }
            Self::Elsewhere => false,
        }
    }

    /// Whether it is said to be this origin.
    pub(super) fn is_origin_of(&self, profile: &BaseUrl) -> bool {
        match self {
            Self::At(place) => place.origin() == profile.origin(),
            Self::Unsaid | Self::Localhost(_) | Self::Elsewhere => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Destination {
        Destination::of(&Environment::from_pairs([("ANTHROPIC_BASE_URL", value)]))
    }

    #[test]
    fn only_the_gateways_own_addresses_lead_to_it() {
        let (four, six) = (
            "127.0.0.1:8484".parse().unwrap(),
            "[::1]:8484".parse().unwrap(),
        );
        for (value, listening, expected) in [
            ("", &[four][..], true),
            ("http://127.0.0.1:8484", &[four], true),
            ("http://127.0.0.1:8484/v1/", &[four], true),
            ("http://[::1]:8484", &[four, six], true),
            ("http://[::1]:8484", &[four], false),
            ("http://localhost:8484/", &[four, six], true),
            ("http://localhost:8484", &[four], false),
            ("http://localhost:8484@evil.test", &[four, six], false),
            ("http://127.0.0.1:8485", &[four], false),
            ("http://127.0.0.1:8484/elsewhere", &[four], false),
            ("https://api.anthropic.com", &[four], false),
            ("https://evil.test", &[four], false),
            ("http://127.0.0.1:8484@evil.test", &[four], false),
            ("nonsense", &[four], false),
        ] {
            assert_eq!(
                of(value).leads_to_gateway(listening),
                expected,
                "{value} {listening:?}"
            );
        }
    }

    #[test]
    fn an_origin_is_the_profiles_or_not() {
        let own = BaseUrl::parse("https://gateway.example/anthropic", PlainHttp::Refused).unwrap();
        for (value, expected) in [
            ("", false),
            ("https://gateway.example", true),
            ("https://gateway.example/anthropic/v1", true),
            ("https://gateway.example.evil.test", false),
            ("http://localhost:1", false),
        ] {
            assert_eq!(of(value).is_origin_of(&own), expected, "{value}");
        }
    }
}
