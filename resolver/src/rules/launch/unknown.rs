//! Files and variables of unknown effect: by their names they may select a credential or an address, and the resolver
//! does not know how (docs/facts.md#conflicting-variables).
//!
//! A plan's token is worth more than the start of a program: where one of these is set, the user decides first.

use super::error::UnknownEffect;
use super::plan::LaunchPlan;
use super::target::Target;
use crate::rules::claude_code::{SettingsFile, SettingsState};
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::{
    API_KEY, AUTH_TOKEN, BASE_URL, FEDERATION_ORGANIZATION, FEDERATION_RULE, IDENTITY_TOKEN,
    IDENTITY_TOKEN_FILE, MANAGED_BY_HOST, OAUTH_TOKEN, SDK_PROFILE,
};

/// The policy for files and variables of unknown effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnknownEffectPolicy {
    /// Refuse to start the program.
    Refuse,
    /// Start it: the user knows that they are harmless.
    Allow,
}

/// Lists what is of unknown effect on a plan's token: nothing for another credential, which is bound to its address by
/// the variables that the plan sets.
pub fn list_unknown_effects(
    planned: &Snapshot,
    plan: &LaunchPlan,
    target: &Target,
) -> Vec<UnknownEffect> {
    if !plan.delivery.is_plan_token() {
        return Vec::new();
    }
    let in_environment = planned.environment.names().filter(|name| is_unknown(name));
    let in_environment = in_environment.map(|name| UnknownEffect::Variable {
        name: name.to_owned(),
    });
    let files = planned.settings.iter();
    let read = files.filter(|file| target.arguments.sources.includes(file.scope));
    let unread = planned.unknown_files.iter();
    in_environment
        .chain(read.flat_map(unknown_settings))
        .chain(unread.map(|path| UnknownEffect::File { path: path.clone() }))
        .collect()
}

fn unknown_settings(file: &SettingsFile) -> Vec<UnknownEffect> {
    let SettingsState::Read(settings) = &file.state else {
        return Vec::new();
    };
    let is_set = |value: &str| !value.trim().is_empty();
    let unknown = settings
        .env
        .iter()
        .filter(|variable| is_unknown(&variable.name) && is_set(variable.value.inspect()));
    unknown
        .map(|variable| UnknownEffect::Setting {
            name: variable.name.clone(),
            path: file.path.clone(),
            line: variable.line,
        })
        .collect()
}

/// The variables that the resolver follows; the verification of a plan judges them.
const RESOLVED: [&str; 30] = [
    API_KEY,
    AUTH_TOKEN,
    BASE_URL,
    FEDERATION_ORGANIZATION,
    FEDERATION_RULE,
    IDENTITY_TOKEN,
    IDENTITY_TOKEN_FILE,
    MANAGED_BY_HOST,
    OAUTH_TOKEN,
    SDK_PROFILE,
    "ANTHROPIC_AWS_API_KEY",
    "ANTHROPIC_AWS_BASE_URL",
    "ANTHROPIC_BEDROCK_BASE_URL",
    "ANTHROPIC_BEDROCK_MANTLE_BASE_URL",
    "ANTHROPIC_FOUNDRY_API_KEY",
    "ANTHROPIC_FOUNDRY_AUTH_TOKEN",
    "ANTHROPIC_FOUNDRY_BASE_URL",
    "ANTHROPIC_SCOPE",
    "ANTHROPIC_SERVICE_ACCOUNT_ID",
    "ANTHROPIC_VERTEX_BASE_URL",
    "ANTHROPIC_WORKSPACE_ID",
    "AWS_BEARER_TOKEN_BEDROCK",
    "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
    "CLAUDE_CODE_SKIP_VERTEX_AUTH",
    "CLAUDE_CODE_USE_ANTHROPIC_AWS",
    "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_MANTLE",
    "CLAUDE_CODE_USE_VERTEX",
];

/// Variables of known effect that only look as if they selected something.
const HARMLESS: [&str; 4] = [
    "CLAUDE_CODE_USE_CCR_V2",
    "CLAUDE_CODE_USE_COWORK_PLUGINS",
    "CLAUDE_CODE_USE_NATIVE_FILE_SEARCH",
    "CLAUDE_CODE_USE_POWERSHELL_TOOL",
];

/// The ends of names that select a credential or an address.
const SELECTING: [&str; 10] = [
    "_API_HOST",
    "_API_KEY",
    "_AUTH_TOKEN",
    "_BASE_URL",
    "_CREDS_FILE",
    "_FILE_DESCRIPTOR",
    "_GATEWAY_TOKEN",
    "_OAUTH_TOKEN",
    "_PROXY_URL",
    "_UNIX_SOCKET",
];

fn is_unknown(name: &str) -> bool {
    let is_known = RESOLVED.contains(&name) || HARMLESS.contains(&name);
    !is_known && selects_upstream(name)
}

/// Returns `true` if a name has the form of those by which Claude Code selects a credential or an address.
fn selects_upstream(name: &str) -> bool {
    let has_prefix = name.starts_with("ANTHROPIC_") || name.starts_with("CLAUDE_CODE_");
    let has_form = name.starts_with("CLAUDE_CODE_USE_")
        || name.starts_with("CLAUDE_CODE_HOST_")
        || SELECTING.iter().any(|end| name.ends_with(end));
    has_prefix && has_form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_selecting_form_are_unknown_unless_resolved() {
        for name in [
            "ANTHROPIC_UNIX_SOCKET",
            "ANTHROPIC_API_HOST",
            "ANTHROPIC_NEXT_CLOUD_BASE_URL",
            "CLAUDE_CODE_USE_NEXT_CLOUD",
            "CLAUDE_CODE_USE_GATEWAY",
            "CLAUDE_CODE_HOST_CREDS_FILE",
            "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
        ] {
            assert!(is_unknown(name), "{name}");
        }
        for name in RESOLVED.into_iter().chain(HARMLESS).chain([
            "ANTHROPIC_MODEL",
            "ANTHROPIC_LOG",
            "CLAUDE_CODE_MAX_RETRIES",
            "CLAUDE_CODE_ENTRYPOINT",
            "OPENAI_API_KEY",
            "MY_BASE_URL",
        ]) {
            assert!(!is_unknown(name), "{name}");
        }
    }
}
