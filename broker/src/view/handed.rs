//! A key that a program was handed, as `credential` tells it.

use jiff::Timestamp;
use serde::Serialize;

/// All but the token itself, which is put beside it where it is printed.
#[derive(Debug, Serialize)]
pub struct CredentialView {
    /// `virtual-key`: it opens the gateway alone; `credential`: it is the profile's own.
    pub kind: &'static str,
    /// The one place it may be sent; `/v1/…` comes after it.
    pub base_url: String,
    /// When it ends; none where that is not known.
    pub expires_at: Option<String>,
    /// The same in seconds since 1970, as the SDKs want it (docs/facts.md#clients).
    pub expires_at_unix: Option<i64>,
}

impl CredentialView {
    /// Tells where a key leads and when it ends.
    pub fn of(kind: &'static str, base_url: &str, expires_at: Option<Timestamp>) -> Self {
        Self {
            kind,
            base_url: base_url.to_owned(),
            expires_at: expires_at.map(|at| at.to_string()),
            expires_at_unix: expires_at.map(Timestamp::as_second),
        }
    }
}
