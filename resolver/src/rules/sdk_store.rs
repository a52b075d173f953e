//! The profiles of the official SDKs and the `ant` command line, as far as they can be known without reading a token
//! (docs/facts.md#sdk-profiles).

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::rules::variables::{SDK_CONFIG_DIR, XDG_CONFIG_HOME};

/// One directory of profiles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SdkStore {
    /// The path of the directory.
    pub directory: String,
    /// The profile that `active_config` names, or `None` if there is no such file.
    pub active: Option<String>,
    /// Every profile with a configuration.
    pub profiles: Vec<SdkProfile>,
}

/// An SDK profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SdkProfile {
    /// Its name.
    pub name: String,
    /// Its configuration.
    pub config: SdkConfig,
    /// Its credential file, if there is one.
    pub credentials: Option<SdkCredentials>,
}

/// The configuration of a profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SdkConfig {
    /// A profile of a known kind.
    Known {
        /// The kind of its token.
        kind: SdkKind,
        /// Its base URL, if it is not the vendor's.
        base_url: Option<String>,
    },
    /// It is not a valid configuration from this line on.
    Damaged {
        /// The line, counted from 1.
        line: usize,
    },
    /// It cannot be read, or is writable by other users.
    Refused,
}

/// The kind of a profile's token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SdkKind {
    /// Obtained in exchange for an identity token.
    Federation,
    /// A user's sign-in, which the SDK refreshes.
    UserLogin,
    /// A token that another program rotates: a sign-in without a client id.
    ExternallyRotated,
}

/// A credential file, without its tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SdkCredentials {
    /// A token is present.
    Present {
        /// Its expiry.
        expires_at: Option<Timestamp>,
    },
    /// It contains no readable token.
    Damaged,
    /// It cannot be read, or is open to other users.
    Refused,
}

/// Returns the path of the profiles that a variable with a directory leads to, or `None` if the variable is blank.
/// A relative one starts at the working directory.
pub(crate) fn profile_directory(
    variable: DirectoryVariable,
    value: &str,
    working_directory: Option<&str>,
) -> Option<String> {
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    let mut path = PathBuf::from(working_directory.unwrap_or_default());
    path.push(value);
    match variable {
        DirectoryVariable::Profiles => {}
        DirectoryVariable::Configuration => path.push("anthropic"),
    }
    // Without a slash at the end, so that a directory has one name.
    let path: PathBuf = path.components().collect();
    Some(path.to_string_lossy().into_owned())
}

/// A variable that moves the profiles.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DirectoryVariable {
    /// `ANTHROPIC_CONFIG_DIR`, their directory.
    Profiles,
    /// `XDG_CONFIG_HOME`, which contains their directory.
    Configuration,
}

impl DirectoryVariable {
    /// Both, in order of precedence.
    pub(crate) const ALL: [Self; 2] = [Self::Profiles, Self::Configuration];

    /// Returns its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Profiles => SDK_CONFIG_DIR,
            Self::Configuration => XDG_CONFIG_HOME,
        }
    }
}

impl SdkStore {
    /// Returns the name of the profile that is active by default.
    pub(crate) fn active(&self) -> &str {
        self.active.as_deref().unwrap_or("default")
    }

    /// Returns the profile with this name.
    pub(crate) fn profile(&self, name: &str) -> Option<&SdkProfile> {
        self.profiles.iter().find(|profile| profile.name == name)
    }
}

impl SdkConfig {
    /// Parses the text of a configuration.
    pub fn parse(text: &str) -> Self {
        #[derive(Deserialize)]
        struct File {
            authentication: Authentication,
            base_url: Option<String>,
        }
        #[derive(Deserialize)]
        struct Authentication {
            r#type: String,
            client_id: Option<IgnoredAny>,
        }
        let file: File = match serde_json::from_str(text) {
            Ok(file) => file,
            Err(error) => {
                return Self::Damaged {
                    line: error.line().max(1),
                };
            }
        };
        let kind = match (
            file.authentication.r#type.as_str(),
            file.authentication.client_id,
        ) {
            ("oidc_federation", _) => SdkKind::Federation,
            ("user_oauth", Some(_)) => SdkKind::UserLogin,
            ("user_oauth", None) => SdkKind::ExternallyRotated,
            _ => return Self::Damaged { line: 1 },
        };
        Self::Known {
            kind,
            base_url: file.base_url,
        }
    }
}

impl SdkCredentials {
    /// Parses the text of a credential file and skips its tokens.
    pub fn parse(text: &str) -> Self {
        #[derive(Deserialize)]
        struct File {
            #[serde(rename = "access_token")]
            _access_token: IgnoredAny,
            /// Seconds since 1970.
            expires_at: Option<i64>,
        }
        match serde_json::from_str::<File>(text) {
            Ok(file) => Self::Present {
                expires_at: file
                    .expires_at
                    .and_then(|end| Timestamp::from_second(end).ok()),
            },
            Err(_) => Self::Damaged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_kind_is_recognized() {
        let known = |kind| SdkConfig::Known {
            kind,
            base_url: None,
        };
        for (text, config) in [
            (
                r#"{"authentication": {"type": "oidc_federation", "federation_rule_id": "fdrl_01"}}"#,
                known(SdkKind::Federation),
            ),
            (
                r#"{"authentication": {"type": "user_oauth", "client_id": "c"}}"#,
                known(SdkKind::UserLogin),
            ),
            (
                r#"{"authentication": {"type": "user_oauth"}}"#,
                known(SdkKind::ExternallyRotated),
            ),
            (
                r#"{"authentication": {"type": "other"}}"#,
                SdkConfig::Damaged { line: 1 },
            ),
            ("{\n}", SdkConfig::Damaged { line: 2 }),
        ] {
            assert_eq!(SdkConfig::parse(text), config, "{text}");
        }
    }

    #[test]
    fn credential_expiry_is_parsed() {
        assert_eq!(
            SdkCredentials::parse(r#"{"access_token": "a", "expires_at": 1795200000}"#),
            SdkCredentials::Present {
                expires_at: Timestamp::from_second(1_795_200_000).ok()
            }
        );
        assert_eq!(SdkCredentials::parse("{}"), SdkCredentials::Damaged);
        assert_eq!(SdkCredentials::parse("{"), SdkCredentials::Damaged);
    }
}
