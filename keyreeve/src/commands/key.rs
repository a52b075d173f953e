//! `key`: make virtual keys, list them, replace them, revoke them.

use keyreeve_broker::view::{KeyView, KeysView};
use keyreeve_core::profile::{BillingClass, Name, Profile};
use keyreeve_core::secret::Secret;
use keyreeve_core::virtual_key::{KeyId, Strategy, VirtualKey};
use keyreeve_os::world::now;
use keyreeve_store::{Policy, Store};

use jiff::SignedDuration;

use super::profile;
use crate::error::{CommandError, Exit};
use crate::output::{Align, Format, KEY_MARK, Table, to_the_minute};
use crate::settings::{self, AddKey};
use crate::wiring::{self, World};

pub(super) fn run(key: settings::Key, world: &World) -> Result<(), CommandError> {
    match key {
        settings::Key::Add(key) => add(key, world),
        settings::Key::List => list(world),
        settings::Key::Show(name) => show(&name, world),
        settings::Key::Spend { name, classes } => spend(&name, &classes, world),
        settings::Key::Rotate { name, overlap } => rotate(&name, overlap, world),
        settings::Key::Revoke(name) => revoke(&name, world),
    }
}

/// Finds a key by what people call it.
///
/// # Errors
/// Exit 1 where there is none.
pub(super) fn find<'a>(policy: &'a Policy, name: &Name) -> Result<&'a VirtualKey, CommandError> {
    policy
        .keys()
        .iter()
        .find(|key| key.name == *name)
        .ok_or_else(|| {
            CommandError::new(Exit::Failed, format!("there is no key `{name}`"))
                .hint("keyreeve key list")
        })
}

fn add(add: AddKey, world: &World) -> Result<(), CommandError> {
    let store = world.store()?;
    let name = add.name.clone();
    let secret = make(add, &store)?;
    hand_over(&name, &secret, &store, world)
}

/// Makes a key.
///
/// # Errors
/// Exit 1 for a name that is taken or a profile that is not there, 8 for a plan login.
pub(super) fn make(add: AddKey, store: &Store) -> Result<Secret, CommandError> {
    let policy = store.policy()?;
    if policy
        .keys()
        .iter()
        .any(|key| key.name == add.name && key.revoked_at.is_none())
    {
        let taken = format!("there is a key `{}` already", add.name);
        return Err(CommandError::new(Exit::Failed, taken)
            .hint(format!("keyreeve key rotate {}", add.name)));
    }
    let like = add.like.map(|name| model(&policy, &name)).transpose()?;
    let mut given = Vec::new();
    for name in &add.profiles {
        let profile = profile::find(&policy, name)?;
        if profile.is_plan_login() {
            return Err(plan_login(name));
        }
        given.push(profile);
    }
    let billing = match given.first() {
        Some(first) => Some(first.billing),
        None => like.and_then(|like| like.billing),
    };
    let profiles = given.iter().map(|profile| profile.id).collect();
    let key = VirtualKey {
        id: KeyId(wiring::fresh_id()?),
        name: add.name,
        profiles: given_or(profiles, like.map(|like| &like.profiles)),
        billing,
        strategy: add
            .strategy
            .or_else(|| like.map(|like| like.strategy))
            .unwrap_or_default(),
        may_spend: given_or(add.may_spend, like.map(|like| &like.may_spend)),
        models: given_or(add.models, like.map(|like| &like.models)),
        cache_ttl: add
            .cache_ttl
            .or_else(|| like.and_then(|like| like.cache_ttl)),
        expires_at: add.expires_at,
        revoked_at: None,
        created_at: now(),
        simulated: false,
    };
    let minted = wiring::mint()?;
    store.add_key(&key, minted.public_id, minted.hash)?;
    Ok(minted.key)
}

/// What was given, else what another key has.
fn given_or<T: Clone>(given: Vec<T>, like: Option<&Vec<T>>) -> Vec<T> {
    match like {
        Some(like) if given.is_empty() => like.clone(),
        Some(_) | None => given,
    }
}

/// Finds the key that another shall be like.
///
/// # Errors
/// Exit 1 where there is none, or it was revoked, or has no profile left.
fn model<'a>(policy: &'a Policy, name: &Name) -> Result<&'a VirtualKey, CommandError> {
    let key = living(policy, name)?;
    if !key.profiles.is_empty() {
        return Ok(key);
    }
    let why = format!("key `{name}` has no profile that another could have");
    Err(CommandError::new(Exit::Failed, why)
        .because(["a key for pass-through alone needs none".to_owned()])
        .hint("keyreeve key add NAME --profile PROFILE, or keyreeve key add NAME --pass-through"))
}

fn spend(name: &Name, classes: &[BillingClass], world: &World) -> Result<(), CommandError> {
    let store = world.store()?;
    store.set_may_spend(living(&*store.policy()?, name)?.id, classes)?;
    let policy = store.policy()?;
    let view = KeyView::of(find(&policy, name)?, &policy, now());
    world.output.note(&format!(
        "key `{name}` may be billed as {} from the next request on",
        billed_as(&view)
    ));
    if world.output.format() == Format::Json {
        world.output.document(&view)?;
    }
    Ok(())
}

/// Finds a key that was not revoked.
///
/// # Errors
/// Exit 1 where there is none.
fn living<'a>(policy: &'a Policy, name: &Name) -> Result<&'a VirtualKey, CommandError> {
    let key = find(policy, name)?;
    if key.revoked_at.is_none() {
        return Ok(key);
    }
    Err(
        CommandError::new(Exit::Failed, format!("key `{name}` was revoked, for good"))
            .hint("keyreeve key add NAME --profile PROFILE"),
    )
}

fn rotate(name: &Name, overlap: SignedDuration, world: &World) -> Result<(), CommandError> {
    let store = world.store()?;
    let policy = store.policy()?;
    let key = living(&policy, name)?;
    let old_until = now().checked_add(overlap).map_err(|error| {
        CommandError::new(Exit::Usage, "--overlap is too long").caused_by(&error)
    })?;
    let minted = wiring::mint()?;
    store.rotate_key(key.id, (minted.public_id, minted.hash), old_until)?;
    world.output.note(&if overlap.is_zero() {
        "the old secret is refused from now on".to_owned()
    } else {
        format!("the old secret is accepted until {old_until}")
    });
    hand_over(name, &minted.key, &store, world)
}

/// Takes a key that is accepted now.
///
/// # Errors
/// Exit 4 where it was revoked or has expired.
pub(super) fn usable(key: &VirtualKey) -> Result<&VirtualKey, CommandError> {
    let Some(refused) = key.refusal(now()) else {
        return Ok(key);
    };
    Err(CommandError::of(Exit::Credential, &refused)
        .because([format!("it is key `{}`", key.name)])
        .hint(format!("keyreeve key add {} --profile PROFILE", key.name)))
}

/// The key of a profile's own by this name, from which secrets are lent; made on first use.
///
/// # Errors
/// Exit 4 where it was revoked or has expired, 1 where it is used for anything else.
pub(super) fn own_of(profile: &Profile, name: Name, store: &Store) -> Result<KeyId, CommandError> {
    let policy = store.policy()?;
    if let Some(key) = policy.keys().iter().find(|key| key.name == name) {
        if key.profiles != [profile.id] {
            let why = format!(
                "key `{name}` uses other profiles than `{}` alone",
                profile.name
            );
            return Err(CommandError::new(Exit::Failed, why)
                .hint(format!("keyreeve key add NAME --profile {}", profile.name)));
        }
        return usable(key).map(|key| key.id);
    }
    let made = without_secret(name.clone(), profile, store);
    let has_it = |policy: &Policy| policy.keys().iter().any(|key| key.name == name);
    if made.is_err() && has_it(&*store.policy()?) {
        // Another one that came first has made it.
        return own_of(profile, name, store);
    }
    made
}

/// Adds a key whose own secret is known to nobody: only what is lent of it opens anything.
pub(super) fn without_secret(
    name: Name,
    profile: &Profile,
    store: &Store,
) -> Result<KeyId, CommandError> {
    let key = VirtualKey {
        id: KeyId(wiring::fresh_id()?),
        name,
        profiles: vec![profile.id],
        billing: Some(profile.billing),
        strategy: Strategy::default(),
        may_spend: Vec::new(),
        models: Vec::new(),
        cache_ttl: None,
        expires_at: None,
        revoked_at: None,
        created_at: now(),
        simulated: profile.simulated,
    };
    let unknown = wiring::mint()?;
    store.add_key(&key, unknown.public_id, unknown.hash)?;
    Ok(key.id)
}

/// What is said where a plan login would get a key.
pub(super) fn plan_login(profile: &Name) -> CommandError {
    CommandError::new(
        Exit::Policy,
        format!("profile `{profile}` is a plan login, and those never stand behind a virtual key"),
    )
    .hint("keyreeve profile add NAME")
}

/// Shows a new key, this one time.
pub(super) fn hand_over(
    name: &Name,
    secret: &Secret,
    store: &Store,
    world: &World,
) -> Result<(), CommandError> {
    let policy = store.policy()?;
    let key = find(&policy, name)?;
    if world.output.format() == Format::Json {
        return Ok(world
            .output
            .reveal_document(&KeyView::of(key, &policy, now()), secret)?);
    }
    world.output.reveal(KEY_MARK, secret)?;
    world
        .output
        .note(&format!("this is key `{name}`; it is not shown again"));
    let client = match key.profiles.as_slice() {
        [] => "pass-through",
        _ => "claude-code",
    };
    world
        .output
        .hint(&format!("keyreeve connect {client} --key {name}"));
    Ok(())
}

fn list(world: &World) -> Result<(), CommandError> {
    let policy = world.store()?.policy()?;
    let view = KeysView::of(&policy, now());
    if world.output.format() == Format::Json {
        return Ok(world.output.document(&view)?);
    }
    if view.keys.is_empty() {
        world.output.note("there is no key yet");
        world.output.hint("keyreeve key add NAME --profile PROFILE");
        return Ok(());
    }
    Ok(world.output.table(&table(&view.keys))?)
}

/// The keys as columns.
fn table(keys: &[KeyView]) -> Table {
    let columns = [
        "key",
        "state",
        "profiles",
        "strategy",
        "billed as",
        "models",
        "expires",
    ]
    .map(|title| (title, Align::Left));
    let mut table = Table::new(&columns);
    for key in keys {
        table.row([
            key.name.clone(),
            key.state.name().to_owned(),
            or(&key.profiles.join(", "), "none"),
            key.strategy.to_owned(),
            billed_as(key),
            or(&key.models.join(", "), "any"),
            key.expires_at
                .as_deref()
                .map_or_else(|| "never".to_owned(), to_the_minute),
        ]);
    }
    table
}

fn show(name: &Name, world: &World) -> Result<(), CommandError> {
    let policy = world.store()?.policy()?;
    let view = KeyView::of(find(&policy, name)?, &policy, now());
    if world.output.format() == Format::Json {
        return Ok(world.output.document(&view)?);
    }
    world
        .output
        .headline(&format!("{} ({})", view.name, view.state.name()))?;
    for (what, value) in [
        ("profiles", or(&view.profiles.join(", "), "none")),
        ("strategy", view.strategy.to_owned()),
        ("billed as", billed_as(&view)),
        ("models", or(&view.models.join(", "), "any")),
        (
            "cache ttl",
            or(view.cache_ttl.unwrap_or_default(), "as configured"),
        ),
        (
            "expires",
            view.expires_at
                .as_deref()
                .map_or_else(|| "never".to_owned(), to_the_minute),
        ),
        ("made", to_the_minute(&view.created_at)),
        (
            "revoked",
            view.revoked_at
                .as_deref()
                .map_or_else(|| "no".to_owned(), to_the_minute),
        ),
    ] {
        world.output.line(&format!("{what:<12} {value}"))?;
    }
    Ok(())
}

fn revoke(name: &Name, world: &World) -> Result<(), CommandError> {
    let store = world.store()?;
    store.revoke_key(find(&*store.policy()?, name)?.id, now())?;
    world.output.note(&format!(
        "key `{name}` is refused from the next request on, for good"
    ));
    if world.output.format() == Format::Json {
        let policy = store.policy()?;
        world
            .output
            .document(&KeyView::of(find(&policy, name)?, &policy, now()))?;
    }
    Ok(())
}

/// Whom a key's requests may be billed to.
fn billed_as(key: &KeyView) -> String {
    let classes: Vec<&str> = key
        .billing
        .into_iter()
        .chain(key.may_spend.iter().copied())
        .collect();
    or(&classes.join(", "), "nobody")
}

fn or(text: &str, otherwise: &str) -> String {
    if text.is_empty() {
        otherwise.to_owned()
    } else {
        text.to_owned()
    }
}
