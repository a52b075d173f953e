//! Errors of SDK profiles. No text contains any part of a secret, and of a response only the error fields of RFC 6749.

use std::path::{Path, PathBuf};

use keyreeve_os::files::FileError;
use keyreeve_os::lock::LockError;

use crate::sources::fix_suffix;
use crate::upstream::UpstreamError;

/// An error while getting a token from an SDK profile. Each text includes the fix, if there is one.
#[derive(Debug, thiserror::Error)]
pub enum SdkProfileError {
    /// The SDKs' profile directory is unknown.
    #[error(
        "cannot find the SDKs' profile directory: neither ANTHROPIC_CONFIG_DIR nor HOME is an absolute path; pass the directory with --sdk-dir"
    )]
    NoDirectory,
    /// A file is missing, or other users can read or change it.
    #[error("cannot use a file of the profile{}", fix_suffix(.0))]
    File(#[source] FileError),
    /// A file is not a JSON object of the expected form.
    #[error("{} is not a valid SDK profile file: {what}", path.display())]
    InvalidFile {
        /// The file.
        path: PathBuf,
        /// The problem, with its position or field name, never a value.
        what: String,
    },
    /// The profile's base URL is not the one that its secret is bound to.
    #[error(
        "{} has base URL {configured}, but this profile is bound to {bound}: add it again with `--origin {configured}`", path.display()
    )]
    OtherOrigin {
        /// The configuration file.
        path: PathBuf,
        /// The base URL in the file.
        configured: String,
        /// The base URL that the profile is bound to.
        bound: String,
    },
    /// The identity token cannot be read or is invalid.
    #[error("the identity token {what}")]
    IdentityToken {
        /// The problem, as the predicate of a sentence.
        what: String,
        /// The file error, if that is the cause.
        #[source]
        source: Option<FileError>,
    },
    /// The login has expired, and there is no refresh token.
    #[error(
        "the login has expired and has no refresh token: log in again with `ant auth login --profile {name}`"
    )]
    Expired {
        /// The SDKs' name of the profile.
        name: String,
    },
    /// A token that another program refreshes has expired.
    #[error(
        "the token in {} has expired: the program that writes it has not refreshed it (without a `client_id` in the profile, keyreeve cannot)", path.display()
    )]
    NotRotated {
        /// The file with the token.
        path: PathBuf,
    },
    /// The refresh token was used, was revoked or has expired: the user must log in again.
    #[error(
        "the login was revoked or has expired ({message}): log in again with `ant auth login --profile {name}`"
    )]
    LoggedOut {
        /// The SDKs' name of the profile.
        name: String,
        /// The endpoint's error message.
        message: String,
    },
    /// The token endpoint returned an error.
    #[error("the token endpoint returned status {status} ({message})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// `error`, `error_description` and `error_uri`, sanitized.
        message: String,
    },
    /// The federation rule refused the identity token.
    #[error(
        "the federation rule refused this identity token, or it covers several workspaces and the profile selects none ({message})"
    )]
    RuleRefused {
        /// The endpoint's error message.
        message: String,
    },
    /// There was no response from the token endpoint.
    #[error("no response from the token endpoint")]
    NoResponse(#[source] UpstreamError),
    /// The response contains no valid token.
    #[error("invalid response from the token endpoint: {0}")]
    InvalidResponse(&'static str),
    /// The response did not arrive within the timeout.
    #[error("no complete response from the token endpoint within 30 s")]
    TimedOut,
    /// Another process holds the lock for longer than a renewal takes: waiting for it timed out.
    #[error("another process has been renewing this login for 40 s: {0}")]
    Busy(String),
    /// The lock cannot be acquired.
    #[error("cannot acquire the lock of the credentials file")]
    Lock(#[source] LockError),
    /// keyreeve is shutting down.
    #[error("the renewal was canceled")]
    Stopped,
}

impl SdkProfileError {
    pub(super) fn invalid_file(path: &Path, what: impl Into<String>) -> Self {
        Self::InvalidFile {
            path: path.to_owned(),
            what: what.into(),
        }
    }

    /// Returns `true` if a retry may succeed without any change by the user.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            Self::NoResponse(_) | Self::TimedOut | Self::Busy(_) | Self::Stopped => true,
            Self::NoDirectory
            | Self::File(_)
            | Self::InvalidFile { .. }
            | Self::OtherOrigin { .. }
            | Self::IdentityToken { .. }
            | Self::Expired { .. }
            | Self::NotRotated { .. }
            | Self::LoggedOut { .. }
            | Self::RuleRefused { .. }
            | Self::InvalidResponse(_)
            | Self::Lock(_) => false,
        }
    }
}
