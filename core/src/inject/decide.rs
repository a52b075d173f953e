//! Decides which header carries a token, or why the token must not be sent.

use super::beta::{BetaEdit, OAUTH_BETA};
use crate::profile::{Auth, Provenance};
use crate::token::Family;

/// The kind of upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpstreamKind {
    /// Anthropic's API, or the sandbox that simulates it.
    FirstParty,
    /// Another gateway, with the header that the profile configures.
    Gateway(Auth),
}

/// The credential header to send and the edit of the client's beta list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Injection {
    /// The header that carries the credential.
    pub auth: Auth,
    /// The edit of the client's beta list.
    pub beta: BetaEdit,
}

/// The reason a token is not injected. Each message names the alternative.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InjectError {
    /// An OAuth access token that was pasted or has unknown provenance: a person's plan (docs/facts.md#terms).
    #[error(
        "a plan login works only for its owner in Anthropic's own applications and is never used behind a virtual key: use an API key from the Console"
    )]
    PlanLogin,
    /// A refresh token, which can only renew a login.
    #[error(
        "a refresh token is never sent with a request: add an API key, or the login that the token belongs to"
    )]
    RefreshToken,
    /// An Admin API key, which cannot call a model.
    #[error("an Admin API key cannot call a model: add the API key of a workspace")]
    AdminKey,
    /// A session cookie.
    #[error(
        "a claude.ai session cookie is not an API credential: create an API key in the Console"
    )]
    SessionCookie,
    /// A work-item token.
    #[error(
        "a work-item token is valid for its one work item only: create an API key in the Console"
    )]
    WorkToken,
    /// A virtual key, sent to Anthropic's API.
    #[error("a keyreeve virtual key is for clients, not for a profile: add the API key behind it")]
    VirtualKey,
    /// An admin key of keyreeve.
    #[error("a keyreeve admin key manages keyreeve and cannot call a model: add an API key")]
    AdminVirtualKey,
    /// An unknown token family, which may be a plan login.
    #[error(
        "this kind of Anthropic token is unknown, so it is unknown who would pay: update keyreeve, or use an API key"
    )]
    UnknownFamily,
    /// A token of another vendor, sent to Anthropic's API.
    #[error(
        "this is not an Anthropic token and is not sent to Anthropic: add an API key, or name the gateway that issued it with --origin"
    )]
    NotAnthropicToken,
}

/// Decides how a token is sent, from its family, its provenance and the kind of upstream.
///
/// # Errors
/// [`InjectError`] if it must not be sent. A plan login is refused for every upstream.
pub fn decide(
    upstream: UpstreamKind,
    token: Family,
    provenance: Provenance,
) -> Result<Injection, InjectError> {
    match token {
        Family::OauthRefresh => return Err(InjectError::RefreshToken),
        Family::AdminKey => return Err(InjectError::AdminKey),
        Family::ClaudeSession => return Err(InjectError::SessionCookie),
        Family::WorkToken => return Err(InjectError::WorkToken),
        Family::AdminVirtualKey => return Err(InjectError::AdminVirtualKey),
        Family::OauthAccess if !is_organization_token(provenance) => {
            return Err(InjectError::PlanLogin);
        }
        Family::UnknownAnthropic => return Err(InjectError::UnknownFamily),
        Family::ApiKey
        | Family::OauthAccess
        | Family::VirtualKey
        | Family::OtherVendor
        | Family::Opaque => {}
    }
    match (upstream, token) {
        (UpstreamKind::Gateway(auth), _) => Ok(Injection {
            auth,
            beta: BetaEdit::Keep,
        }),
        (UpstreamKind::FirstParty, Family::ApiKey) => Ok(Injection {
            auth: Auth::ApiKey,
            beta: BetaEdit::Remove(OAUTH_BETA),
        }),
        (UpstreamKind::FirstParty, Family::OauthAccess) => Ok(Injection {
            auth: Auth::Bearer,
            beta: BetaEdit::Add(OAUTH_BETA),
        }),
        (UpstreamKind::FirstParty, Family::VirtualKey) => Err(InjectError::VirtualKey),
        (UpstreamKind::FirstParty, _) => Err(InjectError::NotAnthropicToken),
    }
}

/// Returns `true` if an OAuth access token of this provenance belongs to an organization. Its prefix does not show it.
fn is_organization_token(provenance: Provenance) -> bool {
    match provenance {
        Provenance::Federation | Provenance::AntLogin => true,
        Provenance::Console
        | Provenance::SetupToken
        | Provenance::Gateway
        | Provenance::Unknown => false,
    }
}
