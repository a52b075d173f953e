//! Finding and creating virtual keys.

use jiff::Timestamp;
use keyreeve_core::profile::{Name, Profile};
use keyreeve_core::secret::Secret;
use keyreeve_core::virtual_key::{KeyId, KeyRefusedError, ModelPattern, Strategy, VirtualKey};
use keyreeve_os::system::now;
use keyreeve_store::{Policy, Store};

use crate::args::{AddKeyArgs, unique};
use crate::context;
use crate::error::{CommandError, Exit};
use crate::profiles;

/// Finds a key by name.
///
/// # Errors
/// Exit 1 if there is none.
pub(crate) fn find<'a>(policy: &'a Policy, name: &Name) -> Result<&'a VirtualKey, CommandError> {
    policy
        .keys()
        .iter()
        .find(|key| key.name == *name)
        .ok_or_else(|| {
            CommandError::new(Exit::Failed, format!("key `{name}` does not exist"))
                .fix("keyreeve key list")
        })
}

/// Finds a key that is not revoked.
///
/// # Errors
/// Exit 1 if there is none.
pub(crate) fn find_active<'a>(
    policy: &'a Policy,
    name: &Name,
) -> Result<&'a VirtualKey, CommandError> {
    let key = find(policy, name)?;
    if key.revoked_at.is_none() {
        return Ok(key);
    }
    Err(
        CommandError::new(Exit::Failed, format!("key `{name}` is revoked"))
            .fix("keyreeve key add NAME --profile PROFILE"),
    )
}

/// Checks that a key is accepted now.
///
/// # Errors
/// Exit 4 if it is revoked or expired.
pub(crate) fn check_usable(key: &VirtualKey) -> Result<&VirtualKey, CommandError> {
    let name = &key.name;
    let message = match key.refusal(now()) {
        None => return Ok(key),
        Some(KeyRefusedError::Revoked) => format!("key `{name}` is revoked"),
        Some(KeyRefusedError::Expired) => format!("key `{name}` has expired"),
    };
    Err(CommandError::new(Exit::Credential, message)
        .fix(format!("keyreeve key add {name} --profile PROFILE")))
}

/// Creates a key.
///
/// # Errors
/// Exit 1 for a name in use or an unknown profile, 8 for a plan login.
pub(crate) fn create(
    add: AddKeyArgs,
    expires_at: Option<Timestamp>,
    store: &Store,
) -> Result<Secret, CommandError> {
    let policy = store.policy()?;
    if policy
        .keys()
        .iter()
        .any(|key| key.name == add.name && key.revoked_at.is_none())
    {
        let message = format!("key `{}` already exists", add.name);
        return Err(CommandError::new(Exit::Failed, message)
            .fix(format!("keyreeve key rotate {}", add.name)));
    }
    let like = add
        .like
        .map(|name| find_template(&policy, &name))
        .transpose()?;
    let mut given = Vec::new();
    for name in &add.profiles {
        let profile = profiles::find(&policy, name)?;
        if profile.is_plan_login() {
            return Err(plan_login_error(name));
        }
        given.push(profile);
    }
    let billing = match given.first() {
        Some(first) => Some(first.billing),
        None => like.and_then(|like| like.billing),
    };
    let profiles = given.iter().map(|profile| profile.id).collect();
    let key = VirtualKey {
        id: KeyId(context::new_id()?),
        name: add.name,
        profiles: given_or_template(profiles, like.map(|like| &like.profiles)),
        billing,
        strategy: add
            .strategy
            .or_else(|| like.map(|like| like.strategy))
            .unwrap_or_default(),
        allow_billing: given_or_template(
            unique(add.allow_billing),
            like.map(|like| &like.allow_billing),
        ),
        models: given_or_template(
            add.models.into_iter().map(ModelPattern::new).collect(),
            like.map(|like| &like.models),
        ),
        cache_ttl: add
            .cache_ttl
            .or_else(|| like.and_then(|like| like.cache_ttl)),
        expires_at,
        revoked_at: None,
        created_at: now(),
        simulated: false,
    };
    let new_key = context::new_key()?;
    store.add_key(&key, new_key.public_id, new_key.hash)?;
    Ok(new_key.key)
}

/// Returns the given values, or else those of another key.
fn given_or_template<T: Clone>(given: Vec<T>, like: Option<&Vec<T>>) -> Vec<T> {
    match like {
        Some(like) if given.is_empty() => like.clone(),
        Some(_) | None => given,
    }
}

/// Finds the key to copy settings from.
///
/// # Errors
/// Exit 1 if there is none, or it is revoked or has no profile.
fn find_template<'a>(policy: &'a Policy, name: &Name) -> Result<&'a VirtualKey, CommandError> {
    let key = find_active(policy, name)?;
    if !key.profiles.is_empty() {
        return Ok(key);
    }
    let message = format!("key `{name}` has no profiles to copy: it is for pass-through only");
    Err(CommandError::new(Exit::Failed, message)
        .hint("Create another such key: `keyreeve key add NAME --pass-through`")
        .fix("keyreeve key add NAME --profile PROFILE"))
}

/// Returns a profile's dedicated key, which temporary keys are created from; creates it on first use.
///
/// # Errors
/// Exit 4 if it is revoked or expired, 1 if it has other profiles.
pub(crate) fn dedicated_key(
    profile: &Profile,
    name: Name,
    store: &Store,
) -> Result<KeyId, CommandError> {
    let policy = store.policy()?;
    if let Some(key) = policy.keys().iter().find(|key| key.name == name) {
        if key.profiles != [profile.id] {
            let message = format!("key `{name}` must use profile `{}` only", profile.name);
            return Err(CommandError::new(Exit::Failed, message)
                .fix(format!("keyreeve key add NAME --profile {}", profile.name)));
        }
        return check_usable(key).map(|key| key.id);
    }
    let created = add_without_secret(name.clone(), profile, store);
    let exists = |policy: &Policy| policy.keys().iter().any(|key| key.name == name);
    if created.is_err() && exists(&*store.policy()?) {
        // Another process created it first.
        return dedicated_key(profile, name, store);
    }
    created
}

/// Adds a key and discards its own secret: only temporary keys of it are ever used.
pub(crate) fn add_without_secret(
    name: Name,
    profile: &Profile,
    store: &Store,
) -> Result<KeyId, CommandError> {
    let key = VirtualKey {
        id: KeyId(context::new_id()?),
        name,
        profiles: vec![profile.id],
        billing: Some(profile.billing),
        strategy: Strategy::default(),
        allow_billing: Vec::new(),
        models: Vec::new(),
        cache_ttl: None,
        expires_at: None,
        revoked_at: None,
        created_at: now(),
        simulated: profile.simulated,
    };
    let discarded = context::new_key()?;
    store.add_key(&key, discarded.public_id, discarded.hash)?;
    Ok(key.id)
}

/// Returns the error for a virtual key of a plan login.
pub(crate) fn plan_login_error(profile: &Name) -> CommandError {
    CommandError::new(
        Exit::Policy,
        format!("profile `{profile}` is a plan login, which is never used behind a virtual key"),
    )
    .fix("keyreeve profile add NAME")
}
