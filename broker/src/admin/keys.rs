//! Operations on virtual keys.
//!
//! Invariants: a secret is returned once and never stored; a key of a plan login is never made.

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::profile::{BillingClass, Name, Profile};
use keyreeve_core::secret::Secret;
use keyreeve_core::virtual_key::{KeyId, ModelPattern, NewKey, Strategy, VirtualKey};
use keyreeve_os::system::now;
use keyreeve_store::{Policy, Store};

use super::profiles::find_profile;
use super::{AdminError, new_id, new_key};

/// Temporary secrets that have expired are remembered for this long, which outlasts every secret that could be derived
/// again.
const RETENTION: SignedDuration = SignedDuration::from_hours(1);

/// The settings of a new key. What is left out is copied from `like`, else has its default.
#[derive(Debug)]
pub struct AddKey {
    /// The name of the key.
    pub name: Name,
    /// The key whose settings are copied, except its secret and its expiry.
    pub like: Option<Name>,
    /// The profiles in order of preference. Without any, the key is for pass-through only.
    pub profiles: Vec<Name>,
    /// The selection among ready profiles.
    pub strategy: Option<Strategy>,
    /// The billing classes that it may use in addition to that of its first profile.
    pub allow_billing: Vec<BillingClass>,
    /// The allowed models; without any, every model.
    pub models: Vec<ModelPattern>,
    /// The prompt cache lifetime of its requests.
    pub cache_ttl: Option<Ttl>,
    /// The expiry.
    pub expires_at: Option<Timestamp>,
}

impl AddKey {
    /// Returns the settings of a key with one profile and the defaults.
    pub fn for_profile(name: Name, profile: Name) -> Self {
        Self {
            name,
            like: None,
            profiles: vec![profile],
            strategy: None,
            allow_billing: Vec::new(),
            models: Vec::new(),
            cache_ttl: None,
            expires_at: None,
        }
    }
}

/// A key with a new secret.
pub struct RotatedKey {
    /// The new secret.
    pub secret: Secret,
    /// The time until which the old secrets are accepted.
    pub old_until: Timestamp,
}

/// Treatment of a dedicated key that was revoked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IfRevoked {
    /// Programs that use it without being asked stay locked out.
    Refuse,
    /// The user asked for a new one.
    Replace,
}

/// Finds a key by name.
///
/// # Errors
/// [`AdminError::UnknownKey`].
pub fn find_key<'a>(policy: &'a Policy, name: &Name) -> Result<&'a VirtualKey, AdminError> {
    let mut keys = policy.keys().iter();
    keys.find(|key| key.name == *name)
        .map(AsRef::as_ref)
        .ok_or_else(|| AdminError::UnknownKey(name.clone()))
}

/// Finds a key by name and checks that it is accepted now.
///
/// # Errors
/// [`AdminError::UnknownKey`], [`AdminError::KeyRefused`].
pub fn find_usable_key<'a>(policy: &'a Policy, name: &Name) -> Result<&'a VirtualKey, AdminError> {
    let key = find_key(policy, name)?;
    check_usable(key)?;
    policy.check_key(key, None)?;
    Ok(key)
}

/// Adds a key and returns its secret.
///
/// # Errors
/// [`AdminError::KeyExists`], [`AdminError::UnknownProfile`], [`AdminError::PlanBehindKey`]; for the key to copy,
/// [`AdminError::UnknownKey`], [`AdminError::KeyRevoked`] or [`AdminError::NothingToCopy`].
pub fn add(store: &Store, add: AddKey) -> Result<Secret, AdminError> {
    let policy = store.policy()?;
    let mut keys = policy.keys().iter();
    if keys.any(|key| key.name == add.name && key.revoked_at.is_none()) {
        return Err(AdminError::KeyExists(add.name));
    }
    let like = add.like.map(|name| find_template(&policy, &name));
    let like = like.transpose()?;
    let mut given = Vec::new();
    for name in &add.profiles {
        given.push(find_leasable(&policy, name)?);
    }
    let profiles = given.iter().map(|profile| profile.id).collect();
    let key = VirtualKey {
        profiles: given_or_copied(profiles, like.map(|like| &like.profiles)),
        billing: match given.first() {
            Some(first) => Some(first.billing),
            None => like.and_then(|like| like.billing),
        },
        strategy: add
            .strategy
            .or_else(|| like.map(|like| like.strategy))
            .unwrap_or_default(),
        allow_billing: given_or_copied(
            without_duplicates(add.allow_billing),
            like.map(|like| &like.allow_billing),
        ),
        models: given_or_copied(add.models, like.map(|like| &like.models)),
        cache_ttl: add
            .cache_ttl
            .or_else(|| like.and_then(|like| like.cache_ttl)),
        expires_at: add.expires_at,
        ..new_virtual_key(add.name)?
    };
    let new_key = new_key()?;
    store.add_key(&key, new_key.public_id, new_key.hash)?;
    Ok(new_key.key)
}

/// Replaces the secret of a key. The old ones are accepted for `overlap` from now on.
///
/// # Errors
/// [`AdminError::UnknownKey`], [`AdminError::KeyRevoked`], [`AdminError::OverlapTooLong`].
pub fn rotate(
    store: &Store,
    name: &Name,
    overlap: SignedDuration,
) -> Result<RotatedKey, AdminError> {
    let id = find_active(&*store.policy()?, name)?.id;
    let old_until = now().checked_add(overlap);
    let old_until = old_until.map_err(AdminError::OverlapTooLong)?;
    let new_key = new_key()?;
    store.rotate_key(id, (new_key.public_id, new_key.hash), old_until)?;
    Ok(RotatedKey {
        secret: new_key.key,
        old_until,
    })
}

/// Sets the billing classes that a key may use in addition to its own, replacing the previous ones.
///
/// # Errors
/// [`AdminError::UnknownKey`], [`AdminError::KeyRevoked`].
pub fn allow_billing(
    store: &Store,
    name: &Name,
    classes: Vec<BillingClass>,
) -> Result<(), AdminError> {
    let id = find_active(&*store.policy()?, name)?.id;
    Ok(store.set_allow_billing(id, &without_duplicates(classes))?)
}

/// Revokes a key permanently: it is refused from the next request on. Revoking it again changes nothing.
///
/// # Errors
/// [`AdminError::UnknownKey`].
pub fn revoke(store: &Store, name: &Name) -> Result<(), AdminError> {
    let id = find_key(&*store.policy()?, name)?.id;
    Ok(store.revoke_key(id, now())?)
}

/// Returns the key dedicated to a profile, of which temporary secrets are made; adds it on first use.
///
/// # Errors
/// [`AdminError::PlanBehindKey`], [`AdminError::NotDedicated`] if the key has other profiles, [`AdminError::KeyRefused`]
/// if it has expired, or was revoked and is not to be replaced.
pub fn dedicated(
    store: &Store,
    profile: &Profile,
    name: &Name,
    if_revoked: IfRevoked,
) -> Result<KeyId, AdminError> {
    check_leasable(profile)?;
    let find = |policy: &Policy| {
        let mut keys = policy.keys().iter().filter(|key| key.name == *name);
        let found = match if_revoked {
            IfRevoked::Refuse => keys.next(),
            IfRevoked::Replace => keys.find(|key| key.revoked_at.is_none()),
        };
        found.map(|key| check_dedicated(key, profile))
    };
    if let Some(found) = find(&*store.policy()?) {
        return found;
    }
    let added = add_without_secret(store, name, profile);
    match added {
        Ok(id) => Ok(id),
        // Another process may have added it first.
        Err(error) => find(&*store.policy()?).unwrap_or(Err(error)),
    }
}

/// Has a key accept a temporary secret until `expires_at`, unless it does already. Returns `false` if the secret was
/// revoked or replaced: it is never accepted again.
///
/// # Errors
/// [`AdminError::Store`], also if the key was revoked.
pub fn accept_temporary(
    store: &Store,
    key: KeyId,
    secret: &NewKey,
    expires_at: Timestamp,
) -> Result<bool, AdminError> {
    let (policy, now) = (store.policy()?, now());
    if let Some(found) = policy.key(secret.public_id) {
        let is_valid = found.valid_until.is_none_or(|until| until > now);
        return Ok(is_valid && found.key.id == key);
    }
    let delete_before = now.saturating_sub(RETENTION).unwrap_or(now);
    let new = (secret.public_id, secret.hash);
    store.add_temporary_secret(key, new, (Some(expires_at), delete_before))?;
    Ok(true)
}

fn check_dedicated(key: &VirtualKey, profile: &Profile) -> Result<KeyId, AdminError> {
    if key.profiles != [profile.id] {
        return Err(AdminError::NotDedicated {
            key: key.name.clone(),
            profile: profile.name.clone(),
        });
    }
    check_usable(key).map(|()| key.id)
}

/// Adds a key and discards its own secret: only temporary secrets of it are ever used.
fn add_without_secret(store: &Store, name: &Name, profile: &Profile) -> Result<KeyId, AdminError> {
    let key = VirtualKey {
        profiles: vec![profile.id],
        billing: Some(profile.billing),
        simulated: profile.simulated,
        ..new_virtual_key(name.clone())?
    };
    let discarded = new_key()?;
    store.add_key(&key, discarded.public_id, discarded.hash)?;
    Ok(key.id)
}

/// Returns a key without profiles, with the defaults.
pub(super) fn new_virtual_key(name: Name) -> Result<VirtualKey, AdminError> {
    Ok(VirtualKey {
        id: KeyId(new_id()?),
        name,
        profiles: Vec::new(),
        billing: None,
        strategy: Strategy::default(),
        allow_billing: Vec::new(),
        models: Vec::new(),
        cache_ttl: None,
        expires_at: None,
        revoked_at: None,
        created_at: now(),
        simulated: false,
    })
}

fn find_active<'a>(policy: &'a Policy, name: &Name) -> Result<&'a VirtualKey, AdminError> {
    let key = find_key(policy, name)?;
    match key.revoked_at {
        None => Ok(key),
        Some(_) => Err(AdminError::KeyRevoked(name.clone())),
    }
}

/// Finds the key to copy settings from.
fn find_template<'a>(policy: &'a Policy, name: &Name) -> Result<&'a VirtualKey, AdminError> {
    let key = find_active(policy, name)?;
    if key.profiles.is_empty() {
        return Err(AdminError::NothingToCopy(name.clone()));
    }
    Ok(key)
}

fn find_leasable<'a>(policy: &'a Policy, name: &Name) -> Result<&'a Profile, AdminError> {
    let profile = find_profile(policy, name)?;
    check_leasable(profile).map(|()| profile)
}

fn check_leasable(profile: &Profile) -> Result<(), AdminError> {
    if profile.is_plan_login() {
        return Err(AdminError::PlanBehindKey(profile.name.clone()));
    }
    Ok(())
}

fn check_usable(key: &VirtualKey) -> Result<(), AdminError> {
    match key.refusal(now()) {
        None => Ok(()),
        Some(reason) => Err(AdminError::KeyRefused {
            name: key.name.clone(),
            reason,
        }),
    }
}

/// Returns the given values, or else those of another key.
fn given_or_copied<T: Clone>(given: Vec<T>, copied: Option<&Vec<T>>) -> Vec<T> {
    match copied {
        Some(copied) if given.is_empty() => copied.clone(),
        Some(_) | None => given,
    }
}

fn without_duplicates(classes: Vec<BillingClass>) -> Vec<BillingClass> {
    let mut unique = Vec::new();
    for class in classes {
        if !unique.contains(&class) {
            unique.push(class);
        }
    }
    unique
}
