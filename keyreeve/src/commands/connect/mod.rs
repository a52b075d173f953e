//! `connect`: paste-ready settings for a client, with a variable where the key belongs, or the key itself.
//!
//! Invariants: the key is in no setting unless it was handed in: keyreeve itself keeps only its hash; a `serve` that runs
//! on this store is believed before the configuration.

mod snippets;

use keyreeve_core::secret::Secret;
use keyreeve_core::virtual_key::Presented;
use keyreeve_gateway::Listen;
use serde::Serialize;

pub(super) use snippets::{Model, of};

use super::key;
use crate::ask::{Question, Typed};
use crate::error::{CommandError, Exit};
use crate::output::Format;
use crate::places::Places;
use crate::running::{self, Running};
use crate::settings::{self, Connectable, Given, Settings};
use crate::wiring::World;

#[derive(Serialize)]
struct Connection<'a> {
    client: &'static str,
    base_url: &'a str,
    variable: &'static str,
    settings: &'a str,
}

pub(super) fn run(connect: &settings::Connect, world: &World) -> Result<(), CommandError> {
    let places = world.places()?;
    let settings = world.settings(&places)?;
    let store = crate::wiring::store(&places, &settings)?;
    let policy = store.policy()?;
    let key = key::usable(key::find(&policy, &connect.key)?)?;
    let given = connect
        .given
        .map(|from| given(from, connect, world))
        .transpose()?;
    let base_url = gateway_url(&places, &settings, world);
    let prices = crate::wiring::prices(&settings)?;
    let configured = settings.default_model.value.as_deref();
    let model = snippets::model_for(key, configured, &prices);
    let snippet = of(connect.client, &base_url, model);
    match (world.output.format(), &given) {
        (Format::Human, Some(secret)) => world.output.reveal(&snippet.template, secret)?,
        (Format::Human, None) => world.output.data(&snippet.with_variable())?,
        (Format::Json, _) => world.output.document(&Connection {
            client: snippet.client,
            base_url: &base_url,
            variable: crate::variables::KEY,
            settings: &snippet.with_variable(),
        })?,
    }
    if key.profiles.is_empty() && connect.client != Connectable::PassThrough {
        let name = &connect.key;
        world.output.note(&format!(
            "key `{name}` has no profile: it serves pass-through and nothing else"
        ));
        world
            .output
            .hint(&format!("keyreeve connect pass-through --key {name}"));
    }
    if given.is_none() {
        let (variable, name) = (crate::variables::KEY, &connect.key);
        world.output.note(&format!(
            "put the key into {variable} yourself: it was shown when it was made, and never again"
        ));
        world
            .output
            .hint(&format!("export {variable}=$(keyreeve key rotate {name})"));
    }
    Ok(())
}

/// Where clients find the gateway: the one that runs and has proved itself, else where it will be.
pub(super) fn gateway_url(places: &Places, settings: &Settings, world: &World) -> String {
    match running::prove(places) {
        Running::Proved(gateway) => return gateway.base_url(),
        Running::Not => world
            .output
            .note("no `keyreeve serve` runs on this store now: this is the configured address"),
        Running::Unproved(why) => {
            world.output.note(&why.to_string());
            world.output.note("no `keyreeve serve` runs on this store that could prove itself: this is the configured address");
        }
    }
    configured(settings.listen.value)
}

/// Where clients find the gateway once it is started without `--listen`.
fn configured(listen: Listen) -> String {
    match listen {
        Listen::Loopback { port } => format!("http://127.0.0.1:{port}"),
        Listen::At(address) => format!("http://{address}"),
    }
}

/// Takes the key, and refuses anything that is none: it would end up in settings that are kept.
fn given(from: Given, connect: &settings::Connect, world: &World) -> Result<Secret, CommandError> {
    let instead = format!(
        "keyreeve key rotate {0} | keyreeve connect CLIENT --key {0} --key-stdin",
        connect.key
    );
    let question = Question {
        prompt: "Virtual key (it is not shown):",
        typed: Typed::Once,
        instead: &instead,
    };
    let pasted = world.asker.take(from, &question)?;
    let text = pasted.trim();
    Presented::parse(text).map_err(|error| {
        CommandError::new(Exit::Credential, "this is no virtual key").caused_by(&error)
    })?;
    Ok(Secret::new(text.to_owned()))
}
