//! Decides in which header a token goes, or why it goes nowhere.

use super::beta::{BetaEdit, OAUTH_BETA};
use crate::profile::{Auth, Provenance};
use crate::token::Family;

/// What stands upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Facing {
    /// The vendor's API, or the sandbox, which simulates it.
    FirstParty,
    /// Another gateway, which is sent the token as its profile says.
    Gateway(Auth),
}

/// What to send: one credential header, and the client's beta list edited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Injection {
    /// The header that carries the credential.
    pub auth: Auth,
    /// What becomes of the client's beta list.
    pub beta: BetaEdit,
}

/// Why a token is not injected. Each text says what to do instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// An OAuth access token that was pasted or whose origin is unknown: a person's plan (docs/facts.md#terms).
    #[error(
        "a plan login serves its owner in Anthropic's own applications and never stands behind a virtual key: use an API key of the Console here"
    )]
    PlanLogin,
    /// It only renews a login.
    #[error(
        "a refresh token is never sent with a request: add an API key, or the login it belongs to"
    )]
    RefreshToken,
    /// It cannot ask a model.
    #[error("an Admin API key cannot ask a model: add an API key of a workspace")]
    AdminKey,
    /// A session cookie.
    #[error("a claude.ai session cookie is no API credential: make an API key in the Console")]
    SessionCookie,
    /// A work-item token.
    #[error("a work-item token is good for its one work item: make an API key in the Console")]
    WorkToken,
    /// A virtual key, for the vendor's API.
    #[error(
        "a keyreeve virtual key belongs in a client, not in a profile: add the API key it stands for"
    )]
    VirtualKey,
    /// An admin key of keyreeve's.
    #[error("a keyreeve admin key administers keyreeve and asks no model: add an API key")]
    AdminVirtualKey,
    /// A family that is not known; it may be a plan login.
    #[error(
        "this family of Anthropic tokens is not known, so it is not known who would pay: update keyreeve, or use an API key"
    )]
    UnknownFamily,
    /// No token of the vendor's, for the vendor's API.
    #[error(
        "this is no Anthropic token and is not sent to Anthropic: add an API key, or name the gateway that issued it with --origin"
    )]
    NotTheVendors,
}

/// Decides how a token is sent, from what it is, how it came to be and where it goes.
///
/// # Errors
/// [`Refusal`] where it may not be sent at all. A plan login is refused wherever it would go.
pub fn decide(facing: Facing, token: Family, provenance: Provenance) -> Result<Injection, Refusal> {
    match token {
        Family::OauthRefresh => return Err(Refusal::RefreshToken),
        Family::AdminKey => return Err(Refusal::AdminKey),
        Family::ClaudeSession => return Err(Refusal::SessionCookie),
        Family::WorkToken => return Err(Refusal::WorkToken),
        Family::AdminVirtualKey => return Err(Refusal::AdminVirtualKey),
        Family::OauthAccess if !is_an_organizations(provenance) => return Err(Refusal::PlanLogin),
        Family::UnknownAnthropic => return Err(Refusal::UnknownFamily),
        Family::ApiKey
        | Family::OauthAccess
        | Family::VirtualKey
        | Family::OtherVendor
        | Family::Opaque => {}
    }
    match (facing, token) {
        (Facing::Gateway(auth), _) => Ok(Injection {
            auth,
            beta: BetaEdit::Keep,
        }),
        (Facing::FirstParty, Family::ApiKey) => Ok(Injection {
            auth: Auth::ApiKey,
            beta: BetaEdit::Remove(OAUTH_BETA),
        }),
        (Facing::FirstParty, Family::OauthAccess) => Ok(Injection {
            auth: Auth::Bearer,
            beta: BetaEdit::Add(OAUTH_BETA),
        }),
        (Facing::FirstParty, Family::VirtualKey) => Err(Refusal::VirtualKey),
        (Facing::FirstParty, _) => Err(Refusal::NotTheVendors),
    }
}

/// Whether an OAuth access token of this provenance was obtained for an organization. The prefix does not tell.
fn is_an_organizations(provenance: Provenance) -> bool {
    match provenance {
        Provenance::Federation | Provenance::AntLogin => true,
        Provenance::Console
        | Provenance::SetupToken
        | Provenance::Gateway
        | Provenance::Unknown => false,
    }
}
