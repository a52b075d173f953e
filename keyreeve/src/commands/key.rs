//! `key`: create, list, rotate and revoke virtual keys.

use jiff::SignedDuration;
use keyreeve_broker::wire::{KeyView, KeysView};
use keyreeve_core::clock::Clock;
use keyreeve_core::profile::{BillingClass, Name};
use keyreeve_os::system::now;

use crate::args::{AddKeyArgs, KeyCommand, unique};
use crate::context::{self, Context};
use crate::error::{CommandError, Exit};
use crate::output::{Align, Format, Table, local_time, relative_time, relative_time_from_text};
use crate::render::new_key::print_new_key;
use crate::virtual_keys::{create, find, find_active};

pub(super) fn run(key: KeyCommand, context: &Context) -> Result<(), CommandError> {
    match key {
        KeyCommand::Add(args) => add(args, context),
        KeyCommand::List => list(context),
        KeyCommand::Show { name } => show(&name, context),
        KeyCommand::AllowBilling { name, classes } => {
            allow_billing(&name, &unique(classes), context)
        }
        KeyCommand::Rotate(args) => rotate(&args.name, args.overlap, context),
        KeyCommand::Revoke { name } => revoke(&name, context),
    }
}

fn add(add: AddKeyArgs, context: &Context) -> Result<(), CommandError> {
    let expires_at = add.expires_at(context.snapshot.now)?;
    let store = context.open_store()?;
    let name = add.name.clone();
    let secret = create(add, expires_at, &store)?;
    print_new_key(&name, &secret, &store, context)
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
