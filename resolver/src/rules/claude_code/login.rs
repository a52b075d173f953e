//! Claude Code's own login, as far as it can be known without reading a token.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

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
    /// Its expiry is not a valid time.
    BadExpiry,
    /// It cannot call models: the scope `user:inference` is missing.
    NoInference,
}

impl fmt::Display for LoginDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(line) => write!(f, "it is not valid JSON from line {line} on"),
            Self::NoToken => f.write_str("it has no access token"),
            Self::BadExpiry => f.write_str("its expiry is not a valid time"),
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
        let file: File = match serde_json::from_str(text) {
            Ok(file) => file,
            Err(error) if error.is_data() => return Self::Damaged(LoginDamage::NoToken),
            Err(error) => return Self::Damaged(LoginDamage::NotJson(error.line())),
        };
        let Some(login) = file.login else {
            return Self::SignedOut;
        };
        if login.access_token != Token::Present {
            return Self::Damaged(LoginDamage::NoToken);
        }
        let expires_at = match login
            .expires_at
            .map(|end| whole_millis(end).map(Timestamp::from_millisecond))
        {
            None => None,
            Some(Some(Ok(end))) => Some(end),
            Some(Some(Err(_)) | None) => return Self::Damaged(LoginDamage::BadExpiry),
        };
        if !login.scopes.iter().any(|scope| scope == "user:inference") {
            return Self::Damaged(LoginDamage::NoInference);
        }
        Self::Present {
            expires_at,
            renewal: match login.refresh_token {
                Token::Present => LoginRenewal::Automatic,
                Token::Missing => LoginRenewal::SignInAgain,
            },
            subscription: login.subscription,
        }
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "claudeAiOauth")]
    login: Option<Fields>,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "accessToken", default)]
    access_token: Token,
    #[serde(rename = "refreshToken", default)]
    refresh_token: Token,
    /// Milliseconds since 1970.
    #[serde(rename = "expiresAt")]
    expires_at: Option<f64>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(rename = "subscriptionType")]
    subscription: Option<String>,
}

/// The presence of a token. Its value is skipped.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Token {
    Present,
    #[default]
    Missing,
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Presence)
    }
}

/// Visits a value of any kind; only a non-empty string is a token.
struct Presence;

/// Implements the visitor methods for values that are not a token.
macro_rules! not_a_token {
    ($($visit:ident: $value:ty,)*) => {
        $(fn $visit<E>(self, _: $value) -> Result<Token, E> {
            Ok(Token::Missing)
        })*
    };
}

impl<'de> Visitor<'de> for Presence {
    type Value = Token;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token")
    }

    fn visit_str<E>(self, token: &str) -> Result<Token, E> {
        Ok(if token.trim().is_empty() {
            Token::Missing
        } else {
            Token::Present
        })
    }

    fn visit_unit<E>(self) -> Result<Token, E> {
        Ok(Token::Missing)
    }

    not_a_token! {
        visit_bool: bool,
        visit_f64: f64,
        visit_i64: i64,
        visit_u64: u64,
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Token, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Token::Missing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Token, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Token::Missing)
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

    #[test]
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
                r#"{"claudeAiOauth": {"accessToken": " "}}"#,
                LoginState::Damaged(LoginDamage::NoToken),
            ),
            (
                r#"{"claudeAiOauth": {"accessToken": {"a": 1}}}"#,
                LoginState::Damaged(LoginDamage::NoToken),
            ),
            (
                r#"{"claudeAiOauth": "a"}"#,
                LoginState::Damaged(LoginDamage::NoToken),
            ),
            (
                r#"{"claudeAiOauth": {"accessToken": "a", "expiresAt": 1e300}}"#,
                LoginState::Damaged(LoginDamage::BadExpiry),
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
