//! A credential bound to its origin: the secret, its family and provenance, and the one base URL it may be sent to.
//!
//! Invariant: the secret is exposed only for the origin it is bound to. A request built for another origin (a changed
//! base URL, a redirect, a URL inside a response) gets an error instead of the secret.

use crate::origin::{BaseUrl, Origin};
use crate::profile::Provenance;
use crate::secret::{Fingerprint, Secret, Sink};
use crate::token::Family;

/// A secret bound to the origin it was entered for. It has no `Debug` and no `Clone`, as the secret has none.
///
/// Tools that stored token and host separately have sent tokens to hosts chosen by an attacker; here the two cannot be
/// separated. The broker builds a credential for one lease and drops it with the lease.
pub struct Credential {
    secret: Secret,
    family: Family,
    provenance: Provenance,
    base_url: BaseUrl,
}

/// A credential was requested for an origin it is not bound to.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this credential is bound to {bound_to} and is not sent to {requested}")]
pub struct WrongOriginError {
    bound_to: Origin,
    requested: Origin,
}

impl Credential {
    /// Binds a secret to the base URL of its profile.
    pub fn new(secret: Secret, family: Family, provenance: Provenance, base_url: BaseUrl) -> Self {
        Self {
            secret,
            family,
            provenance,
            base_url,
        }
    }

    /// Returns the token family.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Returns the provenance.
    pub fn provenance(&self) -> Provenance {
        self.provenance
    }

    /// Returns the base URL it is bound to.
    pub fn base_url(&self) -> &BaseUrl {
        &self.base_url
    }

    /// Returns the fingerprint that identifies the secret without revealing it.
    pub fn fingerprint(&self) -> Fingerprint {
        self.secret.fingerprint()
    }

    /// Exposes the secret for a header of a request to this origin.
    ///
    /// # Errors
    /// [`WrongOriginError`] unless scheme, host and port are exactly those it is bound to.
    pub fn expose_for(&self, origin: &Origin) -> Result<&str, WrongOriginError> {
        let bound_to = self.base_url.origin();
        if bound_to == origin {
            Ok(self.secret.expose_for(Sink::Origin(origin)))
        } else {
            Err(WrongOriginError {
                bound_to: bound_to.clone(),
                requested: origin.clone(),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::PlainHttp;

    fn url(text: &str) -> BaseUrl {
        BaseUrl::parse(text, PlainHttp::LoopbackOnly).unwrap()
    }

    #[test]
    fn secret_is_exposed_only_for_its_own_origin() {
        let secret = Secret::new("token".to_owned());
        let base_url = url("https://gateway.example/anthropic");
        let credential = Credential::new(secret, Family::Opaque, Provenance::Gateway, base_url);
        for (target, expected) in [
            ("https://gateway.example", Some("token")),
            ("https://GATEWAY.example:443/other", Some("token")),
            ("https://gateway.example:8443", None),
            ("https://gateway.example.evil.test", None),
            ("https://api.anthropic.com", None),
            ("http://127.0.0.1:8080", None),
        ] {
            let exposed = credential.expose_for(url(target).origin());
            assert_eq!(exposed.as_deref().ok(), expected, "{target}");
        }
    }
}
