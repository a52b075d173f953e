//! Which credential a client's next request would carry, as `status` tells it.

use jiff::Timestamp;
use keyreeve_core::profile::Name;
use keyreeve_core::resolve::{Payer, Place, Resolution, Rung, Slot, State, Sureness};
use keyreeve_core::unusable::{ForWhom, Unusable};
use serde::Serialize;

use super::{BindingView, ExpectedView, KeyView, ProfileView, SubjectView};

/// Who would pay, why, and what keyreeve keeps.
#[derive(Debug, Serialize)]
pub struct StatusView {
    /// What the client would do.
    #[serde(flatten)]
    pub resolution: ResolutionView,
    /// What the directory is bound to.
    pub binding: Option<BindingView>,
    /// Whether who is meant to pay would pay; null where nobody is meant.
    pub expected: Option<ExpectedView>,
    /// The profile that keyreeve itself uses here.
    pub active_profile: Option<String>,
    /// The profiles that keyreeve keeps.
    pub profiles: Vec<StatusProfileView>,
    /// Those that cannot be used, or not by everybody.
    pub unusable_profiles: Vec<UnusableView>,
    /// The virtual keys that keyreeve made.
    pub keys: Vec<KeyView>,
    /// The limits that answers told, of profiles and of logins.
    pub limits: Vec<SubjectView>,
}

/// A profile, and when it was used.
#[derive(Debug, Serialize)]
pub struct StatusProfileView {
    /// The profile.
    #[serde(flatten)]
    pub profile: ProfileView,
    /// When it was last leased, as far as the newest attempts go.
    pub last_used_at: Option<String>,
}

/// A profile that cannot be used, and why.
#[derive(Debug, Serialize)]
pub struct UnusableView {
    /// Its name.
    pub name: String,
    /// `expired`, `no_variable`, `no_file` or `plan_login`; or as it stands: `resting`, `blocked`, `dead` or `drained`.
    pub kind: &'static str,
    /// The reason, in words.
    pub reason: String,
    /// Whom it cannot serve: `everybody` or `virtual_keys`.
    pub cannot_serve: &'static str,
    /// When it can be used again without being mended; null where it must be mended.
    pub until: Option<String>,
    /// How many seconds that is away.
    pub remaining_seconds: Option<i64>,
}

/// What a client's next request would carry.
#[derive(Debug, Serialize)]
pub struct ResolutionView {
    /// Whose next request, such as `claude-code@2.1.329` or `sdk-python@2`.
    pub client: String,
    /// Who would pay, in a sentence.
    pub headline: String,
    /// Who would pay.
    pub payer: PayerView,
    /// `request` or `nothing`.
    pub sends: &'static str,
    /// Why nothing would be sent.
    pub nothing_because: Option<String>,
    /// Where the request would go, where something names a place.
    pub base_url: Option<String>,
    /// What names it.
    pub base_url_place: Option<PlaceView>,
    /// What would go out as `x-api-key`.
    pub x_api_key: Option<SlotView>,
    /// What would go out as `Authorization: Bearer`.
    pub authorization: Option<SlotView>,
    /// Whether the request would be marked with the beta value of OAuth tokens.
    pub oauth_beta: bool,
    /// Every rung of the client's chain, the strongest first.
    pub rungs: Vec<RungView>,
}

/// Who would pay, and how sure that is.
#[derive(Debug, Serialize)]
pub struct PayerView {
    /// `organization_credit`, `plan`, `cloud`, `gateway`, `conflict`, `nobody` or `unknown`.
    pub class: &'static str,
    /// Whether what is known leaves no doubt.
    pub sure: bool,
}

/// Where a value was found.
#[derive(Debug, Serialize)]
pub struct PlaceView {
    /// `environment`, `managed`, `flag`, `local`, `project`, `user`, `login`, `sdk_profile`, `federation` or `profile`.
    pub scope: &'static str,
    /// The place, in words.
    pub place: String,
    /// The file, where it is one.
    pub file: Option<String>,
    /// The line in it, the first being 1.
    pub line: Option<usize>,
}

/// A header that would be filled.
#[derive(Debug, Serialize)]
pub struct SlotView {
    /// `api_key`, `auth_token`, `custom_header`, `helper`, `oauth_token`, `sdk_profile`, `federation`, `login`, `cloud_key` or
    /// `profile`.
    pub method: &'static str,
    /// Where its value is from.
    #[serde(flatten)]
    pub place: PlaceView,
    /// The family's code, such as `api_key`; none where the value is not known beforehand.
    pub family: Option<&'static str>,
    /// The value, but for most of it.
    pub hint: Option<String>,
}

/// One rung, and what became of it.
#[derive(Debug, Serialize)]
pub struct RungView {
    /// As in [`SlotView`], or `cloud` for a switch.
    pub method: &'static str,
    /// Where it was looked for.
    #[serde(flatten)]
    pub place: PlaceView,
    /// `taken`, `on`, `off`, `shadowed`, `not_read`, `absent`, `empty` or `broken`.
    pub state: &'static str,
    /// What it fills: `x-api-key`, `authorization` or `x-api-key and authorization`.
    pub fills: Option<String>,
    /// The stronger place.
    pub shadowed_by: Option<String>,
    /// Why it is not read, or cannot be sent.
    pub problem: Option<String>,
    /// Who would pay if this were the only credential.
    pub would_pay: Option<PayerView>,
}

impl UnusableView {
    /// Shows why the profile of this name cannot be used. Nothing of this ends by itself.
    pub fn of(name: &Name, unusable: &Unusable) -> Self {
        Self {
            name: name.to_string(),
            kind: unusable.name(),
            reason: unusable.words(),
            cannot_serve: match unusable.for_whom() {
                ForWhom::Everybody => "everybody",
                ForWhom::VirtualKeys => "virtual_keys",
            },
            until: None,
            remaining_seconds: None,
        }
    }
}

impl UnusableView {
    /// Shows why a profile cannot be used as it stands; none where it can.
    pub fn of_standing(profile: &ProfileView, now: Timestamp) -> Option<Self> {
        let standing = &profile.standing;
        if matches!(standing.state, "ready" | "probing") {
            return None;
        }
        let reason = standing
            .reasons
            .iter()
            .find(|reason| reason.class.is_none());
        let until = standing.until.as_deref();
        let end: Option<Timestamp> = until.and_then(|until| until.parse().ok());
        Some(Self {
            name: profile.name.clone(),
            kind: standing.state,
            reason: reason
                .and_then(|reason| reason.code)
                .unwrap_or("a person said so")
                .to_owned(),
            cannot_serve: "everybody",
            until: standing.until.clone(),
            remaining_seconds: end.map(|end| end.duration_since(now).as_secs().max(0)),
        })
    }
}

impl From<&Resolution> for ResolutionView {
    fn from(resolution: &Resolution) -> Self {
        let moved = resolution.moved.as_ref();
        Self {
            client: resolution.client.to_string(),
            headline: resolution.headline().to_owned(),
            payer: resolution.payer.into(),
            sends: match resolution.sends_nothing {
                None => "request",
                Some(_) => "nothing",
            },
            nothing_because: resolution.sends_nothing.clone(),
            base_url: moved.and_then(|moved| moved.base_url.clone()),
            base_url_place: moved.map(|moved| PlaceView::from(&moved.place)),
            x_api_key: resolution.x_api_key.as_ref().map(SlotView::from),
            authorization: resolution.authorization.as_ref().map(SlotView::from),
            oauth_beta: resolution.oauth_beta,
            rungs: resolution.rungs.iter().map(RungView::from).collect(),
        }
    }
}

impl From<Payer> for PayerView {
    fn from(payer: Payer) -> Self {
        Self {
            class: payer.class.name(),
            sure: match payer.sure {
                Sureness::Sure => true,
                Sureness::Likely => false,
            },
        }
    }
}

impl From<&Place> for PlaceView {
    fn from(place: &Place) -> Self {
        Self {
            scope: place.scope(),
            place: place.to_string(),
            file: place.file().map(ToOwned::to_owned),
            line: place.line(),
        }
    }
}

impl From<&Slot> for SlotView {
    fn from(slot: &Slot) -> Self {
        Self {
            method: slot.method.name(),
            place: (&slot.place).into(),
            family: slot.family.map(keyreeve_core::token::Family::code),
            hint: slot.hint.clone(),
        }
    }
}

impl From<&Rung> for RungView {
    fn from(rung: &Rung) -> Self {
        let (fills, shadowed_by, problem) = match &rung.state {
            State::Taken { fills } => (Some(fills.to_string()), None, None),
            State::Shadowed { by } => (None, Some(by.clone()), None),
            State::NotRead { because } => (None, None, Some(because.to_string())),
            State::Broken(flaw) => (None, None, Some(flaw.to_string())),
            State::On | State::Off | State::Absent | State::Empty => (None, None, None),
        };
        Self {
            method: rung.method.name(),
            place: (&rung.place).into(),
            state: state(&rung.state),
            fills,
            shadowed_by,
            problem,
            would_pay: rung.would_pay.map(PayerView::from),
        }
    }
}

fn state(state: &State) -> &'static str {
    match state {
        State::Taken { .. } => "taken",
        State::On => "on",
        State::Off => "off",
        State::Shadowed { .. } => "shadowed",
        State::NotRead { .. } => "not_read",
        State::Absent => "absent",
        State::Empty => "empty",
        State::Broken(_) => "broken",
    }
}
