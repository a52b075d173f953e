//! The header that carries a leased credential to its origin.
//!
//! Invariant: it is marked as sensitive, so that no HTTP log shows it.

use http::{HeaderName, HeaderValue, header};
use keyreeve_core::credential::Credential;
use keyreeve_core::profile::Auth;
use zeroize::Zeroizing;

use crate::Lease;

/// The reason a credential cannot become a header value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeaderValueError {
    /// The credential contains a character that is not allowed in a header value.
    #[error("the credential contains a character that is not allowed in an HTTP header")]
    InvalidCharacter,
    /// The credential is bound to an origin other than the profile's.
    #[error("the credential is bound to an origin other than the profile's")]
    WrongOrigin,
}

impl Lease {
    /// Creates the credential header of the lease's request.
    ///
    /// # Errors
    /// [`HeaderValueError`].
    pub fn header(
        &self,
        credential: &Credential,
    ) -> Result<(HeaderName, HeaderValue), HeaderValueError> {
        let origin = self.profile.base_url.origin();
        let secret = credential
            .expose_for(origin)
            .map_err(|_| HeaderValueError::WrongOrigin)?;
        let (name, value) = match self.injection.auth {
            Auth::ApiKey => (
                HeaderName::from_static("x-api-key"),
                HeaderValue::from_str(secret),
            ),
            Auth::Bearer => {
                let value = Zeroizing::new(format!("Bearer {secret}"));
                (header::AUTHORIZATION, HeaderValue::from_str(&value))
            }
        };
        let mut value = value.map_err(|_| HeaderValueError::InvalidCharacter)?;
        value.set_sensitive(true);
        Ok((name, value))
    }
}
