//! What passes through with a credential of the client's own: which headers, which credentials, and who pays then.
//!
//! Invariants: a header is passed or dropped and never written, so that nothing is made to look like another program's;
//! keyreeve's own keys, and what is no credential for asking a model, go no further (docs/facts.md#terms).

use crate::inject::{Fate, request_header};
use crate::price::Paid;
use crate::token::{Family, scan};

/// The header with the virtual key that says who asks, beside the client's own credential. It ends here.
pub const KEY_HEADER: &str = "x-keyreeve-key";

/// The headers that may carry the client's own credential.
pub const CREDENTIAL_HEADERS: [&str; 2] = ["authorization", "x-api-key"];

/// Decides on a header of a request that passes through: as on every other route, but that the client's own credential
/// goes on as it came. Names are compared without regard to case.
pub fn header(name: &str) -> Fate {
    let carries = |listed: &&str| name.eq_ignore_ascii_case(listed);
    if CREDENTIAL_HEADERS.iter().any(carries) {
        Fate::Pass
    } else {
        request_header(name)
    }
}

/// Why what a request carries is not passed on. Each text says what to do instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotCarried {
    /// There is nothing to pass on.
    #[error(
        "pass-through sends your own credential on, and this request has none: put it into authorization or x-api-key, or ask without /passthrough for a profile's"
    )]
    Nothing,
    /// A virtual key, which would be sent to the vendor.
    #[error(
        "a keyreeve key stands where your own credential belongs, and would be sent to the vendor: put it into x-keyreeve-key, or ask without /passthrough for a profile's credential"
    )]
    VirtualKey,
    /// It only renews a login.
    #[error("a refresh token is never sent with a request: send the access token it renews")]
    RefreshToken,
    /// It cannot ask a model.
    #[error("an Admin API key cannot ask a model: send an API key of a workspace")]
    AdminKey,
    /// A session cookie.
    #[error(
        "a claude.ai session cookie is no API credential and is not passed on: make an API key in the Console"
    )]
    SessionCookie,
    /// A work-item token.
    #[error("a work-item token is good for its one work item and is not passed on")]
    WorkToken,
}

/// The families of what one value of a credential's header carries: of each token in it, whatever scheme or list it stands
/// in, else of the whole.
pub fn carried(value: &str) -> Vec<Family> {
    let parts: Vec<Family> = scan(value).map(|part| Family::of(&value[part])).collect();
    if parts.is_empty() {
        vec![Family::of(value)]
    } else {
        parts
    }
}

/// Whether one of keyreeve's own keys stands in a text that would be sent on.
pub fn holds_our_key(text: &str) -> bool {
    let is_ours = |family: Family| matches!(family, Family::VirtualKey | Family::AdminVirtualKey);
    scan(text).any(|part| is_ours(Family::of(&text[part])))
}

/// Says who pays for a request that carries tokens of these families: a plan where all of them are a person's login, else
/// money. That an organization's OAuth token is none of a plan does not show; its cost, too, is then an estimate.
///
/// # Errors
/// [`NotCarried`] where nothing is carried, or something that goes no further.
pub fn paid_by(carried: impl IntoIterator<Item = Family>) -> Result<Paid, NotCarried> {
    let mut paid = None;
    for family in carried {
        let by_this = match family {
            Family::OauthAccess => Paid::ByPlan,
            Family::ApiKey | Family::UnknownAnthropic | Family::OtherVendor | Family::Opaque => {
                Paid::Money
            }
            Family::VirtualKey | Family::AdminVirtualKey => return Err(NotCarried::VirtualKey),
            Family::OauthRefresh => return Err(NotCarried::RefreshToken),
            Family::AdminKey => return Err(NotCarried::AdminKey),
            Family::ClaudeSession => return Err(NotCarried::SessionCookie),
            Family::WorkToken => return Err(NotCarried::WorkToken),
        };
        paid = match paid {
            // Which of two credentials the vendor takes is not documented: money is not overlooked.
            Some(Paid::Money) => Some(Paid::Money),
            Some(Paid::ByPlan) | None => Some(by_this),
        };
    }
    paid.ok_or(NotCarried::Nothing)
}
