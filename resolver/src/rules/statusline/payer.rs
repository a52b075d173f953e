//! The payer and its warnings, in texts short enough for a status line.

use std::fmt;

use keyreeve_core::profile::Name;
use keyreeve_core::sanitize::sanitize_line;
use url::Url;

use super::SessionInput;
use crate::rules::claude_code::SettingsScope;
use crate::rules::resolve::{
    Confidence, ExpectedPayer, Location, Method, PayerClass, Resolution, Slot,
};
use crate::rules::snapshot::Snapshot;

/// Maximum length of a name, in characters.
const MAX_NAME_CHARS: usize = 40;

/// A warning about the payer; it makes the line start with `!`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PayerWarning {
    /// The payer is not the one expected in the directory.
    WrongPayer(ExpectedPayer),
    /// The row of the directory's or the default profile does not verify.
    ProfileNotVerified(Name),
    /// A plan login exists, but another credential takes precedence.
    PlanShadowed,
    /// The session reported plan limits: a plan was used, whatever is set now.
    PlanUsed,
}

impl fmt::Display for PayerWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongPayer(expected) => write!(f, "{expected} should pay"),
            Self::ProfileNotVerified(name) => write!(f, "profile {name} is not verified"),
            Self::PlanShadowed => f.write_str("your plan is not used"),
            Self::PlanUsed => f.write_str("your plan was used"),
        }
    }
}

/// Returns the warnings. An expected payer that would pay is intended, even if it takes precedence over a plan.
pub fn warnings(
    snapshot: &Snapshot,
    resolution: &Resolution,
    input: &SessionInput,
) -> Vec<PayerWarning> {
    let checked = resolution.check_expected(None, snapshot);
    let is_as_expected = checked
        .as_ref()
        .is_some_and(|checked| checked.result.is_ok());
    let wrong_payer = checked
        .filter(|checked| checked.result.is_err())
        .map(|checked| PayerWarning::WrongPayer(checked.expected));
    let may_use_plan = match resolution.payer.class {
        // A gateway chooses the payer itself, and may forward a plan login.
        PayerClass::Plan | PayerClass::Gateway => true,
        PayerClass::OrganizationCredit
        | PayerClass::Cloud
        | PayerClass::Conflict
        | PayerClass::NoPayer
        | PayerClass::Unknown => false,
    };
    let shadows_plan = resolution.shadowed().any(|step| {
        step.would_pay
            .is_some_and(|payer| payer.class == PayerClass::Plan)
    });
    let plan_was_used = !may_use_plan && !input.windows.is_empty();
    let plan_is_shadowed = !may_use_plan && shadows_plan && !is_as_expected && !plan_was_used;
    let unverified = snapshot
        .selected_profile()
        .filter(|profile| !snapshot.keyreeve.is_verified(&profile.name));
    [
        plan_was_used.then_some(PayerWarning::PlanUsed),
        wrong_payer,
        unverified.map(|profile| PayerWarning::ProfileNotVerified(profile.name.clone())),
        plan_is_shadowed.then_some(PayerWarning::PlanShadowed),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns the payer: `plan`, `API key ANTHROPIC_API_KEY`, `gateway 127.0.0.1:8484`.
pub(super) fn payer_label(resolution: &Resolution) -> String {
    let slot = resolution.slots().next();
    let credential = slot.map(credential_label);
    let likely = match resolution.payer.confidence {
        Confidence::Certain => "",
        Confidence::Likely => "likely ",
    };
    match resolution.payer.class {
        PayerClass::Plan => match slot.map(|slot| slot.method) {
            Some(Method::Login) | None => format!("{likely}plan"),
            Some(_) => format!("{likely}plan, with {}", credential.unwrap_or_default()),
        },
        PayerClass::OrganizationCredit => credential.map_or_else(
            || "API credit".to_owned(),
            |credential| format!("{likely}{credential}"),
        ),
        PayerClass::Cloud => "cloud account".to_owned(),
        PayerClass::Gateway => match gateway(resolution) {
            Some(host) => format!("gateway {host}"),
            None => "gateway".to_owned(),
        },
        PayerClass::Conflict => "two different credentials".to_owned(),
        PayerClass::NoPayer => match credential {
            Some(credential) => format!("no payer: {credential} is not usable here"),
            None => "no payer: no credential".to_owned(),
        },
        PayerClass::Unknown => match credential {
            Some(credential) => format!("{credential}, payer unknown"),
            None => "payer unknown".to_owned(),
        },
    }
}

/// Returns the name of the credential that is used first, without its kind: `ANTHROPIC_API_KEY`.
pub(super) fn credential_name(resolution: &Resolution) -> Option<String> {
    resolution.slots().next().map(slot_name)
}

/// Returns a credential's kind, name and settings scope: `API key ANTHROPIC_API_KEY (user settings)`.
fn credential_label(slot: &Slot) -> String {
    let kind = match slot.method {
        Method::ApiKey | Method::StoredKey => "API key ",
        Method::AuthToken | Method::OauthToken => "token ",
        Method::CustomHeader
        | Method::AddressUser
        | Method::Helper
        | Method::Cloud
        | Method::CloudKey
        | Method::SdkProfile
        | Method::Federation
        | Method::Login
        | Method::Profile => "",
    };
    format!("{kind}{}", slot_name(slot))
}

fn slot_name(slot: &Slot) -> String {
    match &slot.location {
        Location::Variable { name } => (*name).to_owned(),
        Location::Setting {
            scope: SettingsScope::State,
            key,
            ..
        } => format!("{} (.claude.json)", key.strip_prefix("env.").unwrap_or(key)),
        Location::Setting { scope, key, .. } => {
            let name = key.strip_prefix("env.").unwrap_or(key);
            format!("{name} ({} settings)", scope.name())
        }
        Location::Login { .. } => "the login".to_owned(),
        Location::SdkProfile { name, .. } => {
            format!("SDK profile {}", sanitize_line(name, MAX_NAME_CHARS))
        }
        Location::Federation => "federation".to_owned(),
        Location::Profile { name } => format!("profile {name}"),
    }
}

/// Returns host and port of the address that requests are sent to.
fn gateway(resolution: &Resolution) -> Option<String> {
    let url = Url::parse(resolution.base_url_override.as_ref()?.base_url.as_deref()?).ok()?;
    let host = url.host_str()?;
    let address = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    Some(sanitize_line(&address, MAX_NAME_CHARS).into_owned())
}
