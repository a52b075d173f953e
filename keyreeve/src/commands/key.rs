//! `key`: create, list, rotate and revoke virtual keys.

use keyreeve_broker::view::{KeyView, KeysView};
use keyreeve_core::clock::Clock;
use keyreeve_core::profile::{BillingClass, Name, Profile};
use keyreeve_core::secret::Secret;
use keyreeve_core::virtual_key::{KeyId, KeyRefusedError, Strategy, VirtualKey};
use keyreeve_os::system::now;
use keyreeve_store::{Policy, Store};

use jiff::SignedDuration;

use super::profile;
use crate::context::{self, Context};
use crate::error::{CommandError, Exit};
use crate::output::{
    Align, Format, KEY_PLACEHOLDER, Table, local_time, relative_time, relative_time_from_text,
};
use crate::settings::{self, AddKey};

pub(super) fn run(key: settings::KeyAction, context: &Context) -> Result<(), CommandError> {
    match key {
        settings::KeyAction::Add(key) => add(key, context),
        settings::KeyAction::List => list(context),
        settings::KeyAction::Show(name) => show(&name, context),
        settings::KeyAction::AllowBilling { name, classes } => {
            allow_billing(&name, &classes, context)
        }
        settings::KeyAction::Rotate { name, overlap } => rotate(&name, overlap, context),
        settings::KeyAction::Revoke(name) => revoke(&name, context),
    }
}

/// Finds a key by name.
///
/// # Errors
/// Exit 1 if there is none.
pub(super) fn find<'a>(policy: &'a Policy, name: &Name) -> Result<&'a VirtualKey, CommandError> {
    policy
        .keys()
        .iter()
        .find(|key| key.name == *name)
        .ok_or_else(|| {
            CommandError::new(Exit::Failed, format!("key `{name}` does not exist"))
                .fix("keyreeve key list")
        })
}

fn add(add: AddKey, context: &Context) -> Result<(), CommandError> {
    let store = context.open_store()?;
    let name = add.name.clone();
    let secret = create(add, &store)?;
    print_new_key(&name, &secret, &store, context)
}

/// Creates a key.
///
/// # Errors
/// Exit 1 for a name in use or an unknown profile, 8 for a plan login.
pub(super) fn create(add: AddKey, store: &Store) -> Result<Secret, CommandError> {
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
        let profile = profile::find(&policy, name)?;
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
        allow_billing: given_or_template(add.allow_billing, like.map(|like| &like.allow_billing)),
        models: given_or_template(add.models, like.map(|like| &like.models)),
        cache_ttl: add
            .cache_ttl
            .or_else(|| like.and_then(|like| like.cache_ttl)),
        expires_at: add.expires_at,
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

fn allow_billing(
    name: &Name,
    classes: &[BillingClass],
    context: &Context,
) -> Result<(), CommandError> {
    let store = context.open_store()?;
    store.set_allow_billing(find_active(&*store.policy()?, name)?.id, classes)?;
    let policy = store.policy()?;
    let view = KeyView::new(find(&policy, name)?, &policy, now());
    context.output.success(&format!(
        "Key `{name}` may now use these billing classes: {}",
        billing_classes(&view)
    ));
    if context.output.format() == Format::Json {
        context.output.document(&view)?;
    }
    Ok(())
}

/// Finds a key that is not revoked.
///
/// # Errors
/// Exit 1 if there is none.
fn find_active<'a>(policy: &'a Policy, name: &Name) -> Result<&'a VirtualKey, CommandError> {
    let key = find(policy, name)?;
    if key.revoked_at.is_none() {
        return Ok(key);
    }
    Err(
        CommandError::new(Exit::Failed, format!("key `{name}` is revoked"))
            .fix("keyreeve key add NAME --profile PROFILE"),
    )
}

fn rotate(name: &Name, overlap: SignedDuration, context: &Context) -> Result<(), CommandError> {
    let store = context.open_store()?;
    let policy = store.policy()?;
    let key = find_active(&policy, name)?;
    let old_until = now().checked_add(overlap).map_err(|error| {
        CommandError::new(Exit::Usage, "`--overlap` is too long").caused_by(&error)
    })?;
    let new_key = context::new_key()?;
    store.rotate_key(key.id, (new_key.public_id, new_key.hash), old_until)?;
    context.output.note(&if overlap.is_zero() {
        format!("The old secret of key `{name}` no longer works")
    } else {
        let until = relative_time(old_until, &context.clock_now());
        format!("The old secret of key `{name}` works until {until}")
    });
    print_new_key(name, &new_key.key, &store, context)
}

/// Checks that a key is accepted now.
///
/// # Errors
/// Exit 4 if it is revoked or expired.
pub(super) fn check_usable(key: &VirtualKey) -> Result<&VirtualKey, CommandError> {
    let name = &key.name;
    let message = match key.refusal(now()) {
        None => return Ok(key),
        Some(KeyRefusedError::Revoked) => format!("key `{name}` is revoked"),
        Some(KeyRefusedError::Expired) => format!("key `{name}` has expired"),
    };
    Err(CommandError::new(Exit::Credential, message)
        .fix(format!("keyreeve key add {name} --profile PROFILE")))
}

/// Returns a profile's dedicated key, which temporary keys are created from; creates it on first use.
///
/// # Errors
/// Exit 4 if it is revoked or expired, 1 if it has other profiles.
pub(super) fn dedicated_key(
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
pub(super) fn add_without_secret(
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
pub(super) fn plan_login_error(profile: &Name) -> CommandError {
    CommandError::new(
        Exit::Policy,
        format!("profile `{profile}` is a plan login, which is never used behind a virtual key"),
    )
    .fix("keyreeve profile add NAME")
}

/// Prints a new key, the only time it is ever shown.
pub(super) fn print_new_key(
    name: &Name,
    secret: &Secret,
    store: &Store,
    context: &Context,
) -> Result<(), CommandError> {
    let policy = store.policy()?;
    let key = find(&policy, name)?;
    if context.output.format() == Format::Json {
        return Ok(context
            .output
            .reveal_document(&KeyView::new(key, &policy, now()), secret)?);
    }
    context.output.reveal(KEY_PLACEHOLDER, secret)?;
    context
        .output
        .success(&format!("Secret of key `{name}`. It is not shown again."));
    let client = match key.profiles.as_slice() {
        [] => "pass-through",
        _ => "claude-code",
    };
    context.output.hint(&format!(
        "Connect a client: `keyreeve connect {client} --key {name}`"
    ));
    Ok(())
}

fn list(context: &Context) -> Result<(), CommandError> {
    let policy = context.open_store()?.policy()?;
    let view = KeysView::new(&policy, now());
    if context.output.format() == Format::Json {
        return Ok(context.output.document(&view)?);
    }
    if view.keys.is_empty() {
        context.output.success("No virtual keys yet");
        context
            .output
            .hint("Create one: `keyreeve key add NAME --profile PROFILE`");
        return Ok(());
    }
    Ok(context.output.table(&table(&view.keys, &context.clock()))?)
}

/// Returns the keys as a table.
fn table(keys: &[KeyView], clock: &Clock) -> Table {
    let columns = [
        "key", "state", "profiles", "strategy", "billing", "models", "expires",
    ]
    .map(|title| (title, Align::Left));
    let mut table = Table::new(&columns).omit_if_narrow(&["strategy"]);
    for key in keys {
        table.row([
            key.name.clone(),
            key.state.name().to_owned(),
            or_placeholder(&key.profiles.join(", "), "none"),
            key.strategy.to_owned(),
            billing_classes(key),
            or_placeholder(&key.models.join(", "), "any"),
            key.expires_at
                .as_deref()
                .map_or_else(|| "never".to_owned(), |at| local_time(at, clock)),
        ]);
    }
    table
}

fn show(name: &Name, context: &Context) -> Result<(), CommandError> {
    let policy = context.open_store()?.policy()?;
    let view = KeyView::new(find(&policy, name)?, &policy, now());
    if context.output.format() == Format::Json {
        return Ok(context.output.document(&view)?);
    }
    let clock = context.clock();
    let time = |at: &str| relative_time_from_text(at, &clock);
    context
        .output
        .headline(&format!("{} ({})", view.name, view.state.name()))?;
    for (label, value) in [
        (
            "profiles",
            or_placeholder(&view.profiles.join(", "), "none"),
        ),
        ("strategy", view.strategy.to_owned()),
        ("billing", billing_classes(&view)),
        ("models", or_placeholder(&view.models.join(", "), "any")),
        (
            "cache ttl",
            or_placeholder(view.cache_ttl.unwrap_or_default(), "as configured"),
        ),
        (
            "expires",
            view.expires_at
                .as_deref()
                .map_or_else(|| "never".to_owned(), time),
        ),
        ("created", time(&view.created_at)),
        (
            "revoked",
            view.revoked_at
                .as_deref()
                .map_or_else(|| "no".to_owned(), time),
        ),
    ] {
        context.output.field(label, &value)?;
    }
    Ok(())
}

fn revoke(name: &Name, context: &Context) -> Result<(), CommandError> {
    let store = context.open_store()?;
    store.revoke_key(find(&*store.policy()?, name)?.id, now())?;
    context.output.success(&format!(
        "Revoked key `{name}`. It is refused from the next request on."
    ));
    if context.output.format() == Format::Json {
        let policy = store.policy()?;
        context
            .output
            .document(&KeyView::new(find(&policy, name)?, &policy, now()))?;
    }
    Ok(())
}

/// Returns the billing classes that a key may use.
fn billing_classes(key: &KeyView) -> String {
    let classes: Vec<&str> = key
        .billing
        .into_iter()
        .chain(key.allow_billing.iter().copied())
        .collect();
    or_placeholder(&classes.join(", "), "none")
}

/// Returns the text, or the placeholder if it is empty.
fn or_placeholder(text: &str, placeholder: &str) -> String {
    if text.is_empty() {
        placeholder.to_owned()
    } else {
        text.to_owned()
    }
}
