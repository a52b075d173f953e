//! One record of a credential store of Clawdbot or OpenClaw, and what becomes of it (docs/facts.md#moving-in).
//!
//! Invariant: what its type says decides nothing that its token contradicts; a contradiction is named.

use crate::import::Left;
use crate::import::claw_config::{ClawConfig, Declared};
use crate::import::document::Node;
use crate::import::planner::{Destination, Planner, Thing};
use crate::profile::{Name, Source};
use crate::token::Family;

/// What a secret of a record is.
enum Held<'a> {
    /// It stands there.
    Text(&'a str),
    /// A variable holds it.
    Variable(&'a str),
    /// A file holds it, and nothing else.
    File(&'a str),
    /// It cannot be taken.
    Not(Left),
}

/// Whether a profile is Claude Code's login under another name: such a login is Claude Code's, and only referred to.
pub(super) fn is_claude_codes(id: &str, provider: &str) -> bool {
    id == "anthropic:claude-cli" || provider == "claude-cli"
}

/// Plans for one record. Returns the name of the profile it becomes, where a key can use that.
pub(super) fn record(
    planner: &mut Planner<'_>,
    thing: Thing<'_>,
    record: &Node<'_>,
    config: &ClawConfig<'_>,
) -> Option<Name> {
    let id = thing.what;
    let provider = record
        .text(&["provider"])
        .or_else(|| id.split(':').next())
        .unwrap_or_default();
    if is_claude_codes(id, provider) {
        let mode = record.text(&["type"]).or_else(|| declared(config, id).mode);
        claude_login(planner, thing, mode);
        return None;
    }
    if provider != "anthropic" {
        let provider = super::names::shown(provider);
        planner.leave(thing, Left::OtherProvider(provider));
        return None;
    }
    // The oldest logins have no type; nothing else has two tokens.
    let untyped = record.at(&["refresh"]).map_or("", |_| "oauth");
    let kind = record.text(&["type"]).unwrap_or(untyped);
    let odd = contradiction(kind, declared(config, id).mode);
    let thing = odd.into_iter().fold(thing, Thing::with);
    let to = config.destination();
    match kind {
        "api_key" => {
            let held = held(record, ["key", "keyRef"], config);
            api_key(planner, (thing, held), &to.as_api_key())
        }
        "token" => {
            let held = held(record, ["token", "tokenRef"], config);
            token(planner, (thing, held), &to)
        }
        "oauth" => {
            planner.leave(thing, Left::PlanLogin);
            None
        }
        _ => {
            planner.leave(thing, Left::UnknownKind);
            None
        }
    }
}

/// A reference to Claude Code's own login. Its mode `token` is what older versions wrote for the same.
pub(super) fn claude_login(planner: &mut Planner<'_>, thing: Thing<'_>, mode: Option<&str>) {
    let remark = "it is Claude Code's own login: referred to, and nothing of it is read or copied";
    let thing = thing.with(remark);
    let thing = match mode {
        Some("token") => thing.with("its mode `token` counts as `oauth`"),
        Some("oauth") | None => thing,
        Some(other) => thing.with(format!(
            "its mode `{}` contradicts that it is a login",
            super::names::shown(other)
        )),
    };
    let source = Source::ClaudeLogin { config_dir: None };
    planner.reference(thing, source, &Destination::of(None));
}

fn api_key(
    planner: &mut Planner<'_>,
    (mut thing, held): (Thing<'_>, Held<'_>),
    to: &Destination,
) -> Option<Name> {
    match held {
        Held::Text(text) => {
            if is_oauth(text) {
                thing
                    .remarks
                    .push("its type `api_key` contradicts its token, which is a login's".into());
            }
            planner.token(thing, text, to)
        }
        Held::Variable(variable) => {
            let variable = variable.to_owned();
            planner.reference(thing, Source::Environment { variable }, to)
        }
        Held::File(path) => {
            let path = path.to_owned();
            planner.reference(thing, Source::File { path }, to)
        }
        Held::Not(why) => {
            planner.leave(thing, why);
            None
        }
    }
}

/// A `token` is what `claude setup-token` printed, unless it is a key after all.
fn token(
    planner: &mut Planner<'_>,
    (mut thing, held): (Thing<'_>, Held<'_>),
    to: &Destination,
) -> Option<Name> {
    match held {
        Held::Text(text) => {
            if Family::of(text.trim()) == Family::ApiKey {
                thing
                    .remarks
                    .push("its type `token` contradicts its token, which is an API key".into());
            }
            planner.token(thing, text, to)
        }
        Held::Variable(_) | Held::File(_) => {
            planner.leave(thing, Left::UnseenToken);
            None
        }
        Held::Not(why) => {
            planner.leave(thing, why);
            None
        }
    }
}

/// What the configuration and the store disagree about. Its program leaves such a profile out without a word.
fn contradiction(kind: &str, mode: Option<&str>) -> Option<String> {
    let mode = mode.filter(|mode| *mode != kind && !(*mode == "oauth" && kind == "token"))?;
    Some(format!(
        "the configuration says `{}`, the store `{}`: its program leaves such a profile out",
        super::names::shown(mode),
        super::names::shown(kind)
    ))
}

fn declared<'a>(config: &ClawConfig<'a>, id: &str) -> Declared<'a> {
    let (provider, mode) = (None, None);
    let nothing = Declared { provider, mode };
    config.profiles.get(id).copied().unwrap_or(nothing)
}

fn held<'a>(
    record: &'a Node<'a>,
    [plain, reference]: [&str; 2],
    config: &ClawConfig<'a>,
) -> Held<'a> {
    if let Some(text) = record.text(&[plain]) {
        return match shorthand(text.trim()) {
            Some(variable) => Held::Variable(variable),
            None => Held::Text(text),
        };
    }
    let (Some(source), Some(id)) = (
        record.text(&[reference, "source"]),
        record.text(&[reference, "id"]),
    ) else {
        return Held::Not(Left::NoSecret);
    };
    match source {
        "env" if is_variable(id) => Held::Variable(id),
        "env" => Held::Not(Left::OtherShape("the name of a variable")),
        "file" => {
            let provider = record.text(&[reference, "provider"]).unwrap_or("default");
            match config.secret_files.get(provider) {
                Some(Some(path)) => Held::File(path),
                Some(None) => Held::Not(Left::Reference(
                    "it refers to one value in a file of several: have a program print it",
                )),
                None => Held::Not(Left::Reference(
                    "it refers to a file that the configuration does not name",
                )),
            }
        }
        "exec" => Held::Not(Left::Reference(
            "it refers to a program that is spoken to in a protocol of its own: have a program print the key as its only line",
        )),
        _ => Held::Not(Left::Reference(
            "it refers to a store that only its program can open: have a program print the key",
        )),
    }
}

/// `$NAME` and `${NAME}` stand for a variable.
fn shorthand(text: &str) -> Option<&str> {
    let name = text.strip_prefix('$')?;
    let name = match name.strip_prefix('{') {
        Some(name) => name.strip_suffix('}')?,
        None => name,
    };
    is_variable(name).then_some(name)
}

/// Whether this is a variable's name as those references have them.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.len() <= 128
        && name
            .bytes()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_')
}

fn is_oauth(text: &str) -> bool {
    matches!(
        Family::of(text.trim()),
        Family::OauthAccess | Family::OauthRefresh
    )
}
