//! The tokens of a drawn world, each with the place where it is planted and an end of its own, so that both a received
//! header and keyreeve's masked hint identify it.

use serde_json::Value;

use super::grammar;
use crate::conformance::token;

/// Length of a token after its prefix.
const BODY_LENGTH: usize = 95;
/// Length of a token's own end, as keyreeve displays it.
const END_LENGTH: usize = 4;

/// A value in the client's configuration that may be sent.
#[derive(Clone, Debug)]
pub(super) struct PlantedValue {
    /// Place and name, for people.
    pub(super) name: String,
    /// The variable, or the path of the field.
    pub(super) key: String,
    /// The file, as the client finds it.
    pub(super) file: Option<String>,
    /// The tokens that identify it, including those that the client gets in exchange.
    pub(super) tokens: Vec<String>,
    /// The complete value as JavaScript converts it to a text, without surrounding spaces.
    pub(super) text: String,
    /// `true` for a helper that prints no usable token.
    pub(super) is_broken_helper: bool,
}

/// Returns the prefix of a family's tokens.
pub(super) fn prefix(family: &str) -> String {
    match family {
        "opaque" => "gw-".to_owned(),
        family => format!("sk-ant-{family}-"),
    }
}

/// Returns the family of the tokens of a variable or field.
pub(super) fn family(key: &str) -> &'static str {
    let key = key.strip_prefix("env.").unwrap_or(key);
    let known = grammar::FAMILIES.iter().find(|(name, _)| *name == key);
    known.map_or("opaque", |(_, family)| family)
}

/// Returns the token of a family for a place.
pub(super) fn drawn_token(family: &str, place: &str) -> String {
    let sanitize = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let place: String = place.chars().map(sanitize).collect();
    let padding = "A".repeat(BODY_LENGTH.saturating_sub(place.len() + END_LENGTH));
    format!("{}{place}{padding}{}", prefix(family), end(family, &place))
}

/// Returns the form of a token in recorded runs, which pad the part in braces.
pub(super) fn recorded_form(token: &str) -> String {
    let (start, end) = token.split_at(token.len().saturating_sub(END_LENGTH));
    format!("{{{{{}}}}}{end}", start.trim_end_matches('A'))
}

fn end(family: &str, place: &str) -> String {
    const DIGITS: &[u8] = b"bcdefghijkmnpqrstuvwxyz23456789";
    let hash = blake3::hash(format!("{family} {place}").as_bytes());
    let digit = |byte: &u8| char::from(DIGITS[usize::from(*byte) % DIGITS.len()]);
    hash.as_bytes()[..END_LENGTH].iter().map(digit).collect()
}

/// Converts a JSON value to a text as JavaScript does.
pub(super) fn javascript_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items
            .iter()
            .map(javascript_text)
            .collect::<Vec<_>>()
            .join(","),
        Value::Object(_) => "[object Object]".to_owned(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

impl PlantedValue {
    /// Returns `true` if a received value, without its scheme, is this one.
    pub(super) fn is_in(&self, received: &str) -> bool {
        self.tokens
            .iter()
            .any(|token| received.contains(token.as_str()))
            || (!self.text.is_empty() && self.text == received)
    }

    /// Returns `true` if keyreeve's masked hint ends as this value or one of its tokens does.
    pub(super) fn has_hint(&self, hint: &str) -> bool {
        let Some((_, end)) = hint.rsplit_once('…') else {
            return false;
        };
        let ends = |text: &str| end.chars().count() == END_LENGTH && text.ends_with(end);
        ends(&self.text) || self.tokens.iter().any(|token| ends(token))
    }
}

/// Returns the token that the client gets in exchange for the identity token of every world.
pub(super) fn exchanged_identity() -> String {
    token::access_token("federation")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{drawn_token, javascript_text, recorded_form};

    #[test]
    fn tokens_differ_in_their_ends() {
        let [one, other] = ["user", "project"].map(|place| drawn_token("api03", place));
        assert_eq!(one.len(), other.len());
        assert_ne!(one[one.len() - 4..], other[other.len() - 4..]);
        let recorded = recorded_form(&one);
        assert!(recorded.starts_with("{{sk-ant-api03-user}}") && one.ends_with(&recorded[21..]));
    }

    #[test]
    fn values_convert_as_in_javascript() {
        for (value, text) in [
            (json!(7), "7"),
            (json!(null), "null"),
            (json!(["a", "b"]), "a,b"),
            (json!({}), "[object Object]"),
        ] {
            assert_eq!(javascript_text(&value), text);
        }
    }
}
