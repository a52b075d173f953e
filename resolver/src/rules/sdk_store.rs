//! The profiles of the official SDKs and the `ant` command line, as far as they can be known without reading a token
//! (docs/facts.md#sdk-profiles).

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::rules::claude_code::{Entries, TokenField, last, to_javascript_text};
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
        /// The kind of that value.
        base_url_kind: BaseUrlKind,
        /// The place of its credential file.
        credentials_path: CredentialsPath,
        /// Its settings of a federation.
        federation: FederationConfig,
    },
    /// It is not a valid configuration from this line on.
    Damaged {
        /// The line, counted from 1.
        line: usize,
    },
    /// It cannot be read, or is writable by other users.
    Refused,
}

/// The kind of the base URL of a configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BaseUrlKind {
    /// A text, or none.
    Text,
    /// Another value, with which TypeScript fails.
    Other,
}

/// The place of a profile's credential file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CredentialsPath {
    /// In the directory of the profiles.
    Default,
    /// In a file that the configuration names.
    File(String),
    /// The configuration's value is not text, with which programs fail.
    NotText,
}

/// The settings of a federation in a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FederationConfig {
    /// `true` if it names a rule.
    pub has_rule: bool,
    /// `true` if it names an organization.
    pub has_organization: bool,
    /// The file with the identity token.
    pub identity_file: Option<String>,
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
    /// A token is present, but Python refuses the file or cannot send the token.
    NotForPython {
        /// Its expiry.
        expires_at: Option<Timestamp>,
    },
    /// Its token contains a character that no header may contain.
    UnsendableToken,
    /// It is not JSON.
    Damaged,
    /// It has no text, or only whitespace.
    Empty,
    /// It contains no token.
    NoToken,
    /// It contains a token of whitespace, which is sent as an empty credential.
    BlankToken,
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

impl SdkProfile {
    /// Returns `true` if its token is obtained in exchange for an identity token.
    pub(crate) fn is_federation(&self) -> bool {
        match self.config {
            SdkConfig::Known { kind, .. } => kind == SdkKind::Federation,
            SdkConfig::Damaged { .. } | SdkConfig::Refused => false,
        }
    }
}

impl SdkConfig {
    /// Parses the text of a configuration.
    pub fn parse(text: &str) -> Self {
        // Of several fields with the same name, the last one counts.
        let parsed = serde_json::from_str(text).or_else(|error| {
            let value: Option<Value> = serde_json::from_str(text).ok();
            let file = value.and_then(|value| serde_json::from_value(value).ok());
            file.ok_or(error)
        });
        let file: ConfigFile = match parsed {
            Ok(file) => file,
            Err(error) => {
                return Self::Damaged {
                    line: error.line().max(1),
                };
            }
        };
        let has_client = truthy_text(&file.authentication.client_id).is_some();
        let kind = match (file.authentication.r#type.as_str(), has_client) {
            ("oidc_federation", _) => SdkKind::Federation,
            ("user_oauth", true) => SdkKind::UserLogin,
            ("user_oauth", false) => SdkKind::ExternallyRotated,
            _ => return Self::Damaged { line: 1 },
        };
        Self::Known {
            kind,
            base_url: truthy_text(&file.base_url),
            base_url_kind: match &file.base_url {
                Value::String(_) => BaseUrlKind::Text,
                value if truthy_text(value).is_none() => BaseUrlKind::Text,
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::Array(_)
                | Value::Object(_) => BaseUrlKind::Other,
            },
            credentials_path: match &file.authentication.credentials_path {
                Value::Null => CredentialsPath::Default,
                Value::String(path) => CredentialsPath::File(path.clone()),
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    CredentialsPath::NotText
                }
            },
            federation: FederationConfig {
                has_rule: truthy_text(&file.authentication.federation_rule_id).is_some(),
                has_organization: truthy_text(&file.organization_id).is_some(),
                identity_file: truthy_text(&file.authentication.identity_token["path"]),
            },
        }
    }
}

#[derive(Deserialize)]
struct ConfigFile {
    authentication: AuthenticationConfig,
    #[serde(default)]
    base_url: Value,
    #[serde(default)]
    organization_id: Value,
}

#[derive(Deserialize)]
struct AuthenticationConfig {
    r#type: String,
    #[serde(default)]
    client_id: Value,
    #[serde(default)]
    credentials_path: Value,
    #[serde(default)]
    federation_rule_id: Value,
    #[serde(default)]
    identity_token: Value,
}

/// Returns the text of a value, or `None` if JavaScript and Python take it as unset.
fn truthy_text(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Number(number) if number.as_f64() == Some(0.0) => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(true) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Some(value.to_string())
        }
    }
}

impl SdkCredentials {
    /// Parses the text of the credential file of a profile. Python wants a refresh token next to a client id.
    pub fn parse_for(config: &SdkConfig, text: &str) -> Self {
        let is_user_login = match config {
            SdkConfig::Known { kind, .. } => *kind == SdkKind::UserLogin,
            SdkConfig::Damaged { .. } | SdkConfig::Refused => false,
        };
        let parsed = Self::parse(text);
        if let (Self::Present { expires_at }, true) = (&parsed, is_user_login)
            && !has_refresh_token(text)
        {
            return Self::NotForPython {
                expires_at: *expires_at,
            };
        }
        parsed
    }

    /// Parses the text of a credential file and skips its tokens.
    pub fn parse(text: &str) -> Self {
        if text.trim().is_empty() {
            return Self::Empty;
        }
        let Ok(Entries(entries)) = serde_json::from_str(text) else {
            return Self::Damaged;
        };
        let value = |name| {
            let text = last(&entries, name)?;
            serde_json::from_str(text).ok()
        };
        let (end, kind): (Value, Value) = (
            value("expires_at").unwrap_or_default(),
            value("type").unwrap_or_default(),
        );
        let expires_at = match &end {
            Value::Null => None,
            // What is no time counts as one in the past.
            end => Some(
                javascript_number(end)
                    .and_then(whole_seconds)
                    .unwrap_or_default(),
            ),
        };
        let token = last(&entries, "access_token");
        match TokenField::parse(token) {
            TokenField::Missing => Self::NoToken,
            TokenField::Blank => Self::BlankToken,
            TokenField::Unsendable => Self::UnsendableToken,
            TokenField::Present if python_reads(token, &end, &kind) => Self::Present { expires_at },
            TokenField::Present => Self::NotForPython { expires_at },
        }
    }
}

fn has_refresh_token(text: &str) -> bool {
    let Ok(Entries(entries)) = serde_json::from_str(text) else {
        return false;
    };
    match TokenField::parse(last(&entries, "refresh_token")) {
        TokenField::Missing => false,
        TokenField::Present | TokenField::Blank | TokenField::Unsendable => true,
    }
}

/// Returns `true` if Python uses a credential file: it wants ASCII without whitespace at the end, a whole number of
/// seconds and the right type (docs/facts.md#sdk-profiles).
fn python_reads(token: Option<&str>, end: &Value, kind: &Value) -> bool {
    let token: Option<Zeroizing<String>> =
        token.and_then(|token| serde_json::from_str(token).ok().map(Zeroizing::new));
    let is_sendable = token.is_none_or(|token| {
        let is_odd = |c: char| !c.is_ascii() || matches!(c, '\u{b}' | '\u{c}');
        !token.contains(is_odd) && !token.ends_with([' ', '\t'])
    });
    let is_time = match end {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => text.trim().parse::<i128>().is_ok(),
        Value::Array(_) | Value::Object(_) => false,
    };
    is_sendable && is_time && (kind.is_null() || kind == "oauth_token")
}

/// Returns the number that JavaScript makes of a value.
fn javascript_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(true) => Some(1.0),
        Value::Null | Value::Bool(false) => Some(0.0),
        Value::String(_) | Value::Array(_) | Value::Object(_) => {
            to_javascript_text(value).trim().parse().ok()
        }
    }
}

fn whole_seconds(seconds: f64) -> Option<Timestamp> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range is checked in the same expression"
    )]
    let whole = (seconds.is_finite() && seconds.abs() < 1e15).then_some(seconds as i64)?;
    // A time too far in the future never comes.
    Some(Timestamp::from_second(whole).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_kind_is_recognized() {
        let known = |kind| SdkConfig::Known {
            kind,
            base_url: None,
            base_url_kind: BaseUrlKind::Text,
            credentials_path: CredentialsPath::Default,
            federation: FederationConfig {
                has_rule: kind == SdkKind::Federation,
                has_organization: false,
                identity_file: None,
            },
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

    /// F-02: Python sends no token of a sign-in with a client id and without a refresh token.
    #[test]
    fn python_wants_a_refresh_token_next_to_a_client_id() {
        let config = |client: &str| {
            let authentication = format!(r#"{{"type": "user_oauth", "client_id": {client}}}"#);
            SdkConfig::parse(&format!(r#"{{"authentication": {authentication}}}"#))
        };
        let present = SdkCredentials::Present { expires_at: None };
        let not_for_python = SdkCredentials::NotForPython { expires_at: None };
        let without = r#"{"access_token": "a"}"#;
        for (client, text, expected) in [
            ("\"c\"", without, &not_for_python),
            ("true", without, &not_for_python),
            ("\"\"", without, &present),
            ("null", without, &present),
            (
                "\"c\"",
                r#"{"access_token": "a", "refresh_token": ""}"#,
                &not_for_python,
            ),
            (
                "\"c\"",
                r#"{"access_token": "a", "refresh_token": "r"}"#,
                &present,
            ),
        ] {
            let parsed = SdkCredentials::parse_for(&config(client), text);
            assert_eq!(&parsed, expected, "{client} {text}");
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
        assert_eq!(SdkCredentials::parse("{}"), SdkCredentials::NoToken);
        for (token, state) in [
            ("null", SdkCredentials::NoToken),
            ("\"\"", SdkCredentials::NoToken),
            ("\" \"", SdkCredentials::BlankToken),
            ("\"a\\nb\"", SdkCredentials::UnsendableToken),
            ("\"a \"", SdkCredentials::NotForPython { expires_at: None }),
            (
                "\"\u{e9}\"",
                SdkCredentials::NotForPython { expires_at: None },
            ),
            ("7", SdkCredentials::Present { expires_at: None }),
        ] {
            let text = format!("{{\"access_token\": {token}}}");
            assert_eq!(SdkCredentials::parse(&text), state, "{token}");
        }
        for (end, expires_at) in [
            ("null", None),
            ("\"4102444800\"", Timestamp::from_second(4_102_444_800).ok()),
            ("true", Timestamp::from_second(1).ok()),
            ("4102444800000", Some(Timestamp::MAX)),
        ] {
            let text = format!("{{\"access_token\": \"a\", \"expires_at\": {end}}}");
            let present = SdkCredentials::Present { expires_at };
            assert_eq!(SdkCredentials::parse(&text), present, "{end}");
        }
        for other in [r#""expires_at": "x""#, r#""type": "other""#] {
            let text = format!("{{\"access_token\": \"a\", {other}}}");
            let parsed = SdkCredentials::parse(&text);
            assert!(
                matches!(parsed, SdkCredentials::NotForPython { .. }),
                "{other}"
            );
        }
        assert_eq!(SdkCredentials::parse("{"), SdkCredentials::Damaged);
        assert_eq!(SdkCredentials::parse(" \n"), SdkCredentials::Empty);
    }
}
