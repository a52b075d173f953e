//! The secret of a profile, as its user gave it, and the rules for storing it.
//!
//! Invariant: a secret that no lease would ever send is not stored.

use jiff::Timestamp;
use keyreeve_core::api::Api;
use keyreeve_core::inject;
use keyreeve_core::profile::Source;
use keyreeve_core::secret::Secret;
use keyreeve_core::token::{Family, SETUP_TOKEN_LIFETIME, SetupToken, TokenReport};
use keyreeve_os::system::now;

use super::AdminError;

/// The secret of a profile, as its user gave it.
pub enum NewSecret {
    /// A pasted credential, to be stored.
    Pasted(TokenReport),
    /// A setup-token of the user's own plan, to be stored with the user's consent.
    SetupToken {
        /// The token.
        token: SetupToken,
        /// The time it was created; `None` for now.
        made_at: Option<Timestamp>,
    },
    /// A reference, read whenever it is used.
    Reference(Source),
}

/// A secret to store, and its properties.
pub(super) struct StoredSecret {
    pub(super) secret: Secret,
    pub(super) family: Family,
    pub(super) hint: String,
    pub(super) expires_at: Option<Timestamp>,
}

/// Checks a secret to be stored for an API; returns `None` for a reference.
pub(super) fn check_secret(
    secret: NewSecret,
    api: Api,
) -> Result<Option<StoredSecret>, AdminError> {
    Ok(Some(match secret {
        NewSecret::Reference(_) => return Ok(None),
        NewSecret::Pasted(TokenReport {
            token: Some(secret),
            hint: Some(hint),
            family,
            ..
        }) => {
            check_sent(api, family)?;
            StoredSecret {
                secret,
                family,
                hint,
                expires_at: None,
            }
        }
        NewSecret::Pasted(report) => return Err(AdminError::NotACredential(report.problems)),
        NewSecret::SetupToken { token, made_at } => {
            let expires_at = made_at
                .unwrap_or_else(now)
                .checked_add(SETUP_TOKEN_LIFETIME)
                .map_err(AdminError::MadeOutOfRange)?;
            StoredSecret {
                secret: token.secret,
                family: Family::OauthAccess,
                hint: token.hint,
                expires_at: Some(expires_at),
            }
        }
    }))
}

/// Refuses a credential that no lease would ever send.
fn check_sent(api: Api, family: Family) -> Result<(), AdminError> {
    let upstream = api.upstream_kind(api.default_auth());
    let provenance = api.provenance(&Source::Sealed, family);
    match inject::decide(upstream, family, provenance) {
        Ok(_) => Ok(()),
        Err(error) => Err(AdminError::NeverSent(error)),
    }
}
