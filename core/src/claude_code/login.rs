//! Claude Code's own login, by what can be known without reading a token.

use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The login file, and what is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Login {
    /// Where it lies.
    pub path: String,
    /// What is in it.
    pub state: LoginState,
}

/// What a login file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LoginState {
    /// A login.
    Present {
        /// Until when its access token holds.
        expires_at: Option<Timestamp>,
        /// Whether Claude Code can renew it by itself.
        renewal: Renewal,
        /// The subscription it names, such as `max`.
        subscription: Option<String>,
    },
    /// A file without a login in it: other programs' tokens, or nothing.
    SignedOut,
    /// A file that Claude Code cannot use.
    Damaged(LoginDamage),
    /// A file that we may not read.
    Unreadable,
}

/// Whether a login can be renewed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Renewal {
    /// There is a refresh token.
    ByItself,
    /// There is none: when it ends, the person signs in again.
    ByThePerson,
}

/// What is wrong with a login file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoginDamage {
    /// It is not JSON from this line on (the first is 1).
    NotJson(usize),
    /// The login has no access token.
    NoToken,
    /// The time at which it ends is no time.
    BadExpiry,
    /// It was not made for asking models: the scope `user:inference` is missing.
    NoInference,
}

impl fmt::Display for LoginDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(line) => write!(f, "it is not JSON from line {line} on"),
            Self::NoToken => f.write_str("it has no access token"),
            Self::BadExpiry => f.write_str("the time at which it ends is no time"),
            Self::NoInference => f.write_str("it lacks the scope user:inference"),
        }
    }
}

impl Login {
    /// Whether its time is over at `now` and nothing but a new sign-in helps.
    pub fn is_over(&self, now: Timestamp) -> bool {
        match &self.state {
            LoginState::Present {
                expires_at: Some(end),
                renewal: Renewal::ByThePerson,
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
    /// Reads the text of a login file. No token is kept, be it for a moment.
    pub fn read(text: &str) -> Self {
        let file: File = match serde_json::from_str(text) {
            Ok(file) => file,
            Err(error) if error.is_data() => return Self::Damaged(LoginDamage::NoToken),
            Err(error) => return Self::Damaged(LoginDamage::NotJson(error.line())),
        };
        let Some(login) = file.login else {
            return Self::SignedOut;
        };
        if login.access_token != Token::There {
            return Self::Damaged(LoginDamage::NoToken);
        }
        let expires_at = match login
            .expires_at
            .map(|end| whole(end).map(Timestamp::from_millisecond))
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
                Token::There => Renewal::ByItself,
                Token::Missing => Renewal::ByThePerson,
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

/// Whether a token is there. What it is, is passed over.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Token {
    There,
    #[default]
    Missing,
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Presence)
    }
}

/// Looks at a value of any kind; only a text is a token.
struct Presence;

/// Kinds of values that are no token.
macro_rules! no_token {
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
            Token::There
        })
    }

    fn visit_unit<E>(self) -> Result<Token, E> {
        Ok(Token::Missing)
    }

    fn visit_none<E>(self) -> Result<Token, E> {
        Ok(Token::Missing)
    }

    no_token! {
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

fn whole(millis: f64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "bounded by what a timestamp can hold just before"
    )]
    (millis.is_finite() && millis.abs() < 1e17).then_some(millis as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_known_by_its_presence_its_end_and_its_damage() {
        let present = |expires_at, renewal, subscription: Option<&str>| LoginState::Present {
            expires_at,
            renewal,
            subscription: subscription.map(str::to_owned),
        };
        let end = Timestamp::from_second(1_795_200_000).ok();
        for (text, state) in [
            (
                r#"{"claudeAiOauth": {"accessToken": "a", "refreshToken": "r", "expiresAt": 1795200000000, "subscriptionType": "max", "scopes": ["user:inference"]}}"#,
                present(end, Renewal::ByItself, Some("max")),
            ),
            (
                r#"{"claudeAiOauth": {"accessToken": "a", "expiresAt": 1795200000000, "scopes": ["user:inference"]}}"#,
                present(end, Renewal::ByThePerson, None),
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
            assert_eq!(LoginState::read(text), state, "{text}");
        }
    }
}
