//! Request classes: the requests that share a limit.
//!
//! Invariant: a class is 1 to 128 characters from `a-z A-Z 0-9 . _ -`.

use std::fmt;
use std::str::FromStr;

/// Requests that share a limit: a model family in one major version, or a kind of request that is not a message.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RequestClass(String);

const FAMILIES: [&str; 3] = ["opus", "sonnet", "haiku"];

impl RequestClass {
    /// Returns the class of a model, `opus-5` for `claude-opus-5-5`, else the whole name; `None` if it is not a model
    /// name.
    pub fn from_model(model: &str) -> Option<Self> {
        let model = model.to_ascii_lowercase();
        let mut parts = model.split(['-', '.', '@', ':', '/']);
        let family = FAMILIES
            .iter()
            .find(|family| parts.clone().any(|part| part == **family));
        let is_version = |part: &&str| part.len() <= 2 && part.bytes().all(|c| c.is_ascii_digit());
        let version = parts.find(|part| !part.is_empty() && is_version(part));
        let class = match (family, version) {
            (Some(family), Some(version)) => format!("{family}-{version}"),
            (Some(family), None) => (*family).to_owned(),
            (None, _) => model,
        };
        class.parse().ok()
    }

    /// Returns the class of all requests that count tokens.
    pub fn count_tokens() -> Self {
        Self("count_tokens".to_owned())
    }

    /// Returns the class of all requests that list models.
    pub fn models() -> Self {
        Self("models".to_owned())
    }

    pub(crate) fn is_message(&self) -> bool {
        *self != Self::count_tokens() && *self != Self::models()
    }
}

impl fmt::Display for RequestClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RequestClass {
    type Err = IdentifierError;

    fn from_str(text: &str) -> Result<Self, IdentifierError> {
        check_identifier(text)?;
        Ok(Self(text.to_owned()))
    }
}

/// Checks an organization id or a request class.
pub(crate) fn check_identifier(text: &str) -> Result<(), IdentifierError> {
    let is_allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    if (1..=128).contains(&text.len()) && text.bytes().all(is_allowed) {
        Ok(())
    } else {
        Err(IdentifierError)
    }
}

/// An invalid organization id or request class.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("must be 1 to 128 characters from a-z A-Z 0-9 . _ -")]
pub struct IdentifierError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_of_one_family_and_major_version_share_a_class() {
        for (model, class) in [
            ("claude-opus-5-5", Some("opus-5")),
            ("claude-opus-5-1-20260805", Some("opus-5")),
            ("claude-opus-4-1", Some("opus-4")),
            ("claude-3-5-haiku-20241022", Some("haiku-3")),
            (
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
                Some("sonnet-4"),
            ),
            ("Claude-Haiku-5-5", Some("haiku-5")),
            ("claude-sonnet-latest", Some("sonnet")),
            ("gpt-6", Some("gpt-6")),
            ("", None),
            ("a b", None),
        ] {
            let found = RequestClass::from_model(model).map(|class| class.to_string());
            assert_eq!(found.as_deref(), class, "{model}");
        }
    }
}
