//! Conflicting variables: the table of variables that select a credential, a provider or an address
//! (docs/facts.md#conflicting-variables).
//!
//! Launch plans, the check of project settings and findings use it. Invariant: it contains every variable that the
//! resolver reads, so no variable that a launch plan keeps can override the intended credential.

use keyreeve_core::token::contains_token;
use keyreeve_os::environment::Environment;

use crate::rules::variables::{
    API_KEY, AUTH_TOKEN, BASE_URL, CLAUDE_CONFIG_DIR, CUSTOM_HEADERS, FEDERATION_ORGANIZATION,
    FEDERATION_RULE, IDENTITY_TOKEN, IDENTITY_TOKEN_FILE, MANAGED_BY_HOST, OAUTH_TOKEN,
    SDK_PROFILE, TLS_CHECK,
};

/// The variables by which Claude Code or an official SDK selects who pays and where requests go.
pub(super) const CONFLICTING_VARIABLES: [&str; 60] = [
    // Credentials.
    API_KEY,
    AUTH_TOKEN,
    "ANTHROPIC_AWS_API_KEY",
    "ANTHROPIC_ENVIRONMENT_KEY",
    "ANTHROPIC_FOUNDRY_API_KEY",
    "ANTHROPIC_FOUNDRY_AUTH_TOKEN",
    "ANTHROPIC_WORK_SECRET",
    "AWS_BEARER_TOKEN_BEDROCK",
    "CLAUDE_API_KEY",
    "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
    "CLAUDE_CODE_GATEWAY_TOKEN",
    "CLAUDE_CODE_GATEWAY_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_HOST_AUTH_ENV_VAR",
    "CLAUDE_CODE_HOST_CREDS_FILE",
    "CLAUDE_CODE_OAUTH_CLIENT_ID",
    "CLAUDE_CODE_OAUTH_REFRESH_TOKEN",
    "CLAUDE_CODE_OAUTH_SCOPES",
    OAUTH_TOKEN,
    "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_WEBSOCKET_AUTH_FILE_DESCRIPTOR",
    // Profiles and federation.
    FEDERATION_RULE,
    IDENTITY_TOKEN,
    IDENTITY_TOKEN_FILE,
    FEDERATION_ORGANIZATION,
    SDK_PROFILE,
    "ANTHROPIC_SCOPE",
    "ANTHROPIC_SERVICE_ACCOUNT_ID",
    "ANTHROPIC_WORKSPACE_ID",
    // Providers.
    "ANTHROPIC_AWS_WORKSPACE_ID",
    "ANTHROPIC_BEDROCK_REGION_PREFIX",
    "ANTHROPIC_BEDROCK_SERVICE_TIER",
    "ANTHROPIC_FOUNDRY_RESOURCE",
    "ANTHROPIC_GOOGLE_CLOUD_LOCATION",
    "ANTHROPIC_GOOGLE_CLOUD_PROJECT",
    "ANTHROPIC_GOOGLE_CLOUD_WORKSPACE_ID",
    "ANTHROPIC_VERTEX_PROJECT_ID",
    MANAGED_BY_HOST,
    "CLAUDE_CODE_SKIP_ANTHROPIC_AWS_AUTH",
    "CLAUDE_CODE_SKIP_ANTHROPIC_GOOGLE_CLOUD_AUTH",
    "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
    "CLAUDE_CODE_SKIP_FOUNDRY_AUTH",
    "CLAUDE_CODE_SKIP_MANTLE_AUTH",
    "CLAUDE_CODE_SKIP_VERTEX_AUTH",
    "CLAUDE_CODE_USE_ANTHROPIC_AWS",
    "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_GATEWAY",
    "CLAUDE_CODE_USE_MANTLE",
    "CLAUDE_CODE_USE_VERTEX",
    // Addresses.
    "ANTHROPIC_API_HOST",
    "ANTHROPIC_AWS_BASE_URL",
    BASE_URL,
    "ANTHROPIC_BEDROCK_BASE_URL",
    "ANTHROPIC_BEDROCK_MANTLE_BASE_URL",
    "ANTHROPIC_FOUNDRY_BASE_URL",
    "ANTHROPIC_GOOGLE_CLOUD_BASE_URL",
    "ANTHROPIC_UNIX_SOCKET",
    "ANTHROPIC_VERTEX_BASE_URL",
    "CLAUDE_CODE_HOST_GATEWAY_LINEAGE",
];

/// Optional details of a federation or an SDK profile: without effect alone, and not in conflict with one.
const SDK_PROFILE_DETAILS: [&str; 3] = [
    "ANTHROPIC_SCOPE",
    "ANTHROPIC_SERVICE_ACCOUNT_ID",
    "ANTHROPIC_WORKSPACE_ID",
];

/// Variables that send connections through a proxy. Programs read them in lower case, too.
pub(crate) const PROXIES: [&str; 3] = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];

/// Variables that select the trusted certificates.
pub(crate) const CERTIFICATES: [&str; 5] = [
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
];

/// Other variables that redirect a connection or replace a program.
const REDIRECTING: [&str; 4] = ["LD_PRELOAD", "NODE_OPTIONS", TLS_CHECK, "PATH"];

/// Prefixes of the variables, known or not, that select the upstream or the credential (docs/facts.md#claude-code).
const PREFIXES: [&str; 4] = ["ANTHROPIC_", "CLAUDE_", "CLAUDECODE", "AWS_BEARER_TOKEN_"];

/// Headers that carry a credential.
const CREDENTIAL_HEADERS: [&str; 5] = [
    "api-key",
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-api-key",
];

/// Returns `true` if a variable selects a credential, a provider or an address.
pub fn is_conflicting(name: &str) -> bool {
    CONFLICTING_VARIABLES.contains(&name)
}

/// Returns `true` if a variable redirects the connections of any program.
pub(crate) fn redirects_connections(name: &str) -> bool {
    [&PROXIES[..], &CERTIFICATES, &REDIRECTING]
        .iter()
        .flat_map(|known| known.iter())
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// Returns `true` if a variable redirects Claude Code's connections in spite of its base URL.
pub(crate) fn redirects_claude_code(name: &str) -> bool {
    matches!(name, "ANTHROPIC_API_HOST" | "ANTHROPIC_UNIX_SOCKET")
}

/// Returns `true` if project settings must not set a variable, since it decides who pays or where requests go.
pub(crate) fn is_forbidden_in_projects(name: &str) -> bool {
    is_conflicting(name)
        || name == CUSTOM_HEADERS
        || name == CLAUDE_CONFIG_DIR
        || redirects_connections(name)
}

/// Returns the variables for a Claude Code that must use one login: without any that select an upstream or a
/// credential.
pub fn without_conflicts(environment: &Environment) -> impl Iterator<Item = (&str, &str)> {
    environment.names().filter_map(|name| {
        let has_prefix = PREFIXES.iter().any(|start| name.starts_with(start));
        let value = environment.get(name)?;
        (!has_prefix && !contains_token(value)).then_some((name, value))
    })
}

/// Returns `true` if a variable only completes an SDK profile.
pub(crate) fn completes_sdk_profile(name: &str) -> bool {
    SDK_PROFILE_DETAILS.contains(&name)
}

/// Returns `true` if custom headers contain a credential.
pub(crate) fn contains_credential_header(headers: &str) -> bool {
    let is_credential = |name: &str| {
        let name = name.trim();
        CREDENTIAL_HEADERS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    };
    headers
        .lines()
        .filter_map(|line| line.split_once(':'))
        .any(|(name, _)| is_credential(name))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::rules::resolve::{ClientProgram, Location, resolve};
    use crate::rules::snapshot::Snapshot;

    /// Returns the variables that the resolver reads when these are set.
    fn read_by_resolver(set: &[(&str, &str)]) -> Vec<&'static str> {
        let mut names = Vec::new();
        for client in ClientProgram::ALL {
            let environment = Environment::from_pairs(set.iter().copied());
            let snapshot = Snapshot::from_environment(environment, Timestamp::UNIX_EPOCH);
            let resolution = resolve(&snapshot, client);
            let base_url = resolution.base_url_override.map(|found| found.location);
            let locations = resolution.steps.into_iter().map(|step| step.location);
            names.extend(
                locations
                    .chain(base_url)
                    .filter_map(|location| match location {
                        Location::Variable { name } => Some(name),
                        _ => None,
                    }),
            );
        }
        names
    }

    #[test]
    fn every_variable_of_the_resolver_is_conflicting() {
        let mut names = read_by_resolver(&[("ANTHROPIC_BASE_URL", "https://a.example")]);
        for (switch, base_url) in [
            ("CLAUDE_CODE_USE_BEDROCK", "ANTHROPIC_BEDROCK_BASE_URL"),
            ("CLAUDE_CODE_USE_VERTEX", "ANTHROPIC_VERTEX_BASE_URL"),
            ("CLAUDE_CODE_USE_FOUNDRY", "ANTHROPIC_FOUNDRY_BASE_URL"),
        ] {
            names.extend(read_by_resolver(&[
                (switch, "1"),
                (base_url, "https://a.example"),
            ]));
        }
        assert!(names.len() > 50, "{}", names.len());
        for name in names {
            assert!(is_conflicting(name), "{name}");
        }
    }

    #[test]
    fn login_environment_has_no_conflicting_variable() {
        let key = ["sk-", "ant-", "api03-", "another-users-key"].concat();
        let conflicting = CONFLICTING_VARIABLES.iter().map(|name| (*name, "1"));
        let others = [("LANG", "C"), ("HTTPS_PROXY", "p"), ("OTHER_KEY", &key)];
        let environment = Environment::from_pairs(conflicting.chain(others));
        let mut kept: Vec<_> = without_conflicts(&environment).collect();
        kept.sort_unstable();
        assert_eq!(kept, [("HTTPS_PROXY", "p"), ("LANG", "C")]);
    }

    #[test]
    fn model_and_log_variables_do_not_conflict() {
        for name in [
            "ANTHROPIC_MODEL",
            "ANTHROPIC_LOG",
            "ANTHROPIC_CUSTOM_HEADERS",
            "CLAUDE_CODE_USE_POWERSHELL_TOOL",
            "PATH",
        ] {
            assert!(!is_conflicting(name), "{name}");
        }
        assert!(redirects_connections("https_proxy") && redirects_connections("PATH"));
    }

    #[test]
    fn credentials_in_custom_headers_are_found() {
        for (headers, found) in [
            ("X-Api-Key: a", true),
            ("x-team: b\n authorization : Bearer c", true),
            ("x-team: authorization", false),
            ("", false),
        ] {
            assert_eq!(contains_credential_header(headers), found, "{headers:?}");
        }
    }
}
