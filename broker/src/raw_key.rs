//! The secret of a profile, for a program: the raw key for one of the user's own, the token of a plan login for the
//! official `claude`, started by its owner.
//!
//! Invariants: only a profile marked for it exposes its key; a plan login never does, whatever its mark. Its token
//! leaves the store only here; a lease never uses it.

use std::sync::Arc;

use keyreeve_core::credential::Credential;
use keyreeve_core::inject::{self, InjectError};
use keyreeve_core::profile::{Profile, SecretExposure};
use keyreeve_core::token::Family;

use crate::Broker;
use crate::sources::{self, SourceError};

/// Error for a raw key that is not given to a program.
#[derive(Debug, thiserror::Error)]
pub enum RawKeyError {
    /// The profile is not marked for it: its key is used in requests only.
    #[error("profile `{profile}` does not allow its raw key to be given to programs")]
    NotExposed {
        /// The profile's name.
        profile: String,
    },
    /// A plan login is used only by Claude Code itself (docs/facts.md#terms).
    #[error("profile `{profile}` is a plan login, which only Claude Code may use")]
    PlanLogin {
        /// The profile's name.
        profile: String,
    },
    /// A response showed the profile to be a plan login (`docs/responses/plan_behind_key.md`).
    #[error(
        "responses show that profile `{profile}` is a plan login, which only Claude Code may use"
    )]
    PlanDetected {
        /// The profile's name.
        profile: String,
    },
    /// The secret cannot be obtained.
    #[error("cannot obtain the secret of profile `{profile}`")]
    Source {
        /// The profile's name.
        profile: String,
        /// The cause.
        #[source]
        source: SourceError,
    },
    /// The secret, whose kind is known only now, may not be sent to the profile's origin.
    #[error("the credential of profile `{profile}` is not allowed here")]
    NotAllowed {
        /// The profile's name.
        profile: String,
        /// The rule.
        #[source]
        source: InjectError,
    },
}

impl Broker {
    /// Fetches the secret of a profile for a program that its owner starts, bound to its origin. The caller has verified
    /// the program that receives it (docs/facts.md#terms).
    ///
    /// # Errors
    /// See [`RawKeyError`].
    pub async fn program_secret(
        self: &Arc<Self>,
        profile: &Profile,
    ) -> Result<Credential, RawKeyError> {
        let credential = if profile.is_plan_login() {
            self.plan_token(profile).await?
        } else {
            self.raw_key(profile).await?
        };
        check_allowed(profile, &credential)?;
        Ok(credential)
    }

    /// Fetches the secret of a profile that is marked [`SecretExposure::Programs`], bound to its origin.
    ///
    /// # Errors
    /// See [`RawKeyError`].
    pub async fn raw_key(self: &Arc<Self>, profile: &Profile) -> Result<Credential, RawKeyError> {
        let name = profile.name.to_string();
        if profile.is_plan_login() {
            return Err(RawKeyError::PlanLogin { profile: name });
        }
        if self.is_detected_plan(profile) {
            return Err(RawKeyError::PlanDetected { profile: name });
        }
        match profile.secret_exposure {
            SecretExposure::RequestsOnly => Err(RawKeyError::NotExposed { profile: name }),
            SecretExposure::Programs => self.secret_for_program(profile).await,
        }
    }

    /// Decrypts the token of a plan login. The caller has verified the program that receives it (docs/facts.md#terms).
    ///
    /// # Errors
    /// See [`RawKeyError`].
    pub(crate) async fn plan_token(
        self: &Arc<Self>,
        profile: &Profile,
    ) -> Result<Credential, RawKeyError> {
        if !profile.is_plan_login() {
            let name = profile.name.to_string();
            return Err(RawKeyError::NotExposed { profile: name });
        }
        self.secret_for_program(profile).await
    }

    async fn secret_for_program(
        self: &Arc<Self>,
        profile: &Profile,
    ) -> Result<Credential, RawKeyError> {
        let policy = self.store.policy().map_err(SourceError::NotVerified);
        let secret = match policy {
            Ok(policy) => sources::obtain(self, &policy, profile).await,
            Err(error) => Err(error),
        };
        secret.map_err(|source| RawKeyError::Source {
            profile: profile.name.to_string(),
            source,
        })
    }
}

fn check_allowed(profile: &Profile, credential: &Credential) -> Result<(), RawKeyError> {
    if profile.is_plan_login() && credential.family() == Family::OauthAccess {
        return Ok(());
    }
    inject::decide(
        profile.api().upstream_kind(profile.auth),
        credential.family(),
        credential.provenance(),
    )
    .map(|_| ())
    .map_err(|source| RawKeyError::NotAllowed {
        profile: profile.name.to_string(),
        source,
    })
}
