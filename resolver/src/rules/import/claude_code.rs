//! Import from Claude Code: its helper, the credentials in its settings, the key of a Console sign-in, and its login by
//! reference (docs/facts.md#moving-in).

use keyreeve_core::profile::Source;
use keyreeve_core::token::contains_token;

use super::ImportSkip;
use super::document::Node;
use super::files::{FileRole, FoundFile};
use super::names;
use super::planner::{FoundItem, ImportDestination, Planner};
use crate::rules::variables::{API_KEY, AUTH_TOKEN, BASE_URL, OAUTH_TOKEN};

/// Plans the import of settings and login.
pub(super) fn plan(planner: &mut Planner<'_>, directory: Option<&str>, files: &[FoundFile]) {
    for file in files {
        match file.role {
            FileRole::Settings => settings(planner, file),
            FileRole::Login => login(planner, directory, file),
            FileRole::State => stored_key(planner, file),
            FileRole::Config
            | FileRole::AuthProfiles
            | FileRole::AuthState
            | FileRole::OlderAuth
            | FileRole::SdkProfile
            | FileRole::ActiveConfig => {}
        }
    }
}

fn settings(planner: &mut Planner<'_>, file: &FoundFile) {
    let whole_file = FoundItem::new("settings", &file.path, "");
    let settings = match Node::parse(&file.text) {
        Ok(settings) => settings,
        Err(reason) => return planner.skip(whole_file, reason),
    };
    if !settings.is_object() {
        return planner.skip(whole_file, ImportSkip::OtherShape("expected an object"));
    }
    let destination = ImportDestination::new(settings.text(&["env", BASE_URL]));
    let item = |label, base_name| FoundItem::new(label, &file.path, base_name);
    if let Some(helper) = settings.text(&["apiKeyHelper"]) {
        self::helper(
            planner,
            item("apiKeyHelper", "helper"),
            helper,
            &destination,
        );
    }
    if let Some(token) = settings.text(&["env", AUTH_TOKEN]) {
        let item = item("env.ANTHROPIC_AUTH_TOKEN", "auth-token");
        planner.token(item, token, &destination);
    }
    if let Some(key) = settings.text(&["env", API_KEY]) {
        let item = item("env.ANTHROPIC_API_KEY", "api-key");
        planner.token(item, key, &destination.as_api_key());
    }
    if settings.text(&["env", OAUTH_TOKEN]).is_some() {
        let item = item("env.CLAUDE_CODE_OAUTH_TOKEN", "");
        planner.skip(item, ImportSkip::SetupToken);
    }
    for (name, _) in settings.entries(&["env"]) {
        if name.starts_with("CLAUDE_CODE_USE_") {
            let text = format!(
                "{} sets {}; cloud accounts are not imported",
                file.path,
                names::display_name(name)
            );
            planner.note(text, None);
        }
    }
}

/// Plans the import of a helper. Claude Code passes its text to a shell, so the profile must do the same.
fn helper(
    planner: &mut Planner<'_>,
    item: FoundItem<'_>,
    text: &str,
    destination: &ImportDestination,
) {
    if contains_token(text) {
        return planner.skip(item, ImportSkip::KeyInHelper);
    }
    let argv = ["/bin/sh", "-c", text].map(ToOwned::to_owned).to_vec();
    let remark = "it is a shell command line and runs as in Claude Code: /bin/sh -c TEXT";
    let source = Source::Command { argv };
    planner.reference(item.with_remark(remark), source, destination);
}

/// Plans the import of the key that Claude Code stored after a sign-in to the Console.
fn stored_key(planner: &mut Planner<'_>, file: &FoundFile) {
    let state = match Node::parse(&file.text) {
        Ok(state) => state,
        Err(reason) => return planner.skip(FoundItem::new("state", &file.path, ""), reason),
    };
    if let Some(key) = state.text(&["primaryApiKey"]) {
        let item = FoundItem::new("primaryApiKey", &file.path, "console-key");
        let remark =
            "Claude Code also keeps it, and sends it next to a plan, until `claude auth logout`";
        let destination = ImportDestination::new(None).as_api_key();
        planner.token(item.with_remark(remark), key, &destination);
    }
}

fn login(planner: &mut Planner<'_>, directory: Option<&str>, file: &FoundFile) {
    let item = FoundItem::new("login", &file.path, "login");
    let source = Source::ClaudeLogin {
        config_dir: directory.map(ToOwned::to_owned),
    };
    let remark = "it remains Claude Code's own login, which is never read or copied";
    let destination = ImportDestination::new(None);
    planner.reference(item.with_remark(remark), source, &destination);
}
