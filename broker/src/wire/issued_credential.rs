//! A key issued to a program, as `credential` publishes it.

use jiff::Timestamp;
use serde::Serialize;

/// An issued key without the token itself, which is added where it is printed.
#[derive(Debug, Serialize)]
pub struct CredentialView {
    /// `virtual-key`, accepted by the gateway only, or `credential`, the profile's raw key.
    pub kind: &'static str,
    /// The only base URL it may be sent to; `/v1/…` follows it.
    pub base_url: String,
    /// Expiry; null if unknown.
    pub expires_at: Option<String>,
    /// Expiry in seconds since 1970, as the SDKs expect it (docs/facts.md#clients).
    pub expires_at_unix: Option<i64>,
}

impl CredentialView {
    /// Creates the view of an issued key.
    pub fn new(kind: &'static str, base_url: &str, expires_at: Option<Timestamp>) -> Self {
        Self {
            kind,
            base_url: base_url.to_owned(),
            expires_at: expires_at.map(|at| at.to_string()),
            expires_at_unix: expires_at.map(Timestamp::as_second),
        }
    }
}
