//! `connect`: settings for a client, ready to paste, with a variable for the key, or the key itself.
//!
//! Invariants: the settings contain the key only if the user passes it in (keyreeve stores only its hash); the address of a
//! running `serve` takes precedence over the configuration.

use keyreeve_broker::admin::keys::find_usable_key;
use keyreeve_broker::admin::models::ClientModel;
use keyreeve_core::profile::Name;
use keyreeve_core::secret::Secret;
use keyreeve_core::virtual_key::{PresentedKey, VirtualKey};
use serde::Serialize;

use crate::args::{ConnectArgs, ConnectClient, SecretInput};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::{Format, Line};
use crate::prompt::{Repeat, SecretPrompt};
use crate::render::snippet;
use crate::running_gateway::gateway_url;
use crate::variables;

#[derive(Serialize)]
struct Connection<'a> {
    client: &'static str,
    base_url: &'a str,
    variable: &'static str,
    settings: &'a str,
}

pub(super) fn run(connect: &ConnectArgs, context: &Context) -> Result<(), CommandError> {
    let dirs = context.dirs()?;
    let settings = context.settings(&dirs)?;
    let store = crate::context::open_store(&dirs, &settings)?;
    let policy = store.policy()?;
    let key = find_usable_key(&policy, &connect.key)?;
    let secret = connect
        .key_stdin
        .then(|| read_key(connect, context))
        .transpose()?;
    let base_url = gateway_url(&dirs, &settings, context);
    let prices = crate::context::price_table(&settings)?;
    let configured = settings.default_model.value.as_deref();
    let model = ClientModel::for_key(key, configured, &prices);
    let snippet = snippet::render(connect.client, &base_url, model);
    let settings = snippet.with_variable();
    let view = Connection {
        client: snippet.client,
        base_url: &base_url,
        variable: variables::KEY,
        settings: &settings,
    };
    let output = &context.output;
    match (output.format(), &secret) {
        (Format::Human, Some(secret)) => output.reveal(&snippet.template, secret)?,
        (Format::Human, None) | (Format::Json, _) => {
            output.show(&view, |view| vec![Line::Data(view.settings.to_owned())])?;
        }
    }
    let mut notes = pass_through_only(key, connect.client);
    if secret.is_none() {
        notes.extend(key_needed(&key.name));
    }
    Ok(output.write(&notes)?)
}

/// Explains that the client needs a key with profiles, unless it passes its own credential through.
fn pass_through_only(key: &VirtualKey, client: ConnectClient) -> Vec<Line> {
    if !key.profiles.is_empty() || client == ConnectClient::PassThrough {
        return Vec::new();
    }
    let name = &key.name;
    vec![
        Line::Note(format!(
            "Key `{name}` has no profiles: it works for pass-through only"
        )),
        Line::Fix(format!("keyreeve connect pass-through --key {name}")),
    ]
}

/// Explains where the key for the variable comes from.
fn key_needed(name: &Name) -> [Line; 2] {
    let variable = variables::KEY;
    [
        Line::Note(format!(
            "Set {variable} to the key, which was shown when it was created"
        )),
        Line::Hint(format!(
            "For a new secret: `export {variable}=$(keyreeve key rotate {name})`"
        )),
    ]
}

/// Reads the key, and refuses anything else: it would end up in saved settings.
fn read_key(connect: &ConnectArgs, context: &Context) -> Result<Secret, CommandError> {
    let command = format!(
        "keyreeve key rotate {0} | keyreeve connect CLIENT --key {0} --key-stdin",
        connect.key
    );
    let question = SecretPrompt {
        prompt: "Virtual key (hidden):",
        repeat: Repeat::Once,
        command: &command,
    };
    let pasted = context
        .prompter
        .read_secret(SecretInput::Stdin, &question)?;
    let text = pasted.trim();
    PresentedKey::parse(text).map_err(|error| {
        CommandError::new(Exit::Credential, "not a virtual key").caused_by(&error)
    })?;
    Ok(Secret::new(text.to_owned()))
}
