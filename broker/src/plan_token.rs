//! The token of a user's own plan, for the only program that may use it: the official `claude`, started by its owner.
//!
//! Invariant: this is the only way for such a token to leave the store; a lease never uses it.

use std::sync::Arc;

use keyreeve_core::credential::Credential;
use keyreeve_core::profile::Profile;

use crate::sources;
use crate::{Broker, RawKeyError};

impl Broker {
    /// Decrypts the token of a plan login. The caller has verified the program that receives it (docs/facts.md#terms).
    ///
    /// # Errors
    /// See [`RawKeyError`].
    pub async fn plan_token(
        self: &Arc<Self>,
        profile: &Profile,
    ) -> Result<Credential, RawKeyError> {
        let name = profile.name.to_string();
        if !profile.is_plan_login() {
            return Err(RawKeyError::NotExposed { profile: name });
        }
        let token = sources::obtain(self, profile).await;
        token.map_err(|source| RawKeyError::Source {
            profile: name,
            source,
        })
    }
}
