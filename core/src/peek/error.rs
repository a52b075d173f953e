//! The reasons for which a request body is refused.

use super::MAX_DEPTH;

/// A request body that is refused with status 400. Of several reasons, the first in the order of the bytes is reported,
/// however the body was cut into pieces.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BodyError {
    /// It is not UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// Objects and arrays are nested deeper than [`MAX_DEPTH`].
    #[error("the body is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// It is not a JSON object, or something follows the object.
    #[error("the body is not one JSON object")]
    NotAnObject(#[source] SyntaxError),
    /// A relevant key appears twice.
    #[error("{0} appears twice")]
    DuplicateKey(&'static str),
    /// A key differs from a relevant one only in case, and some parsers read it as that one.
    #[error("{sent} may be read as {field}: rename or remove it")]
    CaseVariant {
        /// The key, which consists of the letters of the field's name.
        sent: String,
        /// The relevant key.
        field: &'static str,
    },
    /// A field has the wrong type.
    #[error("{field} must be {expected}")]
    Field {
        /// Its name.
        field: &'static str,
        /// The required type.
        expected: &'static str,
    },
    /// It names more models than any request needs.
    #[error("the body names more than {} models", super::MAX_OTHER_MODELS)]
    TooManyModels,
}

/// The place where a body stops being one JSON object.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SyntaxError {
    /// This byte cannot be there, counted from zero.
    #[error("unexpected byte at offset {0}")]
    Byte(u64),
    /// The body ends inside the object, or before it.
    #[error("unexpected end")]
    End,
}
