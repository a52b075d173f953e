//! The header that carries a leased credential to its origin.
//!
//! Invariant: it is marked as sensitive, so that no log of HTTP's shows it.

use http::{HeaderName, HeaderValue, header};
use keyreeve_core::credential::Credential;
use keyreeve_core::profile::Auth;
use zeroize::Zeroizing;

use crate::Lease;

/// The credential has a character that no header takes, or belongs to another origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the credential cannot be sent: it has a character that no header takes")]
pub struct Unsendable;

impl Lease {
    /// Makes the one header that the lease's request goes out with.
    ///
    /// # Errors
    /// [`Unsendable`].
    pub fn header(&self, credential: &Credential) -> Result<(HeaderName, HeaderValue), Unsendable> {
        let origin = self.profile.base_url.origin();
        let secret = credential.expose_for(origin).map_err(|_| Unsendable)?;
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
        let mut value = value.map_err(|_| Unsendable)?;
        value.set_sensitive(true);
        Ok((name, value))
    }
}
