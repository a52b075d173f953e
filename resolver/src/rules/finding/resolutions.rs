//! Findings about what a client would send: shadowed logins, several credentials in one request, credentials that cannot
//! be sent, and a plan's token for another host.

use url::Url;

use super::{Finding, FindingCode, FindingLocation, Fix, shown};
use crate::rules::resolve::{
    CredentialHeader, Location, Method, PayerClass, Resolution, StepState, is_loopback,
};

pub(super) fn findings(resolution: &Resolution) -> Vec<Finding> {
    let mut found = unsendable(resolution);
    found.extend(login_shadowed(resolution));
    found.extend(two_credentials(resolution));
    found.extend(plan_to_other_host(resolution));
    found
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
    let winner = resolution.slots().next()?;
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
            | Method::StoredKey
            | Method::AddressUser
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
    let client = resolution.client;
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

/// Finds a plan's token that the base URL would send to another host.
fn plan_to_other_host(resolution: &Resolution) -> Option<Finding> {
    let slot = resolution.slot(CredentialHeader::Authorization)?;
    if !matches!(slot.method, Method::Login | Method::OauthToken) {
        return None;
    }
    let base_url_override = resolution.base_url_override.as_ref()?;
    let url = Url::parse(base_url_override.base_url.as_deref()?).ok()?;
    let host = url.host_str()?;
    (host != "api.anthropic.com" && !is_loopback(&url)).then(|| {
        Finding::new(
            FindingCode::PlanToOtherHost,
            FindingLocation::from_location(&base_url_override.location),
            format!(
                "{} would send {} to {host}; a base URL alone does not replace a login",
                resolution.client, slot.location
            ),
            Fix::manual(
                "set ANTHROPIC_AUTH_TOKEN to that gateway's own key, or remove the base URL",
            ),
        )
    })
}
