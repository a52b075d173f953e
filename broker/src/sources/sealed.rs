//! A secret in the store, encrypted at rest (sealed): decrypted for each lease and dropped after it.

use keyreeve_core::credential::Credential;
use keyreeve_core::profile::Profile;
use keyreeve_core::token::Family;

use super::{SourceError, bind};
use crate::Broker;

pub(super) fn obtain(broker: &Broker, profile: &Profile) -> Result<Credential, SourceError> {
    let secret = broker.store.unseal(profile).map_err(SourceError::Sealed)?;
    Ok(bind(
        profile,
        secret,
        profile.family.unwrap_or(Family::Opaque),
        profile.provenance,
    ))
}
