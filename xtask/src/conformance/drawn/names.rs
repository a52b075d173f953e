//! The odd values that fit a name, and the names that settings files may set.

use super::grammar::Table;
use super::world::DrawnValue;
use super::{oddities, values};

/// Returns the odd texts and the odd JSON values of a variable or field.
pub(super) fn values_of(name: &str) -> (Table<DrawnValue>, Table<DrawnValue>) {
    if name == "apiKeyHelper" {
        return (values::HELPERS, values::HELPERS);
    }
    if oddities::URL_VARIABLES.contains(&name) {
        return (values::URLS, values::URL_JSON);
    }
    if let Some((_, (_, values))) = oddities::VARIABLES
        .iter()
        .find(|(_, (variable, _))| *variable == name)
    {
        return (values, values::SWITCH_JSON);
    }
    let is_switch = ["_USE_", "_SKIP_"].iter().any(|part| name.contains(part));
    let is_credential = ["KEY", "TOKEN", "Key", "Token", "_token"]
        .iter()
        .any(|part| name.contains(part));
    match (is_switch, is_credential) {
        (true, _) => (values::SWITCHES, values::SWITCH_JSON),
        (false, true) => (values::CREDENTIAL_TEXTS, values::CREDENTIAL_JSON),
        (false, false) => (TEXTS, values::OTHER_VALUES),
    }
}

/// Odd texts of other variables.
const TEXTS: Table<DrawnValue> = &[
    (1, DrawnValue::Text("")),
    (1, DrawnValue::Text(" ")),
    (1, DrawnValue::Text("text")),
];

/// Returns the path of a variable in a settings file.
pub(super) fn in_env(name: &'static str) -> &'static str {
    ENV_FIELDS
        .iter()
        .find(|field| field.strip_prefix("env.") == Some(name))
        .copied()
        .unwrap_or("env.OTHER_VARIABLE")
}

macro_rules! env_fields {
    ($($name:literal)*) => { &[$(concat!("env.", $name)),*] };
}

/// The variables that settings files may set.
const ENV_FIELDS: &[&str] = env_fields! {
    "ANTHROPIC_API_KEY" "ANTHROPIC_AUTH_TOKEN" "CLAUDE_CODE_OAUTH_TOKEN" "ANTHROPIC_BASE_URL"
    "ANTHROPIC_BEDROCK_BASE_URL" "ANTHROPIC_VERTEX_BASE_URL" "ANTHROPIC_FOUNDRY_BASE_URL" "ANTHROPIC_AWS_BASE_URL"
    "ANTHROPIC_BEDROCK_MANTLE_BASE_URL" "ANTHROPIC_GOOGLE_CLOUD_BASE_URL" "base_url"
    "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST" "CLAUDE_CODE_SIMPLE" "CLAUDE_CODE_REMOTE" "CLAUDE_CODE_ENTRYPOINT"
    "CLAUDE_CODE_USE_BEDROCK" "CLAUDE_CODE_USE_VERTEX" "CLAUDE_CODE_USE_FOUNDRY" "CLAUDE_CODE_USE_ANTHROPIC_AWS"
    "CLAUDE_CODE_USE_MANTLE" "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD" "CLAUDE_CODE_USE_GATEWAY"
    "CLAUDE_SECURESTORAGE_CONFIG_DIR" "CLAUDE_CONFIG_DIR" "XDG_CONFIG_HOME" "ANTHROPIC_CONFIG_DIR" "ANTHROPIC_PROFILE"
    "CLAUDE_CODE_OAUTH_SCOPES" "ANTHROPIC_CUSTOM_HEADERS" "CLAUDE_CODE_MANAGED_SETTINGS_PATH"
    "CLAUDE_CODE_REMOTE_SETTINGS_PATH" "CLAUDE_CODE_API_BASE_URL" "CLAUDE_CODE_CUSTOM_OAUTH_URL" "ANTHROPIC_UNIX_SOCKET"
    "ANTHROPIC_API_HOST" "CLAUDE_CODE_GATEWAY_TOKEN" "CLAUDE_CODE_SESSION_ACCESS_TOKEN"
    "CLAUDE_CODE_SESSIONS_OAUTH_TOKEN" "CLAUDE_CODE_HFI_BEARER_TOKEN" "CLAUDE_API_KEY" "ANTHROPIC_ADMIN_KEY"
    "CLAUDE_CODE_HOST_AUTH_ENV_VAR" "CLAUDE_CODE_RESTRICT_PERSONAL_CONFIG" "CLAUDE_CODE_RESTRICTED"
    "CLAUDE_CODE_SAFE_MODE" "CLAUDE_CODE_STOP_ON_UNUSABLE_PROFILE"
    "_CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL"
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_has_a_path_in_settings() {
        let names = oddities::VARIABLES.iter().map(|(_, (name, _))| *name);
        for name in names.chain(oddities::URL_VARIABLES.iter().copied()) {
            assert_eq!(in_env(name), format!("env.{name}"));
        }
    }
}
