//! The variables that select a credential, a provider or an address, as one table (docs/facts.md#rival-variables).
//!
//! Whoever starts a program, judges a project's settings or says what is wrong on a machine asks here. Invariant: every
//! name that the resolver knows is in it, so that a plan leaves nothing behind that could win.

use crate::snapshot::Environment;
use crate::token::looks_like_a_key;

/// Everything by which Claude Code or an official SDK selects who pays and where requests go.
const RIVALS: [&str; 60] = [
    // Credentials.
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
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
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_WEBSOCKET_AUTH_FILE_DESCRIPTOR",
    // Profiles and federation.
    "ANTHROPIC_FEDERATION_RULE_ID",
    "ANTHROPIC_IDENTITY_TOKEN",
    "ANTHROPIC_IDENTITY_TOKEN_FILE",
    "ANTHROPIC_ORGANIZATION_ID",
    "ANTHROPIC_PROFILE",
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
    "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST",
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
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_BEDROCK_BASE_URL",
    "ANTHROPIC_BEDROCK_MANTLE_BASE_URL",
    "ANTHROPIC_FOUNDRY_BASE_URL",
    "ANTHROPIC_GOOGLE_CLOUD_BASE_URL",
    "ANTHROPIC_UNIX_SOCKET",
    "ANTHROPIC_VERTEX_BASE_URL",
    "CLAUDE_CODE_HOST_GATEWAY_LINEAGE",
];

/// What a federation or a profile reads beside its own configuration: of no weight without one, and no rival of one.
const FILL_GAPS: [&str; 3] = [
    "ANTHROPIC_SCOPE",
    "ANTHROPIC_SERVICE_ACCOUNT_ID",
    "ANTHROPIC_WORKSPACE_ID",
];

/// Variables that send connections through a proxy. Programs heed them in lower case, too.
pub(crate) const PROXIES: [&str; 3] = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];

/// Variables that say whose certificates are believed.
pub(crate) const CERTIFICATES: [&str; 5] = [
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
];

/// What else leads a connection elsewhere, or puts another program in a program's place.
const LEAD_ELSEWHERE: [&str; 4] = [
    "LD_PRELOAD",
    "NODE_OPTIONS",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "PATH",
];

/// How the variables begin that decide who answers, whether or not they are known (docs/facts.md#claude-code).
const BEGINNINGS: [&str; 4] = ["ANTHROPIC_", "CLAUDE_", "CLAUDECODE", "AWS_BEARER_TOKEN_"];

/// Moves Claude Code's settings and login.
pub(crate) const CONFIG_DIR: &str = "CLAUDE_CONFIG_DIR";

/// Spells out headers, word by word.
pub(crate) const CUSTOM_HEADERS: &str = "ANTHROPIC_CUSTOM_HEADERS";

/// Starts Claude Code bare: no login, no OAuth token, no profile.
pub(crate) const SIMPLE: &str = "CLAUDE_CODE_SIMPLE";

/// Keeps settings files from the provider's variables.
pub(crate) const MANAGED_BY_HOST: &str = "CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST";

/// Headers that carry a credential.
const CREDENTIAL_HEADERS: [&str; 5] = [
    "api-key",
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-api-key",
];

/// Whether a variable selects a credential, a provider or an address.
pub fn is_rival(name: &str) -> bool {
    RIVALS.contains(&name)
}

/// Whether a variable leads connections elsewhere, whoever they are for.
pub fn leads_elsewhere(name: &str) -> bool {
    [&PROXIES[..], &CERTIFICATES, &LEAD_ELSEWHERE]
        .iter()
        .flat_map(|known| known.iter())
        .any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a variable of Claude Code's own leads its connections elsewhere, whatever its base URL says.
pub(crate) fn diverts(name: &str) -> bool {
    matches!(name, "ANTHROPIC_API_HOST" | "ANTHROPIC_UNIX_SOCKET")
}

/// Whether a variable is nothing that a project's settings should have a say in: who pays, and where requests go.
pub(crate) fn is_no_projects(name: &str) -> bool {
    is_rival(name) || name == CUSTOM_HEADERS || name == CONFIG_DIR || leads_elsewhere(name)
}

/// The variables for a Claude Code that is to follow one login: without whatever decides who answers, and every key.
pub fn without_rivals(environment: &Environment) -> impl Iterator<Item = (&str, &str)> {
    environment.names().filter_map(|name| {
        let decides = BEGINNINGS.iter().any(|start| name.starts_with(start));
        let value = environment.get(name)?;
        (!decides && !looks_like_a_key(value)).then_some((name, value))
    })
}

/// Whether a variable only completes a profile of the SDKs.
pub(crate) fn fills_gaps(name: &str) -> bool {
    FILL_GAPS.contains(&name)
}

/// Whether spelt-out headers have a credential among them.
pub(crate) fn spells_credential(headers: &str) -> bool {
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
    use crate::resolve::{Client, Place, resolve};
    use crate::snapshot::Snapshot;

    /// The variables that the resolver looks at when these are set.
    fn looked_at(set: &[(&str, &str)]) -> Vec<&'static str> {
        let mut names = Vec::new();
        for client in Client::ALL {
            let environment = Environment::from_pairs(set.iter().copied());
            let snapshot = Snapshot::of_environment(environment, Timestamp::UNIX_EPOCH);
            let resolution = resolve(&snapshot, client);
            let moved = resolution.moved.map(|moved| moved.place);
            let places = resolution.rungs.into_iter().map(|rung| rung.place);
            names.extend(places.chain(moved).filter_map(|place| match place {
                Place::Variable { name } => Some(name),
                _ => None,
            }));
        }
        names
    }

    #[test]
    fn every_variable_that_the_resolver_knows_is_a_rival() {
        let mut names = looked_at(&[("ANTHROPIC_BASE_URL", "https://a.example")]);
        for (switch, base_url) in [
            ("CLAUDE_CODE_USE_BEDROCK", "ANTHROPIC_BEDROCK_BASE_URL"),
            ("CLAUDE_CODE_USE_VERTEX", "ANTHROPIC_VERTEX_BASE_URL"),
            ("CLAUDE_CODE_USE_FOUNDRY", "ANTHROPIC_FOUNDRY_BASE_URL"),
        ] {
            names.extend(looked_at(&[(switch, "1"), (base_url, "https://a.example")]));
        }
        assert!(names.len() > 50, "{}", names.len());
        for name in names {
            assert!(is_rival(name), "{name}");
        }
    }

    #[test]
    fn a_claude_that_follows_one_login_is_left_no_rival() {
        let key = ["sk-", "ant-", "api03-", "somebody-elses"].concat();
        let rivals = RIVALS.iter().map(|name| (*name, "1"));
        let others = [("LANG", "C"), ("HTTPS_PROXY", "p"), ("OTHER_KEY", &key)];
        let environment = Environment::from_pairs(rivals.chain(others));
        let mut left: Vec<_> = without_rivals(&environment).collect();
        left.sort_unstable();
        assert_eq!(left, [("HTTPS_PROXY", "p"), ("LANG", "C")]);
    }

    #[test]
    fn models_and_logs_are_nobodys_rivals() {
        for name in [
            "ANTHROPIC_MODEL",
            "ANTHROPIC_LOG",
            "ANTHROPIC_CUSTOM_HEADERS",
            "CLAUDE_CODE_USE_POWERSHELL_TOOL",
            "PATH",
        ] {
            assert!(!is_rival(name), "{name}");
        }
        assert!(leads_elsewhere("https_proxy") && leads_elsewhere("PATH"));
    }

    #[test]
    fn credentials_are_found_among_spelt_out_headers() {
        for (headers, found) in [
            ("X-Api-Key: a", true),
            ("x-team: b\n authorization : Bearer c", true),
            ("x-team: authorization", false),
            ("", false),
        ] {
            assert_eq!(spells_credential(headers), found, "{headers:?}");
        }
    }
}
