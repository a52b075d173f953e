//! Findings about credentials in variables, in the environment and in Claude Code's settings
//! (docs/facts.md#claude-code).

use keyreeve_core::token::Family;

use super::urls::has_custom_base_url;
use super::variable::{Variable, set_variables};
use super::{Finding, FindingCode, FindingLocation, Fix, shown};
use crate::rules::resolve::{
    ClientProgram, CredentialHeader, Location, Method, PayerClass, Resolution, StepState,
};
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::{
    API_KEY, AUTH_TOKEN, CREDENTIALS, CUSTOM_HEADERS, OAUTH_TOKEN, SDK_PROFILE,
};

pub(super) fn findings(snapshot: &Snapshot, resolutions: &[Resolution]) -> Vec<Finding> {
    let has_custom_base_url = has_custom_base_url(snapshot);
    let mut found = Vec::new();
    for variable in set_variables(snapshot, &CREDENTIALS) {
        found.extend(format(&variable).or_else(|| kind(&variable, has_custom_base_url)));
    }
    found.extend(profile_overridden(snapshot));
    found.extend(credential_headers(snapshot));
    for resolution in resolutions {
        found.extend(login_shadowed(resolution));
        found.extend(two_credentials(resolution));
        found.extend(unsendable(resolution));
    }
    found
}

/// Checks the format of a value.
fn format(variable: &Variable<'_>) -> Option<Finding> {
    let text = variable.text.trim();
    let name = variable.name;
    let finding =
        |code, message, fix| Some(Finding::new(code, variable.location.clone(), message, fix));
    if text.is_empty() {
        let message = format!(
            "{name} is set to an empty value: it counts as not set, but hides values with lower precedence"
        );
        // In a settings file an empty value is the way to turn a variable off.
        return match variable.file {
            None => finding(FindingCode::EmptyVariable, message, variable.removal()),
            Some(_) => None,
        };
    }
    if text.starts_with(['"', '\'', '\u{201c}', '\u{2018}']) || text.ends_with(['"', '\'']) {
        let message = format!("{name} has quotes around its value, which are sent as part of it");
        let fix = Fix::manual(format!("set {name} again without the quotes"));
        return finding(FindingCode::QuotedValue, message, fix);
    }
    let word = text.get(..7).unwrap_or_default();
    if word.eq_ignore_ascii_case("bearer ") {
        let message = format!("{name} starts with `Bearer `, which the client adds itself");
        let fix = Fix::manual(format!("set {name} to the token only"));
        return finding(FindingCode::BearerInValue, message, fix);
    }
    None
}

/// Checks that a value is of the kind that its variable expects.
fn kind(variable: &Variable<'_>, has_custom_base_url: bool) -> Option<Finding> {
    let family = Family::from_prefix(variable.text.trim());
    let redacted = variable.redacted();
    if let Some(problem) = unusable_kind(family, has_custom_base_url) {
        return Some(Finding::new(
            FindingCode::WrongCredentialKind,
            variable.location.clone(),
            format!("{redacted} is {problem}"),
            variable.removal(),
        ));
    }
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

/// Describes a credential that cannot call models from any of these variables.
fn unusable_kind(family: Family, has_custom_base_url: bool) -> Option<&'static str> {
    match family {
        Family::AdminKey => Some("an Admin API key, which cannot call models"),
        Family::OauthRefresh => Some("a refresh token, which is never sent as a credential"),
        Family::ClaudeSession => Some("a web session cookie, which is not an API credential"),
        Family::WorkToken | Family::AdminVirtualKey => {
            Some("not a credential that can call models")
        }
        Family::OtherVendor if !has_custom_base_url => Some("another vendor's key"),
        Family::VirtualKey if !has_custom_base_url => {
            Some("a keyreeve virtual key, but no base URL points to its gateway")
        }
        Family::ApiKey
        | Family::OauthAccess
        | Family::UnknownAnthropic
        | Family::VirtualKey
        | Family::OtherVendor
        | Family::Opaque => None,
    }
}

fn profile_overridden(snapshot: &Snapshot) -> Option<Finding> {
    let environment = &snapshot.environment;
    let is_set = |name: &&str| {
        environment
            .get(name)
            .is_some_and(|text| !text.trim().is_empty())
    };
    let profile = environment.get(SDK_PROFILE)?.trim();
    let stronger = CREDENTIALS.iter().find(|name| is_set(name))?;
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

/// Finds a shadowed login, unless a plan pays in any case, or a gateway that the user configured.
fn login_shadowed(resolution: &Resolution) -> Option<Finding> {
    match resolution.payer.class {
        PayerClass::OrganizationCredit | PayerClass::Conflict | PayerClass::Unknown => {}
        PayerClass::Plan | PayerClass::Cloud | PayerClass::Gateway | PayerClass::NoPayer => {
            return None;
        }
    }
    let login = resolution
        .shadowed()
        .find(|step| step.method == Method::Login)?;
    let winner = resolution
        .slot(CredentialHeader::XApiKey)
        .or_else(|| resolution.slot(CredentialHeader::Authorization))?;
    let hint = winner.hint.as_deref().unwrap_or("value not known yet");
    let message = format!(
        "{} ({hint}) overrides {}, so {} is paid by {}",
        winner.location,
        login.location,
        resolution.client,
        resolution.payer.class.description()
    );
    let fix = match &winner.location {
        Location::Variable { name } => Fix::unset(name),
        Location::Setting { path, key, .. } => {
            Fix::manual(format!("remove {key} from {}", shown(path)))
        }
        Location::Login { .. }
        | Location::SdkProfile { .. }
        | Location::Federation
        | Location::Profile { .. } => Fix::Run("keyreeve status".to_owned()),
    };
    Some(Finding::new(
        FindingCode::LoginShadowed,
        FindingLocation::from_location(&winner.location),
        message,
        fix,
    ))
}

fn two_credentials(resolution: &Resolution) -> Option<Finding> {
    let key = resolution.slot(CredentialHeader::XApiKey)?;
    let bearer = resolution.slot(CredentialHeader::Authorization)?;
    if key.location == bearer.location {
        return None;
    }
    let message = format!(
        "{} would send {} as x-api-key and {} as authorization in one request, and the API decides who pays",
        resolution.client, key.location, bearer.location
    );
    let fix = match &key.location {
        Location::Variable { name } => Fix::unset(name),
        Location::Setting { .. }
        | Location::Login { .. }
        | Location::SdkProfile { .. }
        | Location::Federation
        | Location::Profile { .. } => Fix::manual(format!(
            "remove one of the two: {} or {}",
            key.location, bearer.location
        )),
    };
    Some(Finding::new(
        FindingCode::TwoCredentials,
        FindingLocation::from_location(&key.location),
        message,
        fix,
    ))
}

/// Finds steps on which a client fails. Damaged logins and profiles have findings of their own.
fn unsendable(resolution: &Resolution) -> Vec<Finding> {
    let broken_steps = resolution
        .steps
        .iter()
        .filter_map(|step| match step.method {
            Method::ApiKey
            | Method::AuthToken
            | Method::OauthToken
            | Method::CustomHeader
            | Method::CloudKey
            | Method::Federation => match &step.state {
                StepState::Broken(flaw) => Some((step, flaw)),
                StepState::Taken { .. }
                | StepState::On
                | StepState::Off
                | StepState::Shadowed { .. }
                | StepState::NotRead { .. }
                | StepState::Absent
                | StepState::Empty => None,
            },
            Method::Cloud
            | Method::Helper
            | Method::SdkProfile
            | Method::Login
            | Method::Profile => None,
        });
    let client: ClientProgram = resolution.client;
    broken_steps
        .map(|(step, flaw)| {
            Finding::new(
                FindingCode::Unsendable,
                FindingLocation::from_location(&step.location),
                format!("{client} cannot send {}: {flaw}", step.location),
                Fix::manual(format!(
                    "set {} again, complete and on one line",
                    step.location
                )),
            )
        })
        .collect()
}
