//! Import from Clawdbot and OpenClaw: their configuration and every version of their credential stores
//! (docs/facts.md#moving-in).

use std::collections::BTreeMap;

use keyreeve_core::profile::Name;

use super::ImportSkip;
use super::auth_store::{claude_login, is_claude_login, record};
use super::claw_config::ClawConfig;
use super::document::Node;
use super::files::{FileRole, FoundFile};
use super::names;
use super::planner::{FoundItem, Planner, without_provider};

/// The keyreeve names of the other program's profiles; `None` for those that are skipped.
type ProfileNames = BTreeMap<String, Option<Name>>;

/// Plans the import of the configuration and every store.
pub(super) fn plan(planner: &mut Planner<'_>, files: &[FoundFile]) {
    let documents: Vec<_> = files
        .iter()
        .filter_map(|file| document(planner, file).map(|node| (file, node)))
        .collect();
    let with_role = |role| {
        let has_role = move |document: &&(&FoundFile, Node<'_>)| document.0.role == role;
        documents.iter().filter(has_role)
    };
    let config_file = with_role(FileRole::Config).next();
    let config = config_file.map_or_else(ClawConfig::default, |(_, node)| ClawConfig::parse(node));
    let mut names = ProfileNames::new();
    for (file, node) in with_role(FileRole::AuthProfiles) {
        for (id, entry) in node.entries(&["profiles"]) {
            record_entry(planner, (file, id), entry, (&config, &mut names));
        }
    }
    for (file, node) in with_role(FileRole::OlderAuth) {
        older_store(planner, (file, node), (&config, &mut names));
    }
    if let Some((file, _)) = config_file {
        declared_only(planner, file, (&config, &mut names));
        variables(planner, file, &config);
    }
    let stores = with_role(FileRole::AuthProfiles).chain(with_role(FileRole::AuthState));
    order(
        planner,
        config
            .order
            .iter()
            .copied()
            .chain(stores.flat_map(|(_, node)| node.texts(&["order", "anthropic"]))),
        &names,
    );
}

/// Parses a file, or lists it as skipped.
fn document<'a>(planner: &mut Planner<'_>, file: &'a FoundFile) -> Option<Node<'a>> {
    let reason = match Node::parse(&file.text) {
        Ok(node) if node.is_object() => return Some(node),
        Ok(_) => ImportSkip::OtherShape("expected an object"),
        Err(reason) => reason,
    };
    let whole_file = FoundItem::new("the whole file", &file.path, "");
    planner.skip(whole_file, reason);
    None
}

/// Plans the import of one entry of a store.
fn record_entry(
    planner: &mut Planner<'_>,
    (file, id): (&FoundFile, &str),
    entry: &Node<'_>,
    (config, names): (&ClawConfig<'_>, &mut ProfileNames),
) {
    let item = FoundItem::new(id, &file.path, without_provider(id));
    let name = record(planner, item, entry, config);
    let existing = names.entry(id.to_owned()).or_default();
    *existing = existing.take().or(name);
}

/// Plans the import of an older store, by provider. As in the original program, an entry counts only if no newer file
/// has an entry with its name.
fn older_store(
    planner: &mut Planner<'_>,
    (file, node): (&FoundFile, &Node<'_>),
    (config, names): (&ClawConfig<'_>, &mut ProfileNames),
) {
    for (provider, entry) in node.entries(&[]) {
        let id = format!("{provider}:default");
        let item = FoundItem::new(&id, &file.path, without_provider(&id));
        if !entry.is_object() {
            continue;
        }
        if names.contains_key(&id) {
            planner.skip(item, ImportSkip::Older);
        } else {
            record_entry(planner, (file, &id), entry, (config, names));
        }
    }
}

/// Plans the import of profiles that are in the configuration but in no store.
fn declared_only(
    planner: &mut Planner<'_>,
    file: &FoundFile,
    (config, names): (&ClawConfig<'_>, &mut ProfileNames),
) {
    for (id, declared) in &config.profiles {
        if names.contains_key(*id) {
            continue;
        }
        let provider = declared.provider.or_else(|| id.split(':').next());
        let provider = provider.unwrap_or_default();
        let item = FoundItem::new(id, &file.path, without_provider(id));
        if is_claude_login(id, provider) {
            claude_login(planner, item, declared.mode);
        } else {
            let reason = match provider {
                "anthropic" => ImportSkip::NoSecret,
                other => ImportSkip::OtherProvider(names::display_name(other)),
            };
            planner.skip(item, reason);
        }
        names.insert((*id).to_owned(), None);
    }
}

/// Plans the import of credentials in the configuration's variables.
fn variables(planner: &mut Planner<'_>, file: &FoundFile, config: &ClawConfig<'_>) {
    for (variable, value) in &config.variables {
        let label = format!("env.{variable}");
        let item = FoundItem::new(&label, &file.path, "env");
        let destination = config.destination().as_api_key();
        planner.token(item, value, &destination);
    }
}

/// Adds a note with the program's profile order as the order of a virtual key's profiles.
fn order<'a>(
    planner: &mut Planner<'_>,
    order: impl Iterator<Item = &'a str>,
    names: &ProfileNames,
) {
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
                "the profiles were used in this order: {}",
                first_to_last.join(", ")
            ),
            Some(format!("keyreeve key add NAME{flags}")),
        );
    }
}
