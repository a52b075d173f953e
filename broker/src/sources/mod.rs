//! Where a profile's secret comes from, one file a source. Each yields a [`Credential`] bound to the profile's origin.

pub(crate) mod command;
mod environment;
mod sealed;

use keyreeve_core::credential::Credential;
use keyreeve_core::profile::{Profile, Provenance, Source};
use keyreeve_core::secret::Secret;
use keyreeve_core::token::{self, Problem};

use crate::Broker;

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
    /// The command failed; what it printed is not shown.
    #[error("the command {program} {what}")]
    Command {
        /// The program, without its arguments.
        program: String,
        /// What happened.
        what: &'static str,
    },
}

/// Fetches the secret of a profile and binds it to the profile's origin.
pub(crate) async fn obtain(broker: &Broker, profile: &Profile) -> Result<Credential, SourceError> {
    match &profile.source {
        Source::Sealed => sealed::obtain(broker, profile),
        Source::Environment { variable } => environment::obtain(broker, profile, variable),
        Source::Command { argv } => command::obtain(broker, profile, argv).await,
    }
}

/// Judges text that was fetched at lease time as strictly as a paste.
fn fetched(profile: &Profile, text: &str) -> Result<Credential, SourceError> {
    let reading = token::read(text, profile.api().grammar());
    match reading.token {
        Some(secret) => Ok(bind(profile, secret, reading.family)),
        None => Err(SourceError::NotACredential(
            reading.problems.first().copied(),
        )),
    }
}

fn bind(profile: &Profile, secret: Secret, family: token::Family) -> Credential {
    let provenance = match profile.source {
        Source::Sealed => profile.provenance,
        Source::Environment { .. } | Source::Command { .. } => Provenance::Unknown,
    };
    Credential::new(secret, family, provenance, profile.base_url.clone())
}
