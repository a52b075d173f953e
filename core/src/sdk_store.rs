//! The profiles that the official SDKs and the `ant` command line keep, by what can be known without reading a token
//! (docs/facts.md#sdk-profiles).

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// One directory of profiles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SdkStore {
    /// Where it lies.
    pub directory: String,
    /// What `active_config` names; none where there is no such file.
    pub active: Option<String>,
    /// Every profile that has a configuration.
    pub profiles: Vec<SdkProfile>,
}

/// A profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SdkProfile {
    /// Its name.
    pub name: String,
    /// Its configuration.
    pub config: SdkConfig,
    /// Its credential file; none where there is none.
    pub credentials: Option<SdkCredentials>,
}

/// What a profile's configuration says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SdkConfig {
    /// A profile of a known kind.
    Known {
        /// How its token is had.
        kind: SdkKind,
        /// Where its requests go, if elsewhere.
        base_url: Option<String>,
    },
    /// It is not JSON, or not a configuration, from this line on.
    Damaged {
        /// The line, the first being 1.
        line: usize,
    },
    /// It may not be read, or others may write to it.
    Refused,
}

/// How a profile's token is had.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SdkKind {
    /// Exchanged for an identity token.
    Federation,
    /// A person's sign-in, which the SDK renews.
    UserLogin,
    /// A token that another program keeps fresh: a sign-in without a client id.
    RotatedOutside,
}

/// A credential file, without its tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SdkCredentials {
    /// A token is there.
    Present {
        /// Until when it holds.
        expires_at: Option<Timestamp>,
    },
    /// It holds no token that can be read.
    Damaged,
    /// It may not be read, or others may read it.
    Refused,
}

impl SdkStore {
    /// The name of the profile in use where none is named.
    pub fn active(&self) -> &str {
        self.active.as_deref().unwrap_or("default")
    }

    /// The profile of this name.
    pub fn profile(&self, name: &str) -> Option<&SdkProfile> {
        self.profiles.iter().find(|profile| profile.name == name)
    }
}

impl SdkConfig {
    /// Reads the text of a configuration.
    pub fn read(text: &str) -> Self {
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
            ("user_oauth", None) => SdkKind::RotatedOutside,
            _ => return Self::Damaged { line: 1 },
        };
        Self::Known {
            kind,
            base_url: file.base_url,
        }
    }
}

impl SdkCredentials {
    /// Reads the text of a credential file, passing over its tokens.
    pub fn read(text: &str) -> Self {
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
    fn a_configuration_is_told_by_its_kind() {
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
                known(SdkKind::RotatedOutside),
            ),
            (
                r#"{"authentication": {"type": "other"}}"#,
                SdkConfig::Damaged { line: 1 },
            ),
            ("{\n}", SdkConfig::Damaged { line: 2 }),
        ] {
            assert_eq!(SdkConfig::read(text), config, "{text}");
        }
    }

    #[test]
    fn a_credential_is_told_by_its_end() {
        assert_eq!(
            SdkCredentials::read(r#"{"access_token": "a", "expires_at": 1795200000}"#),
            SdkCredentials::Present {
                expires_at: Timestamp::from_second(1_795_200_000).ok()
            }
        );
        assert_eq!(SdkCredentials::read("{}"), SdkCredentials::Damaged);
        assert_eq!(SdkCredentials::read("{"), SdkCredentials::Damaged);
    }
}
