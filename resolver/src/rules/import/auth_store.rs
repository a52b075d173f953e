//! Import of one record of a credential store of Clawdbot or OpenClaw (docs/facts.md#moving-in).
//!
//! Invariant: if the declared type contradicts the token, the token decides, and the contradiction is reported.

use keyreeve_core::profile::{Name, Source};
use keyreeve_core::token::Family;

use super::ImportSkip;
use super::claw_config::{ClawConfig, DeclaredProfile};
use super::document::Node;
use super::planner::{FoundItem, ImportDestination, Planner};

/// The secret of a record.
enum RecordSecret<'a> {
    /// The record contains it.
    Text(&'a str),
    /// A variable contains it.
    Variable(&'a str),
    /// A file contains it, and nothing else.
    File(&'a str),
    /// It cannot be imported.
    Skipped(ImportSkip),
}

/// Returns `true` if a profile is Claude Code's login under another name, which is only imported by reference.
pub(super) fn is_claude_login(id: &str, provider: &str) -> bool {
    id == "anthropic:claude-cli" || provider == "claude-cli"
}

/// Plans the import of one record. Returns the name of its profile, if a virtual key can use it.
pub(super) fn record(
    planner: &mut Planner<'_>,
    item: FoundItem<'_>,
    record: &Node<'_>,
    config: &ClawConfig<'_>,
) -> Option<Name> {
    let id = item.label;
    let provider = record
        .text(&["provider"])
        .or_else(|| id.split(':').next())
        .unwrap_or_default();
    if is_claude_login(id, provider) {
        let mode = record.text(&["type"]).or_else(|| declared(config, id).mode);
        claude_login(planner, item, mode);
        return None;
    }
    if provider != "anthropic" {
        let provider = super::names::display_name(provider);
        planner.skip(item, ImportSkip::OtherProvider(provider));
        return None;
    }
    // The oldest logins have no type; only they have two tokens.
    let default_kind = record.at(&["refresh"]).map_or("", |_| "oauth");
    let kind = record.text(&["type"]).unwrap_or(default_kind);
    let remark = contradiction(kind, declared(config, id).mode);
    let item = remark.into_iter().fold(item, FoundItem::with_remark);
    let destination = config.destination();
    match kind {
        "api_key" => {
            let secret = record_secret(record, ["key", "keyRef"], config);
            api_key(planner, (item, secret), &destination.as_api_key())
        }
        "token" => {
            let secret = record_secret(record, ["token", "tokenRef"], config);
            token(planner, (item, secret), &destination)
        }
        "oauth" => {
            planner.skip(item, ImportSkip::PlanLogin);
            None
        }
        _ => {
            planner.skip(item, ImportSkip::UnknownKind);
            None
        }
    }
}

/// Plans a reference to Claude Code's own login, for which older versions wrote the mode `token`.
pub(super) fn claude_login(planner: &mut Planner<'_>, item: FoundItem<'_>, mode: Option<&str>) {
    let remark = "it is Claude Code's own login, which is only referenced and never read or copied";
    let item = item.with_remark(remark);
    let item = match mode {
        Some("token") => item.with_remark("its mode `token` is treated as `oauth`"),
        Some("oauth") | None => item,
        Some(other) => item.with_remark(format!(
            "its mode `{}` is not that of a login",
            super::names::display_name(other)
        )),
    };
    let source = Source::ClaudeLogin { config_dir: None };
    planner.reference(item, source, &ImportDestination::new(None));
}

fn api_key(
    planner: &mut Planner<'_>,
    (mut item, secret): (FoundItem<'_>, RecordSecret<'_>),
    destination: &ImportDestination,
) -> Option<Name> {
    match secret {
        RecordSecret::Text(text) => {
            if is_oauth(text) {
                item.remarks.push(
                    "its type `api_key` contradicts its token, which is a login token".into(),
                );
            }
            planner.token(item, text, destination)
        }
        RecordSecret::Variable(variable) => {
            let variable = variable.to_owned();
            planner.reference(item, Source::Environment { variable }, destination)
        }
        RecordSecret::File(path) => {
            let path = path.to_owned();
            planner.reference(item, Source::File { path }, destination)
        }
        RecordSecret::Skipped(reason) => {
            planner.skip(item, reason);
            None
        }
    }
}

/// Plans the import of a `token`, which comes from `claude setup-token` unless it is actually a key.
fn token(
    planner: &mut Planner<'_>,
    (mut item, secret): (FoundItem<'_>, RecordSecret<'_>),
    destination: &ImportDestination,
) -> Option<Name> {
    match secret {
        RecordSecret::Text(text) => {
            if Family::from_prefix(text.trim()) == Family::ApiKey {
                item.remarks
                    .push("its type `token` contradicts its token, which is an API key".into());
            }
            planner.token(item, text, destination)
        }
        RecordSecret::Variable(_) | RecordSecret::File(_) => {
            planner.skip(item, ImportSkip::PlanTokenReference);
            None
        }
        RecordSecret::Skipped(reason) => {
            planner.skip(item, reason);
            None
        }
    }
}

/// Describes a contradiction between the configuration and the store. The original program silently ignores such a
/// profile.
fn contradiction(kind: &str, mode: Option<&str>) -> Option<String> {
    let mode = mode.filter(|mode| *mode != kind && !(*mode == "oauth" && kind == "token"))?;
    Some(format!(
        "the configuration has `{}` and the store `{}`; the original program ignores such a profile",
        super::names::display_name(mode),
        super::names::display_name(kind)
    ))
}

fn declared<'a>(config: &ClawConfig<'a>, id: &str) -> DeclaredProfile<'a> {
    let (provider, mode) = (None, None);
    let undeclared = DeclaredProfile { provider, mode };
    config.profiles.get(id).copied().unwrap_or(undeclared)
}

fn record_secret<'a>(
    record: &'a Node<'a>,
    [plain, reference]: [&str; 2],
    config: &ClawConfig<'a>,
) -> RecordSecret<'a> {
    if let Some(text) = record.text(&[plain]) {
        return match parse_shorthand(text.trim()) {
            Some(variable) => RecordSecret::Variable(variable),
            None => RecordSecret::Text(text),
        };
    }
    let (Some(source), Some(id)) = (
        record.text(&[reference, "source"]),
        record.text(&[reference, "id"]),
    ) else {
        return RecordSecret::Skipped(ImportSkip::NoSecret);
    };
    match source {
        "env" if is_variable(id) => RecordSecret::Variable(id),
        "env" => RecordSecret::Skipped(ImportSkip::OtherShape("expected the name of a variable")),
        "file" => {
            let provider = record.text(&[reference, "provider"]).unwrap_or("default");
            match config.secret_files.get(provider) {
                Some(Some(path)) => RecordSecret::File(path),
                Some(None) => RecordSecret::Skipped(ImportSkip::Reference(
                    "it refers to one of several values in a file; use a program that prints it",
                )),
                None => RecordSecret::Skipped(ImportSkip::Reference(
                    "it refers to a file that is not in the configuration",
                )),
            }
        }
        "exec" => RecordSecret::Skipped(ImportSkip::Reference(
            "it refers to a program with its own protocol; use a program that prints only the key",
        )),
        _ => RecordSecret::Skipped(ImportSkip::Reference(
            "it refers to a store that only the original program can open; use a program that prints the key",
        )),
    }
}

/// Parses `$NAME` and `${NAME}`, which refer to a variable.
fn parse_shorthand(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    let name = match name.strip_prefix('{') {
        Some(name) => name.strip_suffix('}')?,
        None => name,
    };
    is_variable(name).then_some(name)
}

/// Returns `true` if such a reference may contain this variable name.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.len() <= 128
        && name
            .bytes()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_')
}

fn is_oauth(text: &str) -> bool {
    matches!(
        Family::from_prefix(text.trim()),
        Family::OauthAccess | Family::OauthRefresh
    )
}
