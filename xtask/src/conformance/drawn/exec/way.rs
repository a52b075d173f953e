//! The ways to start Claude Code through keyreeve, each with its profile and the credential that must be sent.

use std::fmt;

use crate::conformance::drawn::planted;

/// Name of the profile with the intended credential.
const PROFILE: &str = "intended";

/// A way to start a client through keyreeve.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Way {
    /// On the client's own login.
    Native,
    /// With the API key of a profile.
    Profile,
    /// With a virtual key, through keyreeve's gateway.
    Gateway,
    /// With the token of a setup-token profile.
    SetupToken,
}

impl Way {
    /// Every way.
    pub(super) const ALL: [Self; 4] =
        [Self::Native, Self::Profile, Self::Gateway, Self::SetupToken];

    /// Returns the profile's secret, or `None` for the login, which the world has.
    pub(super) fn secret(self) -> Option<String> {
        match self {
            Self::Native => None,
            Self::Profile | Self::Gateway => Some(planted::drawn_token("api03", PROFILE)),
            Self::SetupToken => Some(planted::drawn_token("oat01", PROFILE)),
        }
    }

    /// Returns the arguments of `profile add`; the gateway's upstream is a listener of its own.
    pub(super) fn add_arguments(self, upstream: &str) -> Vec<&str> {
        let add = ["profile", "add", PROFILE, "--no-input", "--stdin"];
        let gateway = [
            "--auth",
            "api-key",
            "--origin",
            upstream,
            "--insecure-loopback",
        ];
        let options: &[&str] = match self {
            Self::Native => &[],
            Self::Profile => &["--direct"],
            Self::Gateway => &gateway,
            Self::SetupToken => &["--setup-token", "--consent"],
        };
        [&add, options].concat()
    }

    /// Returns the arguments of keyreeve before the client's command.
    pub(super) fn exec_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Native => &["exec", "--no-input", "--native", "--"],
            Self::Profile | Self::SetupToken => &["exec", "--no-input", "--profile", PROFILE, "--"],
            Self::Gateway => &[
                "exec",
                "--no-input",
                "--gateway",
                "--profile",
                PROFILE,
                "--",
            ],
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Native => "--native",
            Self::Profile => "--profile",
            Self::Gateway => "--gateway",
            Self::SetupToken => "setup-token",
        })
    }
}
