//! Claude Code's own login, as far as it can be known without reading a token.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::Value;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::javascript::to_javascript_text;
use super::settings::Entries;

/// The login file and its state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Login {
    /// The path of the file.
    pub path: String,
    /// Its state.
    pub state: LoginState,
}

/// The state of a login file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoginState {
    /// A login.
    Present {
        /// The expiry of its access token.
        expires_at: Option<Timestamp>,
        /// The way it is renewed.
        renewal: LoginRenewal,
        /// The subscription it names, such as `max`.
        subscription: Option<String>,
    },
    /// The file has no login: other programs' tokens, or nothing.
    SignedOut,
    /// Claude Code cannot use the file.
    Damaged(LoginDamage),
    /// We may not read the file.
    Unreadable,
}

/// The way a login is renewed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoginRenewal {
    /// Claude Code renews it with a refresh token.
    Automatic,
    /// There is no refresh token: after it expires, the user signs in again.
    SignInAgain,
}

/// The damage of a login file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoginDamage {
    /// It is not valid JSON from this line on, counted from 1.
    NotJson(usize),
    /// The login has no access token.
    NoToken,
    /// Its token is sent as an empty credential.
    BlankToken,
    /// Its token contains a character that no header may contain.
    UnsendableToken,
    /// Its scopes are a text instead of a list: it is sent, but not as an OAuth token.
    ScopesAsText,
    /// Its scopes are neither a list nor a text, and Claude Code fails.
    BadScopes,
    /// It cannot call models: the scope `user:inference` is missing.
    NoInference,
}

impl fmt::Display for LoginDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(line) => write!(f, "it is not valid JSON from line {line} on"),
            Self::NoToken => f.write_str("it has no access token"),
            Self::BlankToken => f.write_str("its access token is empty"),
            Self::UnsendableToken => {
                f.write_str("its access token contains a character that is not allowed in a header")
            }
            Self::ScopesAsText => f.write_str("its scopes are a text instead of a list"),
            Self::BadScopes => f.write_str("its scopes are not a list"),
            Self::NoInference => f.write_str("it lacks the scope user:inference"),
        }
    }
}

impl Login {
    /// Returns `true` if it has expired at `now` and only a new sign-in helps.
    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        match &self.state {
            LoginState::Present {
                expires_at: Some(end),
                renewal: LoginRenewal::SignInAgain,
                ..
            } => *end <= now,
            LoginState::Present { .. }
            | LoginState::SignedOut
            | LoginState::Damaged(_)
            | LoginState::Unreadable => false,
        }
    }
}

impl LoginState {
    /// Parses the text of a login file. No token is ever stored.
    pub fn parse(text: &str) -> Self {
        let entries = match serde_json::from_str(text) {
            Ok(Entries(entries)) => entries,
            Err(error) if error.is_data() => return Self::Damaged(LoginDamage::NoToken),
            Err(error) => return Self::Damaged(LoginDamage::NotJson(error.line())),
        };
        let login =
            last(&entries, "claudeAiOauth").map(serde_json::from_str::<Option<Entries<'_>>>);
        match login {
            None | Some(Ok(None)) => Self::SignedOut,
            Some(Ok(Some(Entries(fields)))) => Fields::parse(&fields).state(),
            Some(Err(_)) => Self::Damaged(LoginDamage::NoToken),
        }
    }
}

/// The fields of a login. Claude Code checks the type of none of them.
struct Fields {
    access_token: TokenField,
    refresh_token: TokenField,
    /// Milliseconds since 1970.
    expires_at: Value,
    scopes: Value,
    subscription: Value,
}

/// Returns the unparsed value of a field; of several with the same name, the last one counts.
pub(crate) fn last<'a>(entries: &[(String, &'a RawValue)], name: &str) -> Option<&'a str> {
    let entry = entries.iter().rev().find(|(key, _)| key == name);
    entry.map(|(_, raw)| raw.get())
}

impl Fields {
    fn parse(entries: &[(String, &RawValue)]) -> Self {
        let value = |name| {
            let text = last(entries, name)?;
            serde_json::from_str(text).ok()
        };
        Self {
            access_token: TokenField::parse(last(entries, "accessToken")),
            refresh_token: TokenField::parse(last(entries, "refreshToken")),
            expires_at: value("expiresAt").unwrap_or_default(),
            scopes: value("scopes").unwrap_or_default(),
            subscription: value("subscriptionType").unwrap_or_default(),
        }
    }

    fn state(&self) -> LoginState {
        let damage = match (self.access_token, self.scopes()) {
            (TokenField::Missing, _) => LoginDamage::NoToken,
            (TokenField::Unsendable, _) => LoginDamage::UnsendableToken,
            (_, Scopes::NoInference) => LoginDamage::NoInference,
            (_, Scopes::Other) => LoginDamage::BadScopes,
            (_, Scopes::Text) => LoginDamage::ScopesAsText,
            (TokenField::Blank, Scopes::Inference) => LoginDamage::BlankToken,
            (TokenField::Present, Scopes::Inference) => {
                return LoginState::Present {
                    expires_at: self
                        .expires_at
                        .as_f64()
                        .and_then(whole_millis)
                        .and_then(|end| Timestamp::from_millisecond(end).ok()),
                    renewal: match self.refresh_token {
                        TokenField::Present | TokenField::Unsendable => LoginRenewal::Automatic,
                        TokenField::Missing | TokenField::Blank => LoginRenewal::SignInAgain,
                    },
                    subscription: self.subscription.as_str().map(str::to_owned),
                };
            }
        };
        LoginState::Damaged(damage)
    }

    fn scopes(&self) -> Scopes {
        match &self.scopes {
            Value::Array(scopes) if scopes.iter().any(|scope| scope == INFERENCE) => {
                Scopes::Inference
            }
            Value::String(text) if text.contains(INFERENCE) => Scopes::Text,
            Value::Null | Value::Array(_) | Value::String(_) => Scopes::NoInference,
            Value::Bool(_) | Value::Number(_) | Value::Object(_) => Scopes::Other,
        }
    }
}

/// The scope that a login needs to call models.
pub(crate) const INFERENCE: &str = "user:inference";

/// The scopes of a login.
enum Scopes {
    /// A list with the scope for models.
    Inference,
    /// A text with the scope for models.
    Text,
    /// Without that scope.
    NoInference,
    /// Neither a list nor a text.
    Other,
}

/// The presence of a token. Its value is skipped.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum TokenField {
    /// It is sent.
    Present,
    /// It is sent as an empty credential.
    Blank,
    /// It contains a character that no header may contain.
    Unsendable,
    /// It counts as absent.
    #[default]
    Missing,
}

impl TokenField {
    /// Parses the JSON text of a value, if there is one.
    pub(crate) fn parse(text: Option<&str>) -> Self {
        let parsed = text.and_then(|text| serde_json::from_str(text).ok());
        parsed.unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for TokenField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let text = Zeroizing::new(to_javascript_text(&value));
        let cannot_be_sent = |c: char| matches!(c, '\n' | '\r' | '\0') || c > '\u{ff}';
        Ok(match value {
            Value::Null | Value::Bool(false) => Self::Missing,
            Value::Number(number) if number.as_f64() == Some(0.0) => Self::Missing,
            Value::String(text) if text.is_empty() => Self::Missing,
            _ if text.trim().is_empty() => Self::Blank,
            _ if text.trim().contains(cannot_be_sent) => Self::Unsendable,
            _ => Self::Present,
        })
    }
}

fn whole_millis(millis: f64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the range is checked in the same expression"
    )]
    (millis.is_finite() && millis.abs() < 1e17).then_some(millis as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F-02: the fields of a login may have any type.
    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn login_file_is_parsed_without_its_tokens() {
        let present = |expires_at, renewal, subscription: Option<&str>| LoginState::Present {
            expires_at,
            renewal,
            subscription: subscription.map(str::to_owned),
        };
        let end = Timestamp::from_second(1_795_200_000).ok();
        for (text, state) in [
            (
                r#"{"claudeAiOauth": {"accessToken": "a", "refreshToken": "r", "expiresAt": 1795200000000, "subscriptionType": "max", "scopes": ["user:inference"]}}"#,
                present(end, LoginRenewal::Automatic, Some("max")),
            ),
            (
                r#"{"claudeAiOauth": {"accessToken": "a", "expiresAt": 1795200000000, "scopes": ["user:inference"]}}"#,
                present(end, LoginRenewal::SignInAgain, None),
            ),
            (
                r#"{"claudeAiOauth": {"accessToken": "a", "scopes": ["user:profile"]}}"#,
                LoginState::Damaged(LoginDamage::NoInference),
            ),
            (r#"{"mcpOAuth": {}}"#, LoginState::SignedOut),
            (r#"{"claudeAiOauth": null}"#, LoginState::SignedOut),
            (
                r#"{"claudeAiOauth": {"accessToken": " ", "scopes": ["user:inference"]}}"#,
                LoginState::Damaged(LoginDamage::BlankToken),
            ),
            (
                r#"{"claudeAiOauth": {"accessToken": {"a": 1}, "scopes": ["user:inference"]}}"#,
                present(None, LoginRenewal::SignInAgain, None),
            ),
            (
                r#"{"claudeAiOauth": {"accessToken": ["a"], "scopes": "user:inference user:profile"}}"#,
                LoginState::Damaged(LoginDamage::ScopesAsText),
            ),
            (
                r#"{"claudeAiOauth": {"accessToken": "a", "scopes": {}}}"#,
                LoginState::Damaged(LoginDamage::BadScopes),
            ),
            (
                r#"{"claudeAiOauth": {"accessToken": "a\nb", "scopes": ["user:inference"]}}"#,
                LoginState::Damaged(LoginDamage::UnsendableToken),
            ),
            (
                r#"{"claudeAiOauth": {"accessToken": 0, "scopes": ["user:inference"]}}"#,
                LoginState::Damaged(LoginDamage::NoToken),
            ),
            (
                r#"{"claudeAiOauth": {"accessToken": "a", "expiresAt": "2100", "subscriptionType": 7, "scopes": ["user:inference"]}}"#,
                present(None, LoginRenewal::SignInAgain, None),
            ),
            (
                r#"{"claudeAiOauth": "a"}"#,
                LoginState::Damaged(LoginDamage::NoToken),
            ),
            (
                r#"{"claudeAiOauth": {"accessToken": "a", "expiresAt": 1e300, "scopes": ["user:inference"]}}"#,
                present(None, LoginRenewal::SignInAgain, None),
            ),
            (
                "{\n\"claudeAiOauth\": {\"accessTo",
                LoginState::Damaged(LoginDamage::NotJson(2)),
            ),
            ("", LoginState::Damaged(LoginDamage::NotJson(1))),
        ] {
            assert_eq!(LoginState::parse(text), state, "{text}");
        }
    }
}
