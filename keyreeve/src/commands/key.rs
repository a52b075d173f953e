//! `key`: create, list, rotate and revoke virtual keys.

use keyreeve_broker::admin::keys::{self, find_key};
use keyreeve_broker::wire::{KeyView, KeysView};
use keyreeve_core::clock::Clock;
use keyreeve_core::profile::Name;
use keyreeve_os::system::now;
use keyreeve_store::Store;

use crate::args::{AddKeyArgs, KeyCommand, RotateKeyArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::{Align, Line, Table, local_time, relative_time, relative_time_from_text};
use crate::render::new_key::print_new_key;

pub(super) fn run(key: KeyCommand, context: &Context) -> Result<(), CommandError> {
    let store = match &key {
        KeyCommand::Revoke { .. } => context.open_store_to_take_away()?,
        KeyCommand::Add(_)
        | KeyCommand::List
        | KeyCommand::Show { .. }
        | KeyCommand::AllowBilling { .. }
        | KeyCommand::Rotate(_) => context.open_store()?,
    };
    match key {
        KeyCommand::Add(args) => add(args, &store, context),
        KeyCommand::List => {
            let view = KeysView::new(&*store.policy()?, now());
            let clock = context.clock();
            Ok(context.output.show(&view, |view| list(view, &clock))?)
        }
        KeyCommand::Show { name } => {
            let view = key_view(&store, &name)?;
            let clock = context.clock();
            Ok(context.output.show(&view, |view| details(view, &clock))?)
        }
        KeyCommand::AllowBilling { name, classes } => {
            keys::allow_billing(&store, &name, classes)?;
            let view = key_view(&store, &name)?;
            let classes = billing_classes(&view);
            let text = format!("Key `{name}` may now use these billing classes: {classes}");
            Ok(context.output.report(&view, &[Line::Success(text)])?)
        }
        KeyCommand::Rotate(args) => rotate(&args, &store, context),
        KeyCommand::Revoke { name } => {
            keys::revoke(&store, &name)?;
            let text = format!("Revoked key `{name}`. It is refused from the next request on.");
            let view = key_view(&store, &name)?;
            Ok(context.output.report(&view, &[Line::Success(text)])?)
        }
    }
}

fn add(args: AddKeyArgs, store: &Store, context: &Context) -> Result<(), CommandError> {
    let settings = args.settings(context.snapshot.now)?;
    let name = settings.name.clone();
    let secret = keys::add(store, settings)?;
    Ok(print_new_key(
        &key_view(store, &name)?,
        &secret,
        &context.output,
    )?)
}

fn rotate(args: &RotateKeyArgs, store: &Store, context: &Context) -> Result<(), CommandError> {
    let name = &args.name;
    let rotated = keys::rotate(store, name, args.overlap)?;
    let note = if args.overlap.is_zero() {
        format!("The old secret of key `{name}` no longer works")
    } else {
        let until = relative_time(rotated.old_until, &context.clock_now());
        format!("The old secret of key `{name}` works until {until}")
    };
    context.output.write(&[Line::Note(note)])?;
    Ok(print_new_key(
        &key_view(store, name)?,
        &rotated.secret,
        &context.output,
    )?)
}

fn key_view(store: &Store, name: &Name) -> Result<KeyView, CommandError> {
    let policy = store.policy()?;
    Ok(KeyView::new(find_key(&policy, name)?, &policy, now()))
}

fn list(view: &KeysView, clock: &Clock) -> Vec<Line> {
    if view.keys.is_empty() {
        return vec![
            Line::Success("No virtual keys yet".to_owned()),
            Line::Hint("Create one: `keyreeve key add NAME --profile PROFILE`".to_owned()),
        ];
    }
    vec![Line::Table(table(&view.keys, clock))]
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

fn details(view: &KeyView, clock: &Clock) -> Vec<Line> {
    let time = |at: &str| relative_time_from_text(at, clock);
    let headline = format!("{} ({})", view.name, view.state.name());
    let fields = [
        (
            "profiles",
            or_placeholder(&view.profiles.join(", "), "none"),
        ),
        ("strategy", view.strategy.to_owned()),
        ("billing", billing_classes(view)),
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
    ];
    let fields = fields.map(|(label, value)| Line::Field(label, value));
    std::iter::once(Line::Headline(headline))
        .chain(fields)
        .collect()
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
