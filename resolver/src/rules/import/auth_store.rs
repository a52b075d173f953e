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
    let secret = match kind {
        "api_key" => record_secret(record, ["key", "keyRef"], config),
        "token" => record_secret(record, ["token", "tokenRef"], config).and_then(require_text),
        "oauth" => Err(ImportSkip::PlanLogin),
        _ => Err(ImportSkip::UnknownKind),
    };
    let destination = match kind {
        "api_key" => config.destination().as_api_key(),
        _ => config.destination(),
    };
    let source = match secret {
        Ok(RecordSecret::Text(text)) => {
            let remark = contradicting_token(kind, text);
            let item = remark.into_iter().fold(item, FoundItem::with_remark);
            return planner.token(item, text, &destination);
        }
        Ok(RecordSecret::Variable(variable)) => Source::Environment {
            variable: variable.to_owned(),
        },
        Ok(RecordSecret::File(path)) => Source::File {
            path: path.to_owned(),
        },
        Err(reason) => {
            planner.skip(item, reason);
            return None;
        }
    };
    planner.reference(item, source, &destination)
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

/// Refuses a reference to a `token`, which comes from `claude setup-token` unless it is actually a key.
fn require_text(secret: RecordSecret<'_>) -> Result<RecordSecret<'_>, ImportSkip> {
    match secret {
        RecordSecret::Text(_) => Ok(secret),
        RecordSecret::Variable(_) | RecordSecret::File(_) => Err(ImportSkip::PlanTokenReference),
    }
}

/// Describes a contradiction between the declared type and the token.
fn contradicting_token(kind: &str, text: &str) -> Option<&'static str> {
    match (kind, Family::from_prefix(text.trim())) {
        ("api_key", Family::OauthAccess | Family::OauthRefresh) => {
            Some("its type `api_key` contradicts its token, which is a login token")
        }
        ("token", Family::ApiKey) => {
            Some("its type `token` contradicts its token, which is an API key")
        }
        _ => None,
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
    config.profiles.get(id).copied().unwrap_or_default()
}

fn record_secret<'a>(
    record: &'a Node<'a>,
    [plain, reference]: [&str; 2],
    config: &ClawConfig<'a>,
) -> Result<RecordSecret<'a>, ImportSkip> {
    if let Some(text) = record.text(&[plain]) {
        return Ok(match parse_shorthand(text.trim()) {
            Some(variable) => RecordSecret::Variable(variable),
            None => RecordSecret::Text(text),
        });
    }
    let (Some(source), Some(id)) = (
        record.text(&[reference, "source"]),
        record.text(&[reference, "id"]),
    ) else {
        return Err(ImportSkip::NoSecret);
    };
    match source {
        "env" if is_variable(id) => Ok(RecordSecret::Variable(id)),
        "env" => Err(ImportSkip::OtherShape("expected the name of a variable")),
        "file" => {
            let provider = record.text(&[reference, "provider"]).unwrap_or("default");
            match config.secret_files.get(provider) {
                Some(Some(path)) => Ok(RecordSecret::File(path)),
                Some(None) => Err(ImportSkip::Reference(
                    "it refers to one of several values in a file; use a program that prints it",
                )),
                None => Err(ImportSkip::Reference(
                    "it refers to a file that is not in the configuration",
                )),
            }
        }
        "exec" => Err(ImportSkip::Reference(
            "it refers to a program with its own protocol; use a program that prints only the key",
        )),
        _ => Err(ImportSkip::Reference(
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
