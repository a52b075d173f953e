//! Where a profile's secret comes from, one file a source. Each yields a [`Credential`] bound to the profile's origin.

mod ant;
pub(crate) mod command;
mod environment;
mod file;
pub(crate) mod rejected;
pub(crate) mod sdk_profile;
mod sealed;

use std::sync::Arc;

use keyreeve_core::credential::Credential;
use keyreeve_core::profile::{Profile, Provenance, Source};
use keyreeve_core::secret::Secret;
use keyreeve_core::token::{self, Problem};
use keyreeve_os::files::FileError;

use crate::Broker;

pub use sdk_profile::{SdkProfileError, provenance as sdk_profile_provenance};

/// Why a secret could not be had. No text holds any part of a secret.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The sealed record cannot be opened.
    #[error("the sealed secret cannot be opened")]
    Sealed(#[source] keyreeve_store::Error),
    /// The variable is not set, or holds something other than text.
    #[error("the environment variable {0} is not set where keyreeve was started")]
    NoVariable(String),
    /// What the source gave is not a credential.
    #[error("what came is not a usable credential{}", .0.map(|problem| format!(": {problem}")).unwrap_or_default())]
    NotACredential(Option<Problem>),
    /// The file is missing, or somebody else could read or change it.
    #[error("the file of the secret is not taken{}", mended_by(.0))]
    File(#[source] FileError),
    /// The login is another program's own: nothing of it is read, so there is nothing to lease.
    #[error(
        "Claude Code's own login is used by Claude Code alone, and never stands behind a virtual key: start it with `keyreeve exec -- claude`"
    )]
    ClaudeLogin,
    /// The SDK profile gives no token.
    #[error("the SDK profile {name} gives no token")]
    SdkProfile {
        /// What the SDKs call it.
        name: String,
        /// Why.
        #[source]
        source: Box<SdkProfileError>,
    },
    /// The command failed; what it printed is not shown.
    #[error("the command {program} {what}")]
    Command {
        /// The program, without its arguments.
        program: String,
        /// What happened.
        what: &'static str,
    },
}

impl SourceError {
    /// Whether the same may go well a little later, without anybody doing anything.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::SdkProfile { source, .. } => source.may_pass(),
            Self::Sealed(_)
            | Self::NoVariable(_)
            | Self::NotACredential(_)
            | Self::File(_)
            | Self::ClaudeLogin
            | Self::Command { .. } => false,
        }
    }
}

/// Fetches the secret of a profile and binds it to the profile's origin.
pub(crate) async fn obtain(
    broker: &Arc<Broker>,
    profile: &Profile,
) -> Result<Credential, SourceError> {
    match &profile.source {
        Source::Sealed => sealed::obtain(broker, profile),
        Source::Environment { variable } => environment::obtain(broker, profile, variable),
        Source::File { path } => file::obtain(profile, path),
        Source::Command { argv } => command::obtain(broker, profile, argv).await,
        Source::SdkProfile { directory, name } => {
            sdk_profile::obtain(broker, profile, directory.as_deref(), name).await
        }
        Source::Ant { profile: theirs } => ant::obtain(broker, profile, theirs.as_ref()).await,
        Source::ClaudeLogin { .. } => Err(SourceError::ClaudeLogin),
    }
}

/// Judges text that was fetched at lease time and can be anything.
fn fetched(profile: &Profile, text: &str) -> Result<Credential, SourceError> {
    judged(profile, text, Provenance::Unknown)
}

/// Judges text that was fetched at lease time as strictly as a paste.
fn judged(
    profile: &Profile,
    text: &str,
    provenance: Provenance,
) -> Result<Credential, SourceError> {
    let reading = token::read(text, profile.api().grammar());
    match reading.token {
        Some(secret) => Ok(bind(profile, secret, reading.family, provenance)),
        None => Err(SourceError::NotACredential(
            reading.problems.first().copied(),
        )),
    }
}

/// The mending command, for the end of a sentence.
pub(crate) fn mended_by(error: &FileError) -> String {
    error
        .hint()
        .map(|command| format!(" (mend it with `{command}`)"))
        .unwrap_or_default()
}

fn bind(
    profile: &Profile,
    secret: Secret,
    family: token::Family,
    provenance: Provenance,
) -> Credential {
    Credential::new(secret, family, provenance, profile.base_url.clone())
}
