//! The profile and the key of the sandbox.
//!
//! Invariants: only entries marked as simulated are changed; each start gives the key a new secret, because the last one is
//! not stored.

use jiff::Timestamp;
use keyreeve_core::origin::BaseUrl;
use keyreeve_core::profile::{
    Auth, BillingClass, Name, NameError, Profile, ProfileId, Provenance, SecretExposure, Source,
};
use keyreeve_core::secret::Secret;
use keyreeve_core::token::Family;
use keyreeve_core::virtual_key::VirtualKey;
use keyreeve_os::system::now;
use keyreeve_store::{Policy, Store};

use super::keys::new_virtual_key;
use super::{AdminError, new_id, new_key, random_bytes};

/// The name of the profile and of the key.
const NAME: &str = "sandbox";

/// The entries of the last start.
struct SimulatedEntries<'a> {
    profile: Option<&'a Profile>,
    key: Option<&'a VirtualKey>,
}

/// Returns where the sandbox was at the last start, so that it can be there again.
///
/// # Errors
/// [`AdminError::SandboxProfileName`] or [`AdminError::SandboxKeyName`] if the user has a real one of this name.
pub fn last_base_url(store: &Store) -> Result<Option<BaseUrl>, AdminError> {
    let policy = store.policy()?;
    let profile = find_entries(&policy, &name()?)?.profile;
    Ok(profile.map(|profile| profile.base_url.clone()))
}

/// Prepares the profile of a sandbox that is at `base_url`, and returns a new secret of the key for it. An origin never
/// changes, so the profile is replaced if the sandbox was elsewhere.
///
/// # Errors
/// See [`last_base_url`].
pub fn prepare(store: &Store, base_url: &BaseUrl) -> Result<Secret, AdminError> {
    let policy = store.policy()?;
    let name = name()?;
    let old = find_entries(&policy, &name)?;
    let profile = match old.profile {
        Some(profile) if profile.base_url == *base_url => profile.id,
        Some(profile) => {
            store.remove_profile(profile.id)?;
            add_profile(store, name.clone(), base_url)?
        }
        None => add_profile(store, name.clone(), base_url)?,
    };
    let at = now();
    match old.key {
        Some(key) if key.profiles == [profile] && key.refusal(at).is_none() => {
            let new_key = new_key()?;
            store.rotate_key(key.id, (new_key.public_id, new_key.hash), at)?;
            return Ok(new_key.key);
        }
        Some(key) => store.revoke_key(key.id, at)?,
        None => {}
    }
    add_key(store, name, profile, at)
}

fn name() -> Result<Name, AdminError> {
    NAME.parse().map_err(|error: NameError| error.into())
}

fn find_entries<'a>(policy: &'a Policy, name: &Name) -> Result<SimulatedEntries<'a>, AdminError> {
    let mut profiles = policy.profiles().iter();
    let profile = profiles.find(|profile| profile.name == *name);
    let mut keys = policy.keys().iter();
    let key = keys.find(|key| key.name == *name && key.revoked_at.is_none());
    if profile.is_some_and(|profile| !profile.simulated) {
        return Err(AdminError::SandboxProfileName(name.clone()));
    }
    if key.is_some_and(|key| !key.simulated) {
        return Err(AdminError::SandboxKeyName(name.clone()));
    }
    Ok(SimulatedEntries {
        profile: profile.map(AsRef::as_ref),
        key: key.map(AsRef::as_ref),
    })
}

fn add_profile(store: &Store, name: Name, base_url: &BaseUrl) -> Result<ProfileId, AdminError> {
    let profile = Profile {
        id: ProfileId(new_id()?),
        name,
        source: Source::Sealed,
        base_url: base_url.clone(),
        auth: Auth::ApiKey,
        provenance: Provenance::Console,
        billing: BillingClass::Metered,
        family: Some(Family::ApiKey),
        hint: Some("simulated".to_owned()),
        secret_exposure: SecretExposure::RequestsOnly,
        simulated: true,
        expires_at: None,
        created_at: now(),
        rotated_at: None,
    };
    store.add_profile(&profile, Some(&generated_credential()?))?;
    Ok(profile.id)
}

fn add_key(
    store: &Store,
    name: Name,
    profile: ProfileId,
    at: Timestamp,
) -> Result<Secret, AdminError> {
    let new_key = new_key()?;
    let key = VirtualKey {
        profiles: vec![profile],
        billing: Some(BillingClass::Metered),
        created_at: at,
        simulated: true,
        ..new_virtual_key(name)?
    };
    store.add_key(&key, new_key.public_id, new_key.hash)?;
    Ok(new_key.key)
}

/// Generates a credential in the form of an API key, which only the sandbox accepts.
fn generated_credential() -> Result<Secret, AdminError> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let body = random_bytes::<93>()?.map(|byte| char::from(ALPHABET[usize::from(byte % 64)]));
    Ok(Secret::new(
        ["sk-ant-", "api03-"]
            .into_iter()
            .map(str::to_owned)
            .chain(body.map(String::from))
            .collect::<String>()
            + "AA",
    ))
}
