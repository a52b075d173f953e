//! Clawdbot and OpenClaw: their configuration, and their credential stores of every generation (docs/facts.md#moving-in).

use std::collections::BTreeMap;

use crate::import::Left;
use crate::import::auth_store::{claude_login, is_claude_codes, record};
use crate::import::claw_config::ClawConfig;
use crate::import::document::Node;
use crate::import::names;
use crate::import::place::{Found, Role};
use crate::import::planner::{Planner, Thing, after_provider};
use crate::profile::Name;

/// What the profiles of the other program are called here; none for those that stay there.
type Names = BTreeMap<String, Option<Name>>;

/// Plans for the configuration and every store.
pub(super) fn plan(planner: &mut Planner<'_>, files: &[Found]) {
    let documents: Vec<_> = files
        .iter()
        .filter_map(|file| document(planner, file).map(|node| (file, node)))
        .collect();
    let of = |role| {
        let role_is = move |document: &&(&Found, Node<'_>)| document.0.role == role;
        documents.iter().filter(role_is)
    };
    let config_file = of(Role::Config).next();
    let config = config_file.map_or_else(ClawConfig::default, |(_, node)| ClawConfig::of(node));
    let mut names = Names::new();
    for (file, node) in of(Role::AuthProfiles) {
        for (id, entry) in node.entries(&["profiles"]) {
            one(planner, (file, id), entry, (&config, &mut names));
        }
    }
    for (file, node) in of(Role::OlderAuth) {
        older(planner, (file, node), (&config, &mut names));
    }
    if let Some((file, _)) = config_file {
        declared_only(planner, file, (&config, &mut names));
        variables(planner, file, &config);
    }
    let elsewhere = of(Role::AuthProfiles).chain(of(Role::AuthState));
    order(
        planner,
        config
            .order
            .iter()
            .copied()
            .chain(elsewhere.flat_map(|(_, node)| node.texts(&["order", "anthropic"]))),
        &names,
    );
}

/// Reads a file, or lists it as one that cannot be read.
fn document<'a>(planner: &mut Planner<'_>, file: &'a Found) -> Option<Node<'a>> {
    let node = match Node::parse(&file.text) {
        Ok(node) if node.is_object() => return Some(node),
        Ok(_) => Left::OtherShape("an object"),
        Err(why) => why,
    };
    let whole = Thing::new("the whole file", &file.path, "");
    planner.leave(whole, node);
    None
}

fn one(
    planner: &mut Planner<'_>,
    (file, id): (&Found, &str),
    entry: &Node<'_>,
    (config, names): (&ClawConfig<'_>, &mut Names),
) {
    let thing = Thing::new(id, &file.path, after_provider(id));
    let name = record(planner, thing, entry, config);
    let known = names.entry(id.to_owned()).or_default();
    *known = known.take().or(name);
}

/// Credentials by provider, each as its program would take it over: only where the newer file has none of the name.
fn older(
    planner: &mut Planner<'_>,
    (file, node): (&Found, &Node<'_>),
    (config, names): (&ClawConfig<'_>, &mut Names),
) {
    for (provider, entry) in node.entries(&[]) {
        let id = format!("{provider}:default");
        let thing = Thing::new(&id, &file.path, after_provider(&id));
        if !entry.is_object() {
            continue;
        }
        if names.contains_key(&id) {
            planner.leave(thing, Left::Older);
        } else {
            one(planner, (file, &id), entry, (config, names));
        }
    }
}

/// Profiles that the configuration names and no store has.
fn declared_only(
    planner: &mut Planner<'_>,
    file: &Found,
    (config, names): (&ClawConfig<'_>, &mut Names),
) {
    for (id, declared) in &config.profiles {
        if names.contains_key(*id) {
            continue;
        }
        let provider = declared.provider.or_else(|| id.split(':').next());
        let provider = provider.unwrap_or_default();
        let thing = Thing::new(id, &file.path, after_provider(id));
        if is_claude_codes(id, provider) {
            claude_login(planner, thing, declared.mode);
        } else {
            let why = match provider {
                "anthropic" => Left::NoSecret,
                other => Left::OtherProvider(names::shown(other)),
            };
            planner.leave(thing, why);
        }
        names.insert((*id).to_owned(), None);
    }
}

/// Credentials among the variables that the configuration sets.
fn variables(planner: &mut Planner<'_>, file: &Found, config: &ClawConfig<'_>) {
    for (variable, value) in &config.variables {
        let what = format!("env.{variable}");
        let thing = Thing::new(&what, &file.path, "env");
        let to = config.destination().as_api_key();
        planner.token(thing, value, &to);
    }
}

/// The order in which profiles were asked is an order of a key's profiles here.
fn order<'a>(planner: &mut Planner<'_>, order: impl Iterator<Item = &'a str>, names: &Names) {
    let mut flags = String::new();
    let mut first_to_last: Vec<&str> = Vec::new();
    for name in order.filter_map(|id| names.get(id)?.as_ref()) {
        if !first_to_last.contains(&name.as_str()) {
            first_to_last.push(name.as_str());
            flags.push_str(" --profile ");
            flags.push_str(name.as_str());
        }
    }
    if !first_to_last.is_empty() {
        planner.note(
            format!(
                "they were asked in this order: {}",
                first_to_last.join(", ")
            ),
            Some(format!("keyreeve key add NAME{flags}")),
        );
    }
}
