//! The credential of a client's next request, and everything else that `status` publishes.

use jiff::Timestamp;
use keyreeve_core::profile::Name;
use keyreeve_resolver::resolve::{
    ChainStep, Confidence, Location, Payer, Resolution, Slot, StepState,
};
use keyreeve_resolver::unusable::{AffectedUsers, UnusableReason};
use serde::Serialize;

use super::protection::ProtectedPartView;
use super::{BindingView, ExpectedView, KeyView, OwnerLimitsView, ProfileView};

/// The payer of the next request, the trace of the chain, and keyreeve's own profiles and keys.
#[derive(Debug, Serialize)]
pub struct StatusView {
    /// The client's next request.
    #[serde(flatten)]
    pub resolution: ResolutionView,
    /// The directory's binding.
    pub binding: Option<BindingView>,
    /// Check of the expected payer; null if none is set.
    pub expected: Option<ExpectedView>,
    /// Reasons why the request cannot succeed: a placeholder, a reference, an address without a scheme.
    pub problems: Vec<String>,
    /// The profile that keyreeve itself uses here.
    pub active_profile: Option<String>,
    /// keyreeve's profiles.
    pub profiles: Vec<StatusProfileView>,
    /// Profiles that cannot be used, or not behind virtual keys.
    pub unusable_profiles: Vec<UnusableView>,
    /// keyreeve's virtual keys.
    pub keys: Vec<KeyView>,
    /// Reported limits of profiles and logins.
    pub limits: Vec<OwnerLimitsView>,
    /// The parts of the protection that `keyreeve protect` added to files.
    pub protection: Vec<ProtectedPartView>,
}

/// A profile and its last use.
#[derive(Debug, Serialize)]
pub struct StatusProfileView {
    /// The profile.
    #[serde(flatten)]
    pub profile: ProfileView,
    /// Time of its last lease, if among the newest attempts.
    pub last_used_at: Option<String>,
}

/// A profile that cannot be used, with the reason.
#[derive(Debug, Serialize)]
pub struct UnusableView {
    /// The profile's name.
    pub name: String,
    /// `expired`, `no_variable`, `no_file` or `plan_login`, or its health: `cooldown`, `paused`, `blocked`, `dead` or
    /// `drained`.
    pub kind: &'static str,
    /// The reason, as text.
    pub reason: String,
    /// The affected users: `all` or `virtual_keys`.
    pub affects: &'static str,
    /// End of the cooldown or pause; null if the user must act.
    pub until: Option<String>,
    /// Seconds until then.
    pub remaining_seconds: Option<i64>,
}

/// A client's next request.
#[derive(Debug, Serialize)]
pub struct ResolutionView {
    /// The client, such as `claude-code@2.1.329` or `sdk-python@2`.
    pub client: String,
    /// The payer, as a sentence.
    pub headline: String,
    /// The payer.
    pub payer: PayerView,
    /// `request` or `nothing`.
    pub sends: &'static str,
    /// Reason why no request would be sent; null if one would.
    pub no_request_reason: Option<String>,
    /// The request's base URL, if one is configured.
    pub base_url: Option<String>,
    /// The location of that base URL.
    pub base_url_location: Option<LocationView>,
    /// The credential in `x-api-key`.
    pub x_api_key: Option<SlotView>,
    /// The credential in `Authorization: Bearer`.
    pub authorization: Option<SlotView>,
    /// `true` if the request would have the beta value of OAuth tokens.
    pub oauth_beta: bool,
    /// All steps of the client's chain, in order of precedence.
    pub steps: Vec<StepView>,
}

/// The result of `guard`.
#[derive(Debug, Serialize)]
pub struct GuardView {
    /// The expected payer.
    pub expected: ExpectedView,
    /// Reasons why the request cannot succeed: a placeholder, a reference, an address without a scheme.
    pub problems: Vec<String>,
    /// The client's next request.
    #[serde(flatten)]
    pub resolution: ResolutionView,
}

/// A payer and its certainty.
#[derive(Debug, Serialize)]
pub struct PayerView {
    /// `organization_credit`, `plan`, `cloud`, `gateway`, `conflict`, `none` or `unknown`.
    pub class: &'static str,
    /// `true` if the payer is certain, `false` if it is only likely.
    pub certain: bool,
}

/// Location of a value.
#[derive(Debug, Serialize)]
pub struct LocationView {
    /// `environment`, `managed`, `flag`, `local`, `project`, `user`, `login`, `sdk_profile`, `federation` or `profile`.
    pub scope: &'static str,
    /// The location, as text.
    pub location: String,
    /// The file; null if the location is not a file.
    pub file: Option<String>,
    /// The line in the file, from 1.
    pub line: Option<usize>,
}

/// A credential header.
#[derive(Debug, Serialize)]
pub struct SlotView {
    /// `api_key`, `auth_token`, `custom_header`, `helper`, `oauth_token`, `sdk_profile`, `federation`, `login`,
    /// `cloud_key` or `profile`.
    pub method: &'static str,
    /// The location of its value.
    #[serde(flatten)]
    pub location: LocationView,
    /// The family's code, such as `api_key`; null if the value is not known in advance.
    pub family: Option<&'static str>,
    /// The redacted value.
    pub hint: Option<String>,
}

/// A step of the chain.
#[derive(Debug, Serialize)]
pub struct StepView {
    /// As in [`SlotView`], or `cloud` for a switch.
    pub method: &'static str,
    /// The location of the step's value.
    #[serde(flatten)]
    pub location: LocationView,
    /// `used`, `on`, `off`, `shadowed`, `skipped`, `not_set`, `empty` or `invalid`.
    pub state: &'static str,
    /// The headers it fills: `x-api-key`, `authorization` or `x-api-key and authorization`.
    pub fills: Option<String>,
    /// The location with higher precedence.
    pub shadowed_by: Option<String>,
    /// Reason it is skipped or invalid.
    pub problem: Option<String>,
    /// The payer if this were the only credential.
    pub would_pay: Option<PayerView>,
}

impl UnusableView {
    /// Creates the view of a reason that the user must resolve.
    pub fn new(name: &Name, unusable: &UnusableReason) -> Self {
        Self {
            name: name.to_string(),
            kind: unusable.name(),
            reason: unusable.description(),
            affects: match unusable.affected_users() {
                AffectedUsers::Everyone => "all",
                AffectedUsers::VirtualKeys => "virtual_keys",
            },
            until: None,
            remaining_seconds: None,
        }
    }

    /// Creates the view of a profile that is not usable because of its health. Returns `None` if it is ready or
    /// probing.
    pub fn from_health(profile: &ProfileView, now: Timestamp) -> Option<Self> {
        let health = &profile.health;
        if matches!(health.state, "ready" | "probing") {
            return None;
        }
        let reason = health.reasons.iter().find(|reason| reason.class.is_none());
        let until = health.until.as_deref();
        let end: Option<Timestamp> = until.and_then(|until| until.parse().ok());
        Some(Self {
            name: profile.name.clone(),
            kind: health.state,
            reason: reason
                .and_then(|reason| reason.code)
                .unwrap_or("set by the user")
                .to_owned(),
            affects: "all",
            until: health.until.clone(),
            remaining_seconds: end.map(|end| end.duration_since(now).as_secs().max(0)),
        })
    }
}

impl From<&Resolution> for ResolutionView {
    fn from(resolution: &Resolution) -> Self {
        let base_url = resolution.base_url_override.as_ref();
        Self {
            client: resolution.client.to_string(),
            headline: resolution.headline().to_owned(),
            payer: resolution.payer.into(),
            sends: match resolution.sends_no_request {
                None => "request",
                Some(_) => "nothing",
            },
            no_request_reason: resolution.sends_no_request.clone(),
            base_url: base_url.and_then(|found| found.base_url.clone()),
            base_url_location: base_url.map(|found| LocationView::from(&found.location)),
            x_api_key: resolution.x_api_key.as_ref().map(SlotView::from),
            authorization: resolution.authorization.as_ref().map(SlotView::from),
            oauth_beta: resolution.oauth_beta,
            steps: resolution.steps.iter().map(StepView::from).collect(),
        }
    }
}

impl From<Payer> for PayerView {
    fn from(payer: Payer) -> Self {
        Self {
            class: payer.class.name(),
            certain: match payer.confidence {
                Confidence::Certain => true,
                Confidence::Likely => false,
            },
        }
    }
}

impl From<&Location> for LocationView {
    fn from(location: &Location) -> Self {
        Self {
            scope: location.scope(),
            location: location.to_string(),
            file: location.file().map(ToOwned::to_owned),
            line: location.line(),
        }
    }
}

impl From<&Slot> for SlotView {
    fn from(slot: &Slot) -> Self {
        Self {
            method: slot.method.name(),
            location: (&slot.location).into(),
            family: slot.family.map(keyreeve_core::token::Family::code),
            hint: slot.hint.clone(),
        }
    }
}

impl From<&ChainStep> for StepView {
    fn from(step: &ChainStep) -> Self {
        let (fills, shadowed_by, problem) = match &step.state {
            StepState::Taken { headers } => (Some(headers.to_string()), None, None),
            StepState::Shadowed { by } => (None, Some(by.clone()), None),
            StepState::NotRead { reason } => (None, None, Some(reason.to_string())),
            StepState::Broken(flaw) => (None, None, Some(flaw.to_string())),
            StepState::On | StepState::Off | StepState::Absent | StepState::Empty => {
                (None, None, None)
            }
        };
        Self {
            method: step.method.name(),
            location: (&step.location).into(),
            state: state(&step.state),
            fills,
            shadowed_by,
            problem,
            would_pay: step.would_pay.map(PayerView::from),
        }
    }
}

fn state(state: &StepState) -> &'static str {
    match state {
        StepState::Taken { .. } => "used",
        StepState::On => "on",
        StepState::Off => "off",
        StepState::Shadowed { .. } => "shadowed",
        StepState::NotRead { .. } => "skipped",
        StepState::Absent => "not_set",
        StepState::Empty => "empty",
        StepState::Broken(_) => "invalid",
    }
}
