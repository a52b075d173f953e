//! Reads the few fields of a request body that decisions depend on, in one pass and without building a tree.
//!
//! Invariants: the fields are read as the upstream will read them, since the bytes are forwarded unchanged. So a body
//! that two parsers could read differently is refused: a relevant key that appears twice or in another case (in any
//! spelling), text that is not UTF-8, anything that is not the grammar of RFC 8259, anything after the object, nesting
//! beyond [`MAX_DEPTH`]. Values that are skipped are checked as well, with two exceptions: numbers may have any size,
//! and half of a surrogate pair may be alone. The result does not depend on how the body is cut into pieces.

mod block;
mod containers;
mod error;
mod escape;
mod literal;
mod members;
mod number;
mod scanner;
mod skip;
mod text;

pub use error::{BodyError, SyntaxError};
pub use scanner::Scanner;

/// Maximum nesting of objects and arrays.
pub const MAX_DEPTH: usize = 128;

/// Maximum number of models other than the requested one. Each is compared with those a key may use.
pub const MAX_OTHER_MODELS: usize = 64;

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
    /// Models named elsewhere, each once: by tools (an advisor), as fallbacks, in lists.
    pub other_models: Vec<String>,
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
    let mut scanner = Scanner::new();
    scanner.push(body)?;
    scanner.finish()
}
