//! The token of a person's own plan, for the one program that may have it: the genuine client, started by its owner.
//!
//! Invariant: this is the only way by which such a token leaves the store, and a lease never takes it.

use std::sync::Arc;

use keyreeve_core::credential::Credential;
use keyreeve_core::profile::Profile;

use crate::sources;
use crate::{Broker, DirectError};

impl Broker {
    /// Opens the token of a profile that is a plan login. Whoever calls has made sure of the program it goes to
    /// (docs/facts.md#terms).
    ///
    /// # Errors
    /// See [`DirectError`].
    pub async fn plan_login(
        self: &Arc<Self>,
        profile: &Profile,
    ) -> Result<Credential, DirectError> {
        let name = profile.name.to_string();
        if !profile.is_plan_login() {
            return Err(DirectError::Leased { profile: name });
        }
        let opened = sources::obtain(self, profile).await;
        opened.map_err(|source| DirectError::Source {
            profile: name,
            source,
        })
    }
}
