//! Who pays, in the few words that a status line has room for, and what is to be warned of.

use std::fmt;

use url::Url;

use crate::inert::inert_line;
use crate::resolve::{Expected, Method, PayerClass, Place, Resolution, Slot, Sureness};
use crate::snapshot::Snapshot;

use super::Input;

/// A name longer than this is cut.
const LONGEST: usize = 40;

/// Why the line begins with a mark.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Warning {
    /// Somebody else is meant to pay in the directory.
    Meant(Expected),
    /// A plan that is signed in to does not pay.
    PlanShadowed,
    /// The session has the windows of a plan: a plan answered it, whatever is set now.
    PlanAnswered,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Meant(expected) => write!(f, "{expected} is meant to pay"),
            Self::PlanShadowed => f.write_str("your plan does not pay"),
            Self::PlanAnswered => f.write_str("yet a plan answered"),
        }
    }
}

/// What is to be warned of. Who is meant to pay and does is what the person wants, whatever it shadows.
pub fn warnings(snapshot: &Snapshot, resolution: &Resolution, input: &Input) -> Vec<Warning> {
    let meant = snapshot
        .binding()
        .and_then(|binding| binding.expect.as_ref());
    let judged = meant.map(|expected| (expected, expected.judge(resolution, snapshot)));
    let unmet = match &judged {
        Some((expected, Err(_))) => Some(Warning::Meant((*expected).clone())),
        Some((_, Ok(_))) | None => None,
    };
    let is_as_meant = judged.is_some() && unmet.is_none();
    let plan_pays = match resolution.payer.class {
        // A gateway decides by itself, and may pass a plan's login on.
        PayerClass::Plan | PayerClass::Gateway => true,
        PayerClass::OrganizationCredit
        | PayerClass::Cloud
        | PayerClass::Conflict
        | PayerClass::Nobody
        | PayerClass::Unknown => false,
    };
    let shadows_plan = resolution.shadowed().any(|rung| {
        rung.would_pay
            .is_some_and(|payer| payer.class == PayerClass::Plan)
    });
    let answered = !plan_pays && !input.windows.is_empty();
    let shadowed = !plan_pays && shadows_plan && !is_as_meant && !answered;
    [
        unmet,
        shadowed.then_some(Warning::PlanShadowed),
        answered.then_some(Warning::PlanAnswered),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Who pays: `plan`, `API key ANTHROPIC_API_KEY`, `gateway 127.0.0.1:8484`.
pub(super) fn who(resolution: &Resolution) -> String {
    let slots = [&resolution.x_api_key, &resolution.authorization];
    let slot = slots.into_iter().flatten().next();
    let with = slot.map(with);
    let likely = match resolution.payer.sure {
        Sureness::Sure => "",
        Sureness::Likely => "likely ",
    };
    match resolution.payer.class {
        PayerClass::Plan => match slot.map(|slot| slot.method) {
            Some(Method::Login) | None => format!("{likely}plan"),
            Some(_) => format!("{likely}plan, by {}", with.unwrap_or_default()),
        },
        PayerClass::OrganizationCredit => {
            with.map_or_else(|| "API credit".to_owned(), |with| format!("{likely}{with}"))
        }
        PayerClass::Cloud => "cloud account".to_owned(),
        PayerClass::Gateway => match gateway(resolution) {
            Some(host) => format!("gateway {host}"),
            None => "gateway".to_owned(),
        },
        PayerClass::Conflict => "two different credentials".to_owned(),
        PayerClass::Nobody => match with {
            Some(with) => format!("nobody: {with} is no key for this"),
            None => "nobody: no credential".to_owned(),
        },
        PayerClass::Unknown => match with {
            Some(with) => format!("whoever {with} belongs to"),
            None => "unknown".to_owned(),
        },
    }
}

/// A credential by its kind, its name and whose settings set it.
fn with(slot: &Slot) -> String {
    let kind = match slot.method {
        Method::ApiKey => "API key ",
        Method::AuthToken | Method::OauthToken => "token ",
        Method::CustomHeader
        | Method::Helper
        | Method::Cloud
        | Method::CloudKey
        | Method::SdkProfile
        | Method::Federation
        | Method::Login
        | Method::Profile => "",
    };
    let named = match &slot.place {
        Place::Variable { name } => (*name).to_owned(),
        Place::Setting { scope, key, .. } => {
            let name = key.strip_prefix("env.").unwrap_or(key);
            format!("{name} ({} settings)", scope.name())
        }
        Place::Login { .. } => "the login".to_owned(),
        Place::SdkProfile { name, .. } => format!("SDK profile {}", inert_line(name, LONGEST)),
        Place::Federation => "federation".to_owned(),
        Place::Profile { name } => format!("profile {name}"),
    };
    format!("{kind}{named}")
}

/// Host and port of the address that requests go to.
fn gateway(resolution: &Resolution) -> Option<String> {
    let url = Url::parse(resolution.moved.as_ref()?.base_url.as_deref()?).ok()?;
    let host = url.host_str()?;
    let place = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    Some(inert_line(&place, LONGEST).into_owned())
}
