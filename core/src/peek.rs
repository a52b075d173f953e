//! Looks into a request body for the few fields that decide, without building a tree.
//!
//! Invariants: what is read here is what the upstream will read, since the bytes go on unchanged. So a body that two
//! parsers could read in two ways is refused: a deciding key given twice (however it is spelled), text that is not
//! UTF-8, anything after the object, nesting beyond [`DEEPEST`].

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep objects and arrays may be nested.
pub const DEEPEST: usize = 128;

/// What a request body says about itself. A field that is absent or null is none.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Peek {
    /// The model asked for.
    pub model: Option<String>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// The most tokens the answer may have.
    pub max_tokens: Option<u64>,
    /// `metadata.user_id`: whatever the client tells its users apart by.
    pub user_id: Option<String>,
}

/// Why a body was refused. The client's answer is a 400.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The bytes are no text.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// Objects and arrays are nested deeper than [`DEEPEST`].
    #[error("the body is nested deeper than {DEEPEST} levels")]
    TooDeep,
    /// It is no JSON object, or something follows it.
    #[error("the body is not one JSON object")]
    NotAnObject(#[source] serde_json::Error),
    /// A key that decides stands there twice.
    #[error("{0} is given twice")]
    Twice(&'static str),
    /// A field has another type than it must.
    #[error("{field} is not {wanted}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
}

/// Reads a whole request body.
///
/// ```
/// let seen = keyreeve_core::peek::peek(br#"{"model": "claude-haiku-5-5", "stream": true}"#)?;
/// assert_eq!(seen.model.as_deref(), Some("claude-haiku-5-5"));
/// assert!(seen.stream);
/// # Ok::<_, keyreeve_core::peek::Unreadable>(())
/// ```
///
/// # Errors
/// When the body cannot be read, or could be read in two ways: see [`Unreadable`].
pub fn peek(body: &[u8]) -> Result<Peek, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable::NotUtf8)?;
    if is_deeper_than(DEEPEST, body) {
        return Err(Unreadable::TooDeep);
    }
    let fields: Fields<'_> = serde_json::from_str(text).map_err(Unreadable::NotAnObject)?;
    if let Some(key) = fields.twice {
        return Err(Unreadable::Twice(key));
    }
    Ok(Peek {
        model: read(fields.model, "model", "a string")?,
        stream: read(fields.stream, "stream", "true or false")?.unwrap_or(false),
        max_tokens: read(fields.max_tokens, "max_tokens", "a whole number")?,
        user_id: fields.metadata.and_then(user_id),
    })
}

/// The deciding fields as they are written.
#[derive(Default)]
struct Fields<'a> {
    model: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    max_tokens: Option<&'a RawValue>,
    metadata: Option<&'a RawValue>,
    /// The first of them that came a second time.
    twice: Option<&'static str>,
}

/// `user_id` of the metadata. Nothing is decided by it, so that an odd one is left for the API to judge.
fn user_id(metadata: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Metadata {
        user_id: Option<String>,
    }
    let metadata: Metadata = serde_json::from_str(metadata.get()).ok()?;
    metadata.user_id
}

/// A key, its escapes resolved.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Model,
    Stream,
    MaxTokens,
    Metadata,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = map.next_key()? {
            let (place, name) = match key {
                Key::Model => (&mut fields.model, "model"),
                Key::Stream => (&mut fields.stream, "stream"),
                Key::MaxTokens => (&mut fields.max_tokens, "max_tokens"),
                Key::Metadata => (&mut fields.metadata, "metadata"),
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if place.replace(map.next_value()?).is_some() {
                fields.twice.get_or_insert(name);
            }
        }
        Ok(fields)
    }
}

fn read<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
    field: &'static str,
    wanted: &'static str,
) -> Result<Option<T>, Unreadable> {
    let Some(raw) = raw else { return Ok(None) };
    serde_json::from_str(raw.get()).map_err(|_| Unreadable::Field { field, wanted })
}

/// Counts brackets outside strings. The parser itself skips what nobody asked for without counting its depth; on
/// bytes that are no JSON the parser has the last word.
fn is_deeper_than(deepest: usize, json: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            // What follows a backslash ends no string.
            b'\\' if in_string => {
                bytes.next();
            }
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > deepest {
            return true;
        }
    }
    false
}
