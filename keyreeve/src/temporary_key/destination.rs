//! The destination of a client's requests, read from its environment and from Claude Code's settings.
//!
//! Invariant: a destination that cannot be parsed counts as another server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_os::environment::Environment;
use keyreeve_resolver::claude_code::{Mode, SettingSources};
use keyreeve_resolver::launch::find_project_redirect;
use keyreeve_resolver::resolve::{ClientProgram, Location, Release, resolve};
use keyreeve_resolver::snapshot::Snapshot;

use crate::variables;

/// The server a client will send its requests to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Destination {
    /// Not set: Anthropic's API, or the base URL we print.
    Unset,
    /// This base URL.
    At(BaseUrl),
    /// `localhost` at this port, which means both loopback addresses.
    Localhost(u16),
    /// A value that cannot be parsed.
    Unknown,
}

/// The destination according to settings files.
pub(super) enum SettingsDestination {
    /// Not set.
    Unset,
    /// The base URL is set.
    Set {
        /// The base URL.
        destination: Destination,
        /// The file that sets it, for an error message.
        reason: String,
    },
    /// Requests may reach another server, whatever the base URL is.
    Redirected {
        /// The file that causes it, for an error message.
        reason: String,
    },
}

/// Reads the destination from Claude Code's settings, a project's included: they override its environment, and a helper it
/// starts does not see them (docs/facts.md#claude-code-files).
pub(super) fn destination_in_settings(snapshot: &Snapshot) -> SettingsDestination {
    let client = ClientProgram::ClaudeCode {
        release: Release::default(),
        mode: Mode::Print,
        sources: SettingSources::ALL,
    };
    let resolution = resolve(snapshot, client);
    if let Some(path) = resolution.unreadable_settings {
        let reason = format!("cannot read {path}, which may set the base URL");
        return SettingsDestination::Redirected { reason };
    }
    if let Some(project_redirect) = find_project_redirect(snapshot, SettingSources::ALL) {
        let reason = project_redirect.to_string();
        return SettingsDestination::Redirected { reason };
    }
    let Some(base_url_override) = resolution.base_url_override else {
        return SettingsDestination::Unset;
    };
    match base_url_override.location {
        Location::Setting { .. } => SettingsDestination::Set {
            destination: base_url_override
                .base_url
                .map_or(Destination::Unknown, |text| Destination::parse(text.trim())),
            reason: format!("set by {}", base_url_override.location),
        },
        Location::Variable { .. }
        | Location::Login { .. }
        | Location::SdkProfile { .. }
        | Location::Federation
        | Location::Profile { .. } => SettingsDestination::Unset,
    }
}

impl Destination {
    /// Reads the destination from the environment. An empty variable counts as unset, as it does for the clients.
    pub(super) fn from_environment(environment: &Environment) -> Self {
        if !environment.is_set(variables::CLIENT_BASE_URL) {
            return Self::Unset;
        }
        match environment.get(variables::CLIENT_BASE_URL).map(str::trim) {
            Some("") => Self::Unset,
            Some(text) => Self::parse(text),
            None => Self::Unknown,
        }
    }

    fn parse(text: &str) -> Self {
        if let Ok(base_url) = BaseUrl::parse(text, PlainHttp::LoopbackOnly) {
            return Self::At(base_url);
        }
        // The parser accepts no name as a loopback address; `localhost` means both.
        let localhost = text
            .strip_prefix("http://localhost:")
            .map(|rest| rest.trim_end_matches('/'))
            .and_then(|port| port.parse().ok());
        localhost.map_or(Self::Unknown, Self::Localhost)
    }

    /// Returns `true` if requests reach only a gateway that listens on these addresses.
    pub(super) fn points_to_gateway(&self, listening: &[SocketAddr]) -> bool {
        let listens = |ip: IpAddr, port| listening.contains(&SocketAddr::new(ip, port));
        match self {
            Self::Unset => true,
            Self::At(base_url) => listening.iter().any(|address| {
                let own = format!("http://{address}");
                BaseUrl::parse(&own, PlainHttp::LoopbackOnly).is_ok_and(|own| own == *base_url)
            }),
            Self::Localhost(port) => {
                listens(Ipv4Addr::LOCALHOST.into(), *port)
                    && listens(Ipv6Addr::LOCALHOST.into(), *port)
            }
            Self::Unknown => false,
        }
    }

    /// Returns `true` if the destination is set to the origin of `profile`.
    pub(super) fn has_origin_of(&self, profile: &BaseUrl) -> bool {
        match self {
            Self::At(base_url) => base_url.origin() == profile.origin(),
            Self::Unset | Self::Localhost(_) | Self::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_variable(value: &str) -> Destination {
        Destination::from_environment(&Environment::from_pairs([("ANTHROPIC_BASE_URL", value)]))
    }

    #[test]
    fn only_the_gateways_addresses_point_to_it() {
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
            ("http://127.0.0.1:8484/other", &[four], false),
            ("https://api.anthropic.com", &[four], false),
            ("https://evil.test", &[four], false),
            ("http://127.0.0.1:8484@evil.test", &[four], false),
            ("nonsense", &[four], false),
        ] {
            assert_eq!(
                parse_variable(value).points_to_gateway(listening),
                expected,
                "{value} {listening:?}"
            );
        }
    }

    #[test]
    fn origin_is_compared_with_the_profiles() {
        let own =
            BaseUrl::parse("https://gateway.example/anthropic", PlainHttp::Forbidden).unwrap();
        for (value, expected) in [
            ("", false),
            ("https://gateway.example", true),
            ("https://gateway.example/anthropic/v1", true),
            ("https://gateway.example.evil.test", false),
            ("http://localhost:1", false),
        ] {
            assert_eq!(
                parse_variable(value).has_origin_of(&own),
                expected,
                "{value}"
            );
        }
    }
}
