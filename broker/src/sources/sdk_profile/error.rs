//! Why an SDK profile gives no token. No text holds any part of a secret, nor of an answer but what RFC 6749 lets be shown.

use std::path::PathBuf;

use keyreeve_os::files::FileError;
use keyreeve_os::lock::LockError;

use crate::sources::mended_by;
use crate::upstream::NoAnswer;

/// Why an SDK profile gives no token. Each text says what to do, where something can be done.
#[derive(Debug, thiserror::Error)]
pub enum SdkProfileError {
    /// It is not known where the SDKs keep their profiles.
    #[error(
        "it is not known where the SDKs keep profiles: neither ANTHROPIC_CONFIG_DIR nor HOME is a whole path; name the directory with --sdk-dir"
    )]
    NoDirectory,
    /// A file is missing, or somebody else could read or change it.
    #[error("a file of the profile is not taken{}", mended_by(.0))]
    File(#[source] FileError),
    /// A file is no JSON object of the kind expected.
    #[error("{} is not the JSON that the SDKs write: {what}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What is wrong, by place or name and never by value.
        what: String,
    },
    /// The profile leads somewhere else than the one place its secret may go.
    #[error(
        "{} leads to {theirs}, and this profile is bound to {own}: add it again with `--origin {theirs}`", path.display()
    )]
    OtherOrigin {
        /// The configuration.
        path: PathBuf,
        /// Where it leads.
        theirs: String,
        /// What the profile is bound to.
        own: String,
    },
    /// The identity token cannot be had.
    #[error("the identity token {what}")]
    Identity {
        /// What is wrong with it.
        what: String,
        /// The file's trouble, where it is that.
        #[source]
        source: Option<FileError>,
    },
    /// The login ended, and nothing here can renew it.
    #[error(
        "the login has expired, and there is no refresh token to renew it with: log in again with `ant auth login --profile {name}`"
    )]
    Expired {
        /// What the SDKs call the profile.
        name: String,
    },
    /// The token that another program keeps fresh is stale.
    #[error(
        "the token in {} has expired; the program that puts a fresh one there has not done so (without a `client_id` in the profile nobody else renews it)", path.display()
    )]
    NotRotated {
        /// Where the fresh one is expected.
        path: PathBuf,
    },
    /// The refresh token was used, revoked or has expired: the login is over.
    #[error("the login is over ({told}): log in again with `ant auth login --profile {name}`")]
    LoggedOut {
        /// What the SDKs call the profile.
        name: String,
        /// The endpoint's own words.
        told: String,
    },
    /// The token endpoint refused.
    #[error("the token endpoint refused with status {status} ({told})")]
    Refused {
        /// The status.
        status: u16,
        /// `error`, `error_description` and `error_uri`, made harmless.
        told: String,
    },
    /// The identity token was refused.
    #[error(
        "the federation rule does not take this identity token, or the rule covers several workspaces and the profile names none ({told})"
    )]
    RuleRefused {
        /// The endpoint's own words.
        told: String,
    },
    /// The token endpoint did not answer.
    #[error("the token endpoint gave no answer")]
    NoAnswer(#[source] NoAnswer),
    /// What it answered is no token.
    #[error("the token endpoint's answer is not taken: {0}")]
    BadAnswer(&'static str),
    /// It took too long.
    #[error("the token endpoint did not answer in full within 30 s")]
    TimedOut,
    /// Another process holds the lock for longer than a renewal takes.
    #[error("another process has been renewing this login for 40 s: {0}")]
    Busy(String),
    /// The lock cannot be taken.
    #[error("the lock beside the credentials cannot be taken")]
    Lock(#[source] LockError),
    /// keyreeve is about to stop.
    #[error("the renewal was stopped")]
    Stopped,
}

impl SdkProfileError {
    /// Whether the same may go well a little later, without anybody doing anything.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            Self::NoAnswer(_) | Self::TimedOut | Self::Busy(_) | Self::Stopped => true,
            Self::NoDirectory
            | Self::File(_)
            | Self::Unreadable { .. }
            | Self::OtherOrigin { .. }
            | Self::Identity { .. }
            | Self::Expired { .. }
            | Self::NotRotated { .. }
            | Self::LoggedOut { .. }
            | Self::RuleRefused { .. }
            | Self::BadAnswer(_)
            | Self::Lock(_) => false,
        }
    }
}
