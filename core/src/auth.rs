//! The header that carries a credential.

/// The header that carries a credential to its origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Auth {
    /// `x-api-key: …`
    ApiKey,
    /// `Authorization: Bearer …`
    Bearer,
}
