//! The response to the client if its request is not passed through.

use keyreeve_core::pass_through::ClientCredentialError;

use super::envelope::{AUTHENTICATION, ErrorStatus, NOT_FOUND, PERMISSION, RetryAdvice};

/// The reason a request is not passed through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum PassThroughError {
    #[error(
        "pass-through is off. Turn it on with `keyreeve serve --pass-through`, or with pass_through = true under [serve] in the configuration"
    )]
    Disabled,
    #[error(
        "pass-through needs a keyreeve key in x-keyreeve-key, in addition to your own credential. Make one with `keyreeve key add NAME --pass-through`"
    )]
    MissingKey,
    #[error("x-keyreeve-key must be sent once, with one keyreeve key (krv_…)")]
    InvalidKeyHeader,
    #[error(transparent)]
    Credential(#[from] ClientCredentialError),
}

pub(super) fn status(error: PassThroughError) -> ErrorStatus {
    let (status, kind, code) = match error {
        PassThroughError::Disabled => (404, NOT_FOUND, "pass_through_disabled"),
        PassThroughError::MissingKey => (401, AUTHENTICATION, "missing_key"),
        PassThroughError::InvalidKeyHeader => (401, AUTHENTICATION, "invalid_key_header"),
        PassThroughError::Credential(ClientCredentialError::Missing) => {
            (401, AUTHENTICATION, "no_credential")
        }
        PassThroughError::Credential(
            ClientCredentialError::VirtualKey
            | ClientCredentialError::RefreshToken
            | ClientCredentialError::AdminKey
            | ClientCredentialError::SessionCookie
            | ClientCredentialError::WorkToken,
        ) => (403, PERMISSION, "client_credential_not_allowed"),
    };
    ErrorStatus::new(status, kind, code, RetryAdvice::Never)
}
