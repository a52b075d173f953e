//! Findings about the variables that are set, in the environment and in Claude Code's settings: their credentials and
//! their base URLs (docs/facts.md#claude-code, docs/facts.md#endpoints).

use keyreeve_core::token::{Family, Grammar, TokenRepair, contains_token, redact};
use url::Url;

use super::{Finding, FindingCode, FindingLocation, Fix, shown};
use crate::rules::claude_code::SettingsState;
use crate::rules::resolve::{
    BaseUrlProblem, CredentialProblem, base_url_problem, credential_problem, is_loopback,
};
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::{
    API_KEY, AUTH_TOKEN, BASE_URL, CREDENTIALS, CUSTOM_HEADERS, OAUTH_TOKEN, SDK_PROFILE,
};

/// A variable that is set, with its location.
struct Variable<'a> {
    name: &'a str,
    location: FindingLocation,
    text: &'a str,
    /// The settings file that sets it, or `None` if it is in the environment.
    file: Option<&'a str>,
}

pub(super) fn findings(snapshot: &Snapshot) -> Vec<Finding> {
    let has_custom_base_url = has_custom_base_url(snapshot);
    let mut found = Vec::new();
    for variable in set_variables(snapshot, &CREDENTIALS) {
        found.extend(
            format(&variable, has_custom_base_url).or_else(|| kind(&variable, has_custom_base_url)),
        );
    }
    for variable in set_variables(snapshot, &[BASE_URL]) {
        found.extend(check_base_url(&variable));
    }
    found.extend(profile_overridden(snapshot));
    found.extend(credential_headers(snapshot));
    found
}

impl Variable<'_> {
    /// Returns the fix that removes it.
    fn removal(&self) -> Fix {
        match self.file {
            None => Fix::unset(self.name),
            Some(path) => Fix::manual(format!("remove env.{} from {}", self.name, shown(path))),
        }
    }

    /// Returns the variable with its redacted value.
    fn redacted(&self) -> String {
        format!("{} ({})", self.name, redact(self.text.trim()))
    }
}

/// Returns every location that sets one of these variables.
fn set_variables<'a>(snapshot: &'a Snapshot, names: &[&'a str]) -> Vec<Variable<'a>> {
    let mut all = Vec::new();
    for name in names {
        if let Some(text) = snapshot.environment.get(name) {
            all.push(Variable {
                name,
                location: FindingLocation::variable(name),
                text,
                file: None,
            });
        }
        for file in &snapshot.settings {
            if let SettingsState::Read(settings) = &file.state
                && let Some(setting) = settings.variable(name)
            {
                all.push(Variable {
                    name,
                    location: FindingLocation::line(&file.path, setting.line),
                    text: setting.value.inspect(),
                    file: Some(&file.path),
                });
            }
        }
    }
    all
}

/// Returns `true` if a base URL points to another host than the vendor's.
fn has_custom_base_url(snapshot: &Snapshot) -> bool {
    set_variables(snapshot, &[BASE_URL])
        .iter()
        .filter_map(|variable| Url::parse(variable.text.trim()).ok())
        .any(|url| url.host_str() != Some("api.anthropic.com"))
}

/// Checks that a value can be a credential at all.
fn format(variable: &Variable<'_>, has_custom_base_url: bool) -> Option<Finding> {
    let name = variable.name;
    let finding =
        |code, message, fix| Some(Finding::new(code, variable.location.clone(), message, fix));
    if variable.text.trim().is_empty() {
        let message = format!(
            "{name} is set to an empty value: it counts as not set, but hides values with lower precedence"
        );
        // In a settings file an empty value is the way to turn a variable off.
        return match variable.file {
            None => finding(FindingCode::EmptyVariable, message, variable.removal()),
            Some(_) => None,
        };
    }
    let grammar = if has_custom_base_url {
        Grammar::Printable
    } else {
        Grammar::Anthropic
    };
    match credential_problem(variable.text, grammar)? {
        CredentialProblem::SurroundedBy(TokenRepair::Quotes) => {
            let message =
                format!("{name} has quotes around its value, which are sent as part of it");
            let fix = Fix::manual(format!("set {name} again without the quotes"));
            finding(FindingCode::QuotedValue, message, fix)
        }
        CredentialProblem::SurroundedBy(TokenRepair::Bearer) => {
            let message = format!("{name} starts with `Bearer `, which the client adds itself");
            let fix = Fix::manual(format!("set {name} to the token only"));
            finding(FindingCode::BearerInValue, message, fix)
        }
        CredentialProblem::WrongKind(kind) => {
            let message = format!("{} is {kind}", variable.redacted());
            finding(
                FindingCode::WrongCredentialKind,
                message,
                variable.removal(),
            )
        }
        problem @ (CredentialProblem::SurroundedBy(_) | CredentialProblem::NotAToken(_)) => {
            let message = format!("{name} cannot be used: {problem}");
            let fix = Fix::manual(format!("set {name} to the credential itself, or unset it"));
            finding(FindingCode::NotACredential, message, fix)
        }
    }
}

/// Checks that a value is of the kind that its variable expects.
fn kind(variable: &Variable<'_>, has_custom_base_url: bool) -> Option<Finding> {
    let family = Family::from_prefix(variable.text.trim());
    let redacted = variable.redacted();
    let (code, problem, instead) = match (variable.name, family) {
        (API_KEY, Family::OauthAccess) => (
            FindingCode::OauthAsApiKey,
            "an OAuth token, which the API refuses as an API key",
            OAUTH_TOKEN,
        ),
        (AUTH_TOKEN, Family::OauthAccess) if !has_custom_base_url => (
            FindingCode::OauthAsAuthToken,
            "an OAuth token, which Claude Code sends without the beta value that the API requires for it",
            OAUTH_TOKEN,
        ),
        (OAUTH_TOKEN, Family::ApiKey) => (
            FindingCode::KeyAsOauthToken,
            "an API key, but would be sent as an OAuth token",
            API_KEY,
        ),
        (API_KEY, Family::VirtualKey | Family::Opaque | Family::OtherVendor)
            if has_custom_base_url =>
        {
            (
                FindingCode::GatewayKeyAsApiKey,
                "a gateway's key; as an API key it is also sent to the vendor's own host, in requests that bypass the gateway",
                AUTH_TOKEN,
            )
        }
        _ => return None,
    };
    let fix = Fix::manual(format!(
        "set {instead} to this value instead of {}",
        variable.name
    ));
    let message = format!("{redacted} is {problem}");
    Some(Finding::new(code, variable.location.clone(), message, fix))
}

fn profile_overridden(snapshot: &Snapshot) -> Option<Finding> {
    let profile = snapshot.environment.get(SDK_PROFILE)?.trim();
    let stronger = CREDENTIALS.iter().find(|name| snapshot.has_value(name))?;
    (!profile.is_empty()).then(|| {
        Finding::new(
            FindingCode::ProfileOverridden,
            FindingLocation::variable(SDK_PROFILE),
            format!("ANTHROPIC_PROFILE names `{profile}`, but {stronger} overrides any profile"),
            Fix::unset(stronger),
        )
    })
}

fn credential_headers(snapshot: &Snapshot) -> Vec<Finding> {
    let credential_header = |text: &str| {
        text.lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, _)| name.trim().to_ascii_lowercase())
            .find(|name| name == "authorization" || name == "x-api-key")
    };
    set_variables(snapshot, &[CUSTOM_HEADERS])
        .iter()
        .filter_map(|variable| {
            let header = credential_header(variable.text)?;
            Some(Finding::new(
                FindingCode::CredentialHeader,
                variable.location.clone(),
                format!("ANTHROPIC_CUSTOM_HEADERS adds `{header}` to every request, in addition to the client's own credential"),
                variable.removal(),
            ))
        })
        .collect()
}

fn check_base_url(variable: &Variable<'_>) -> Vec<Finding> {
    let text = variable.text.trim();
    let mut found = Vec::new();
    let mut add = |code, message: &str, fix| {
        found.push(Finding::new(code, variable.location.clone(), message, fix));
    };
    let set_again = |how: &str| Fix::manual(format!("set {BASE_URL} again {how}"));
    let url = Url::parse(text).ok();
    let has_user_info = url
        .as_ref()
        .is_some_and(|url| !url.username().is_empty() || url.password().is_some());
    if has_user_info || contains_token(text) {
        add(
            FindingCode::KeyInUrl,
            "ANTHROPIC_BASE_URL contains a credential, and addresses end up in logs and on screens",
            set_again("without the credential, which belongs in ANTHROPIC_AUTH_TOKEN"),
        );
    }
    match base_url_problem(text) {
        Some(problem @ BaseUrlProblem::AddedPath) => add(
            FindingCode::PathInUrl,
            &format!("{BASE_URL} {problem}"),
            set_again("without /v1 and everything after it"),
        ),
        Some(problem) => add(
            FindingCode::InvalidBaseUrl,
            &format!("{BASE_URL} {problem}"),
            set_again("as https://HOST, or unset it"),
        ),
        None => {}
    }
    let Some(url) = url else { return found };
    if url.scheme() == "http" && !is_loopback(&url) {
        add(
            FindingCode::PlainHttp,
            "ANTHROPIC_BASE_URL is http:// to another machine, so anyone on the network path can read the credential",
            set_again("with https://"),
        );
    }
    found
}
