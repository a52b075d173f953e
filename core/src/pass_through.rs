//! Rules of pass-through with the client's own credential: which headers and credentials pass, and who pays.
//!
//! Invariants: a header is passed or dropped, never written, so that no request imitates another program; keyreeve's
//! own keys and credentials that cannot call a model are not forwarded (docs/facts.md#terms).

use crate::inject::{HeaderAction, request_header};
use crate::price::PaymentKind;
use crate::token::{Family, scan};

/// The header with the virtual key of the client, next to the client's own credential. It is not forwarded.
pub const KEY_HEADER: &str = "x-keyreeve-key";

/// The headers that may carry the client's own credential.
pub const CREDENTIAL_HEADERS: [&str; 2] = ["authorization", "x-api-key"];

/// Decides on a header of a pass-through request: as on every other route, except that the client's own credential is
/// forwarded unchanged. Names are case-insensitive.
pub fn header_action(name: &str) -> HeaderAction {
    let is_credential = |listed: &&str| name.eq_ignore_ascii_case(listed);
    if CREDENTIAL_HEADERS.iter().any(is_credential) {
        HeaderAction::Pass
    } else {
        request_header(name)
    }
}

/// The reason the client's credential is not forwarded. Each message names the alternative.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClientCredentialError {
    /// The request carries no credential.
    #[error(
        "pass-through forwards your own credential, and this request has none: send it in authorization or x-api-key, or call the URL without /passthrough to use a profile"
    )]
    Missing,
    /// A virtual key, which would be sent to Anthropic.
    #[error(
        "a keyreeve key is in the place of your own credential and would be sent to Anthropic: send it in x-keyreeve-key, or call the URL without /passthrough to use a profile"
    )]
    VirtualKey,
    /// A refresh token, which can only renew a login.
    #[error("a refresh token is never sent with a request: send the access token it renews")]
    RefreshToken,
    /// An Admin API key, which cannot call a model.
    #[error("an Admin API key cannot call a model: send the API key of a workspace")]
    AdminKey,
    /// A session cookie.
    #[error(
        "a claude.ai session cookie is not an API credential and is not forwarded: create an API key in the Console"
    )]
    SessionCookie,
    /// A work-item token.
    #[error("a work-item token is valid for its one work item only and is not forwarded")]
    WorkToken,
}

/// Returns the families of the tokens in a credential header's value, whatever scheme or list they are in; if there is
/// no token, the family of the whole value.
pub fn token_families(value: &str) -> Vec<Family> {
    let families: Vec<Family> = scan(value)
        .map(|part| Family::from_prefix(&value[part]))
        .collect();
    if families.is_empty() {
        vec![Family::from_prefix(value)]
    } else {
        families
    }
}

/// Returns `true` if a text that would be forwarded contains one of keyreeve's own keys.
pub fn contains_keyreeve_key(text: &str) -> bool {
    let is_keyreeve_key =
        |family: Family| matches!(family, Family::VirtualKey | Family::AdminVirtualKey);
    scan(text).any(|part| is_keyreeve_key(Family::from_prefix(&text[part])))
}

/// Returns who pays for a request with tokens of these families: a plan if all of them are a person's login, else
/// money. An organization's OAuth token looks the same as a plan's; its cost is then an estimate, too.
///
/// # Errors
/// [`ClientCredentialError`] if there is no token, or one that must not be forwarded.
pub fn payment_kind(
    families: impl IntoIterator<Item = Family>,
) -> Result<PaymentKind, ClientCredentialError> {
    let mut payment = None;
    for family in families {
        let payment_of_token = match family {
            Family::OauthAccess => PaymentKind::Plan,
            Family::ApiKey | Family::UnknownAnthropic | Family::OtherVendor | Family::Opaque => {
                PaymentKind::Metered
            }
            Family::VirtualKey | Family::AdminVirtualKey => {
                return Err(ClientCredentialError::VirtualKey);
            }
            Family::OauthRefresh => return Err(ClientCredentialError::RefreshToken),
            Family::AdminKey => return Err(ClientCredentialError::AdminKey),
            Family::ClaudeSession => return Err(ClientCredentialError::SessionCookie),
            Family::WorkToken => return Err(ClientCredentialError::WorkToken),
        };
        payment = match payment {
            // It is not documented which of two credentials the API uses: assume the one that costs money.
            Some(PaymentKind::Metered) => Some(PaymentKind::Metered),
            Some(PaymentKind::Plan) | None => Some(payment_of_token),
        };
    }
    payment.ok_or(ClientCredentialError::Missing)
}
