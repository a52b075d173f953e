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

/// Encodes bytes as Base64.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = DIGITS[(bits >> shift & 0x3f) as usize];
            text.push(if at > group.len() {
                '='
            } else {
                char::from(digit)
            });
        }
    }
    text
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
            // Python writes `True` where JavaScript writes `true`.
            || (!self.text.is_empty() && self.text.eq_ignore_ascii_case(received))
    }

    /// Returns `true` if this address has the user name and password that a request contains in Base64.
    pub(super) fn has_user_info(&self, encoded: &str) -> bool {
        let after = self.text.split_once("//").map_or("", |(_, after)| after);
        let Some((user, _)) = after.split_once('@') else {
            return false;
        };
        let user = if user.contains(':') {
            user.to_owned()
        } else {
            format!("{user}:")
        };
        base64(user.as_bytes()) == encoded
    }

    /// Returns `true` if this value, damaged, may be sent in exchange for a token.
    pub(super) fn may_be_exchanged(&self) -> bool {
        let is_config = |file: &String| file.contains("/configs/");
        self.key.contains("IDENTITY")
            || self.name.starts_with("identity:")
            || self.file.as_ref().is_some_and(is_config)
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

    use super::{base64, drawn_token, javascript_text, recorded_form};

    #[test]
    fn bytes_are_encoded_with_padding() {
        for (text, encoded) in [
            ("user:word", "dXNlcjp3b3Jk"),
            ("user:", "dXNlcjo="),
            ("", ""),
        ] {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
    }

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
