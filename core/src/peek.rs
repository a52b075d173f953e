//! Reads the few fields of a request body that decisions depend on, without building a tree.
//!
//! Invariants: the fields are read as the upstream will read them, since the bytes are forwarded unchanged. So a body
//! that two parsers could read differently is refused: a duplicate key among these fields (in any spelling), text that
//! is not UTF-8, anything after the object, nesting beyond [`MAX_DEPTH`].

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json_members::{MembersError, pick_members};

/// Maximum nesting of objects and arrays.
pub const MAX_DEPTH: usize = 128;

/// The relevant fields of a request body. A field that is absent or null is `None`.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Peek {
    /// The requested model.
    pub model: Option<String>,
    /// `true` if the response is to be streamed.
    pub stream: bool,
    /// The maximum number of output tokens.
    pub max_tokens: Option<u64>,
    /// `metadata.user_id`: the client's own identifier of its users.
    pub user_id: Option<String>,
}

/// A request body that is refused with status 400.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is not UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// Objects and arrays are nested deeper than [`MAX_DEPTH`].
    #[error("the body is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// It is not a JSON object, or something follows the object.
    #[error("the body is not one JSON object")]
    NotAnObject(#[source] serde_json::Error),
    /// A relevant key appears twice.
    #[error("{0} appears twice")]
    DuplicateKey(&'static str),
    /// A field has the wrong type.
    #[error("{field} must be {expected}")]
    Field {
        /// Its name.
        field: &'static str,
        /// The required type.
        expected: &'static str,
    },
}

impl From<MembersError> for BodyError {
    fn from(error: MembersError) -> Self {
        match error {
            MembersError::NotAnObject(error) => Self::NotAnObject(error),
            MembersError::Duplicate(name) => Self::DuplicateKey(name),
        }
    }
}

/// Reads a whole request body.
///
/// ```
/// let fields = keyreeve_core::peek::peek(br#"{"model": "claude-haiku-5-5", "stream": true}"#)?;
/// assert_eq!(fields.model.as_deref(), Some("claude-haiku-5-5"));
/// assert!(fields.stream);
/// # Ok::<_, keyreeve_core::peek::BodyError>(())
/// ```
///
/// # Errors
/// [`BodyError`] if the body cannot be parsed, or could be parsed in two ways.
pub fn peek(body: &[u8]) -> Result<Peek, BodyError> {
    let text = std::str::from_utf8(body).map_err(|_| BodyError::NotUtf8)?;
    if is_deeper_than(MAX_DEPTH, body) {
        return Err(BodyError::TooDeep);
    }
    let [model, stream, max_tokens, metadata] =
        pick_members(text, ["model", "stream", "max_tokens", "metadata"])?;
    Ok(Peek {
        model: read(model, "model", "a string")?,
        stream: read(stream, "stream", "true or false")?.unwrap_or(false),
        max_tokens: read(max_tokens, "max_tokens", "a whole number")?,
        user_id: metadata.and_then(user_id),
    })
}

/// Reads `user_id` from the metadata. No decision depends on it, so an invalid one is left to the API.
fn user_id(metadata: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Metadata {
        user_id: Option<String>,
    }
    let metadata: Metadata = serde_json::from_str(metadata.get()).ok()?;
    metadata.user_id
}

fn read<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
    field: &'static str,
    expected: &'static str,
) -> Result<Option<T>, BodyError> {
    let Some(raw) = raw else { return Ok(None) };
    serde_json::from_str(raw.get()).map_err(|_| BodyError::Field { field, expected })
}

/// Returns `true` if brackets outside strings are nested deeper than `max_depth`. The JSON parser itself does not count
/// the depth of skipped values; it decides about bytes that are not JSON.
fn is_deeper_than(max_depth: usize, json: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            // An escaped character does not end the string.
            b'\\' if in_string => {
                bytes.next();
            }
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > max_depth {
            return true;
        }
    }
    false
}
