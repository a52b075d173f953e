//! The response to the client if an attempt gets no response from the upstream.

use keyreeve_broker::HeaderValueError;
use keyreeve_broker::upstream::UpstreamError;

use super::envelope::{API, ErrorStatus, RetryAdvice};
use crate::attempt::ForwardError;

pub(super) fn status(error: &ForwardError) -> ErrorStatus {
    use RetryAdvice::{Never, Soon};
    let (status, kind, code, retry) = match error {
        ForwardError::Unreachable(UpstreamError::ConnectTimedOut(_)) => {
            (504, TIMEOUT, "upstream_connect_timeout", Soon)
        }
        ForwardError::Unreachable(_) => (502, API, "upstream_unreachable", Soon),
        ForwardError::Broken(_) | ForwardError::NoBody => (502, API, "upstream_broken", Soon),
        ForwardError::TimedOut(_) => (504, TIMEOUT, "upstream_timeout", Soon),
        ForwardError::Redirect(_) => (502, API, "upstream_redirect", Never),
        ForwardError::InvalidUrl => (502, API, "invalid_upstream_url", Never),
        ForwardError::Credential(HeaderValueError::InvalidCharacter) => {
            (500, API, "invalid_credential", Never)
        }
        ForwardError::Credential(HeaderValueError::WrongOrigin) => {
            (500, API, "wrong_origin", Never)
        }
    };
    ErrorStatus::new(status, kind, code, retry)
}

const TIMEOUT: &str = "timeout_error";

/// The message for the client. The underlying error is in the log only.
pub(super) fn client_message(error: &ForwardError) -> String {
    match error {
        ForwardError::Unreachable(_) => {
            "The upstream API cannot be reached. Retry in a moment; the cause is in the gateway's log".to_owned()
        }
        ForwardError::Broken(_) | ForwardError::NoBody => {
            "The upstream API closed the connection before it responded. Retry in a moment".to_owned()
        }
        ForwardError::TimedOut(_) => {
            "The upstream API did not respond in time. Retry in a moment".to_owned()
        }
        ForwardError::Redirect(status) => format!(
            "The upstream API responded with a redirect ({status}), which is never followed. Correct the address of the profile: `keyreeve profile list`"
        ),
        ForwardError::InvalidUrl => {
            "The profile's address and the request path do not form a valid URL. Correct the address of the profile: `keyreeve profile list`".to_owned()
        }
        ForwardError::Credential(HeaderValueError::InvalidCharacter) => {
            "The profile's credential contains a character that is not allowed in an HTTP header. Replace it: `keyreeve profile rotate NAME`".to_owned()
        }
        ForwardError::Credential(HeaderValueError::WrongOrigin) => {
            "The profile's credential is bound to another origin than the one this profile sends to. Add the profile again: `keyreeve profile add NAME`".to_owned()
        }
    }
}
