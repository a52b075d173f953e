//! Claude Code: its helper, the credentials in its settings, and its login by reference (docs/facts.md#moving-in).

use crate::import::Left;
use crate::import::document::Node;
use crate::import::names;
use crate::import::place::{Found, Role};
use crate::import::planner::{Destination, Planner, Thing};
use crate::profile::Source;
use crate::token::looks_like_a_key;

/// Plans for settings and login.
pub(super) fn plan(planner: &mut Planner<'_>, directory: Option<&str>, files: &[Found]) {
    for file in files {
        match file.role {
            Role::Settings => settings(planner, file),
            Role::Login => login(planner, directory, file),
            Role::Config
            | Role::AuthProfiles
            | Role::AuthState
            | Role::OlderAuth
            | Role::SdkProfile
            | Role::ActiveConfig => {}
        }
    }
}

fn settings(planner: &mut Planner<'_>, file: &Found) {
    let whole = Thing::new("settings", &file.path, "");
    let settings = match Node::parse(&file.text) {
        Ok(settings) => settings,
        Err(why) => return planner.leave(whole, why),
    };
    if !settings.is_object() {
        return planner.leave(whole, Left::OtherShape("an object"));
    }
    let to = Destination::of(settings.text(&["env", "ANTHROPIC_BASE_URL"]));
    let thing = |what, called| Thing::new(what, &file.path, called);
    if let Some(helper) = settings.text(&["apiKeyHelper"]) {
        self::helper(planner, thing("apiKeyHelper", "helper"), helper, &to);
    }
    if let Some(token) = settings.text(&["env", "ANTHROPIC_AUTH_TOKEN"]) {
        let thing = thing("env.ANTHROPIC_AUTH_TOKEN", "auth-token");
        planner.token(thing, token, &to);
    }
    if let Some(key) = settings.text(&["env", "ANTHROPIC_API_KEY"]) {
        let thing = thing("env.ANTHROPIC_API_KEY", "api-key");
        planner.token(thing, key, &to.as_api_key());
    }
    if settings.text(&["env", "CLAUDE_CODE_OAUTH_TOKEN"]).is_some() {
        let thing = thing("env.CLAUDE_CODE_OAUTH_TOKEN", "");
        planner.leave(thing, Left::SetupToken);
    }
    for (name, _) in settings.entries(&["env"]) {
        if name.starts_with("CLAUDE_CODE_USE_") {
            let text = format!(
                "{} sets {}: a cloud account is not moved in",
                file.path,
                names::shown(name)
            );
            planner.note(text, None);
        }
    }
}

/// Claude Code hands the helper's text to a shell, and so it must be here: split in another way it is another command.
fn helper(planner: &mut Planner<'_>, thing: Thing<'_>, text: &str, to: &Destination) {
    if looks_like_a_key(text) {
        return planner.leave(thing, Left::KeyInHelper);
    }
    let argv = ["/bin/sh", "-c", text].map(ToOwned::to_owned).to_vec();
    let remark = "it is a shell's command line, and is run as Claude Code runs it: /bin/sh -c TEXT";
    let source = Source::Command { argv };
    planner.reference(thing.with(remark), source, to);
}

fn login(planner: &mut Planner<'_>, directory: Option<&str>, file: &Found) {
    let thing = Thing::new("login", &file.path, "login");
    let source = Source::ClaudeLogin {
        config_dir: directory.map(ToOwned::to_owned),
    };
    let remark = "it stays Claude Code's own: nothing of it is read or copied";
    let to = Destination::of(None);
    planner.reference(thing.with(remark), source, &to);
}
