//! Secrets of virtual keys for SDK profiles that lead to the gateway. The caller writes the files that contain them.

use keyreeve_core::profile::{Name, NameError};
use keyreeve_core::secret::Secret;
use keyreeve_core::virtual_key::PublicId;
use keyreeve_os::system::now;
use keyreeve_store::Store;

use super::keys::{self, IfRevoked, find_usable_key};
use super::profiles::find_profile;
use super::{AdminError, new_key};

/// A secret for an SDK profile.
pub struct LinkSecret {
    /// The name of its key.
    pub key: Name,
    /// The secret, without an expiry.
    pub secret: Secret,
}

/// Adds a secret to a key: the named one, or else a dedicated key of the profile of that name, made on first use.
///
/// # Errors
/// For a named key, [`AdminError::UnknownKey`] or [`AdminError::KeyRefused`]; else [`AdminError::UnknownProfile`],
/// [`AdminError::InvalidName`] and those of [`keys::dedicated`].
pub fn add(store: &Store, name: &Name, key: Option<&Name>) -> Result<LinkSecret, AdminError> {
    let policy = store.policy()?;
    let (id, key) = if let Some(key) = key {
        (find_usable_key(&policy, key)?.id, key.clone())
    } else {
        let profile = find_profile(&policy, name)?;
        let key = dedicated_name(name)?;
        let id = keys::dedicated(store, profile, &key, IfRevoked::Replace)?;
        (id, key)
    };
    let new_key = new_key()?;
    store.add_temporary_secret(id, (new_key.public_id, new_key.hash), (None, now()))?;
    Ok(LinkSecret {
        key,
        secret: new_key.key,
    })
}

/// Expires secrets of files that were replaced.
///
/// # Errors
/// If the store fails.
pub fn expire(store: &Store, secrets: &[PublicId]) -> Result<(), AdminError> {
    let at = now();
    for secret in secrets {
        store.expire_secret(*secret, at)?;
    }
    Ok(())
}

/// Expires the secrets of files that were removed, and revokes the dedicated key of the SDK profile.
///
/// # Errors
/// [`AdminError::InvalidName`]; if the store fails.
pub fn remove(store: &Store, name: &Name, secrets: &[PublicId]) -> Result<(), AdminError> {
    expire(store, secrets)?;
    let dedicated = dedicated_name(name)?;
    let policy = store.policy()?;
    let mut keys = policy.keys().iter();
    let dedicated = keys.find(|key| key.name == dedicated);
    if let Some(key) = dedicated.filter(|key| key.revoked_at.is_none()) {
        store.revoke_key(key.id, now())?;
    }
    Ok(())
}

/// Returns the name of a linked profile's dedicated key, as in reports and for `key revoke`.
fn dedicated_name(name: &Name) -> Result<Name, AdminError> {
    let name = format!("sdk-{name}").parse();
    name.map_err(|error: NameError| error.into())
}
