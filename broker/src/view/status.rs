//! Which credential a client's next request would carry, as `status` tells it.

use keyreeve_core::resolve::{Header, Method, Resolution, Rung, Slot, State};
use serde::Serialize;

use super::{KeyView, ProfileView};

/// Who would pay, why, and what keyreeve keeps.
#[derive(Debug, Serialize)]
pub struct StatusView {
    /// Whose next request, such as `claude-code` or `sdk-python@2`.
    pub client: String,
    /// Who would pay, in a sentence.
    pub headline: String,
    /// Where the request would go, where the environment names a place.
    pub base_url: Option<String>,
    /// What would go out as `x-api-key`.
    pub x_api_key: Option<SlotView>,
    /// What would go out as `Authorization: Bearer`.
    pub authorization: Option<SlotView>,
    /// Every rung of the client's chain, the strongest first.
    pub rungs: Vec<RungView>,
    /// The profiles that keyreeve keeps.
    pub profiles: Vec<ProfileView>,
    /// The virtual keys that keyreeve made.
    pub keys: Vec<KeyView>,
}

/// A header that would be filled.
#[derive(Debug, Serialize)]
pub struct SlotView {
    /// The variable it is filled from.
    pub variable: &'static str,
    /// The family's code, such as `api_key`.
    pub family: &'static str,
    /// The value, but for most of it.
    pub hint: String,
}

/// One rung, and what became of it.
#[derive(Debug, Serialize)]
pub struct RungView {
    /// `cloud`, `api_key`, `auth_token` or `oauth_token`.
    pub method: &'static str,
    /// The variable it looks at.
    pub variable: &'static str,
    /// `taken`, `on`, `off`, `shadowed`, `absent`, `empty` or `broken`.
    pub state: &'static str,
    /// The header it fills: `x-api-key` or `authorization`.
    pub header: Option<&'static str>,
    /// The stronger variable in its place.
    pub shadowed_by: Option<&'static str>,
    /// Why the value cannot be sent.
    pub problem: Option<String>,
}

impl StatusView {
    /// Shows a resolution beside what keyreeve keeps.
    pub fn of(resolution: &Resolution, profiles: Vec<ProfileView>, keys: Vec<KeyView>) -> Self {
        Self {
            client: resolution.client.to_string(),
            headline: resolution.headline().to_owned(),
            base_url: resolution.base_url.clone(),
            x_api_key: resolution.x_api_key.as_ref().map(SlotView::from),
            authorization: resolution.authorization.as_ref().map(SlotView::from),
            rungs: resolution.rungs.iter().map(RungView::from).collect(),
            profiles,
            keys,
        }
    }
}

impl From<&Slot> for SlotView {
    fn from(slot: &Slot) -> Self {
        Self {
            variable: slot.variable,
            family: slot.family.code(),
            hint: slot.hint.clone(),
        }
    }
}

impl From<&Rung> for RungView {
    fn from(rung: &Rung) -> Self {
        let plain = Self {
            method: method(rung.method),
            variable: rung.variable,
            state: "",
            header: None,
            shadowed_by: None,
            problem: None,
        };
        match rung.state {
            State::Taken { header } => Self {
                state: "taken",
                header: Some(self::header(header)),
                ..plain
            },
            State::On => Self {
                state: "on",
                ..plain
            },
            State::Off => Self {
                state: "off",
                ..plain
            },
            State::Shadowed { by } => Self {
                state: "shadowed",
                shadowed_by: Some(by),
                ..plain
            },
            State::Absent => Self {
                state: "absent",
                ..plain
            },
            State::Empty => Self {
                state: "empty",
                ..plain
            },
            State::Broken(flaw) => Self {
                state: "broken",
                problem: Some(flaw.to_string()),
                ..plain
            },
        }
    }
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Cloud => "cloud",
        Method::ApiKey => "api_key",
        Method::AuthToken => "auth_token",
        Method::OauthToken => "oauth_token",
    }
}

fn header(header: Header) -> &'static str {
    match header {
        Header::XApiKey => "x-api-key",
        Header::Authorization => "authorization",
    }
}
