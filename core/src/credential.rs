//! A credential on its way to its origin: the secret, what it is, and the one place it may go.
//!
//! Invariant: the secret comes out only for the origin it is bound to. A request that was built for another place (a
//! changed base URL, a redirect, a URL inside an answer) gets an error instead of the secret.

use crate::origin::{BaseUrl, Origin};
use crate::profile::Provenance;
use crate::secret::{Fingerprint, Secret, Sink};
use crate::token::Family;

/// A secret bound to the origin it was entered for. It has no `Debug` and no `Clone`, as the secret has none.
///
/// Tools that kept token and host apart have sent tokens to hosts of an attacker's choice; here the two cannot be
/// taken apart. The broker builds it for one lease and drops it with that.
pub struct Credential {
    secret: Secret,
    family: Family,
    provenance: Provenance,
    base_url: BaseUrl,
}

/// A credential was asked for by another origin than its own.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this credential belongs to {own} and is not sent to {other}")]
pub struct WrongOrigin {
    /// Where it belongs.
    pub own: Origin,
    /// Who asked.
    pub other: Origin,
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

    /// What its prefix says.
    pub fn family(&self) -> Family {
        self.family
    }

    /// How it came to be.
    pub fn provenance(&self) -> Provenance {
        self.provenance
    }

    /// Where it may go.
    pub fn base_url(&self) -> &BaseUrl {
        &self.base_url
    }

    /// Gives the mark by which two sightings of it can be recognised.
    pub fn fingerprint(&self) -> Fingerprint {
        self.secret.fingerprint()
    }

    /// Hands out the secret for a header of a request to this origin.
    ///
    /// # Errors
    /// [`WrongOrigin`] for every origin but its own, to the letter: scheme, host and port.
    pub fn expose_for(&self, origin: &Origin) -> Result<&str, WrongOrigin> {
        let own = self.base_url.origin();
        if own == origin {
            Ok(self.secret.expose_for(Sink::Origin(origin)))
        } else {
            Err(WrongOrigin {
                own: own.clone(),
                other: origin.clone(),
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
    fn the_secret_comes_out_for_its_own_origin_alone() {
        let secret = Secret::new("token".to_owned());
        let own = url("https://gateway.example/anthropic");
        let credential = Credential::new(secret, Family::Opaque, Provenance::Gateway, own);
        for (place, expected) in [
            ("https://gateway.example", Some("token")),
            ("https://GATEWAY.example:443/other", Some("token")),
            ("https://gateway.example:8443", None),
            ("https://gateway.example.evil.test", None),
            ("https://api.anthropic.com", None),
            ("http://127.0.0.1:8080", None),
        ] {
            let exposed = credential.expose_for(url(place).origin());
            assert_eq!(exposed.as_deref().ok(), expected, "{place}");
        }
    }
}
