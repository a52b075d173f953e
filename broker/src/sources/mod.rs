//! Sources of a profile's secret, one file for each that takes more than a look-up. Each returns a [`Credential`] bound
//! to the profile's origin.

mod ant;
pub(crate) mod command;
mod file;
pub(crate) mod sdk_profile;

use std::sync::Arc;

use keyreeve_core::credential::Credential;
use keyreeve_core::profile::{Profile, Provenance, Source};
use keyreeve_core::secret::Secret;
use keyreeve_core::token::{self, Family, TokenProblem};
use keyreeve_os::files::FileError;
use keyreeve_store::Policy;

use crate::Broker;

pub use sdk_profile::{SdkProfileError, provenance as sdk_profile_provenance};

/// An error of a secret's source. No text contains any part of a secret.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The sealed record in the store (encrypted at rest) cannot be decrypted.
    #[error("cannot decrypt the secret in the store")]
    Sealed(#[source] keyreeve_store::StoreError),
    /// The profile's row in the store does not verify.
    #[error("the profile cannot be trusted")]
    NotVerified(#[source] keyreeve_store::StoreError),
    /// The variable is not set, or its value is not UTF-8 text.
    #[error("the environment variable {0} was not set when keyreeve was started")]
    VariableNotSet(String),
    /// The value that the source returned is not a credential.
    #[error("its value is not a usable credential{}", .0.map(|problem| format!(": {problem}")).unwrap_or_default())]
    InvalidCredential(Option<TokenProblem>),
    /// The file is missing, or other users can read or change it.
    #[error("cannot use the secret's file{}", fix_suffix(.0))]
    File(#[source] FileError),
    /// The login belongs to another program: it is never read, so it cannot be leased.
    #[error(
        "Claude Code's own login is used only by Claude Code, never behind a virtual key: start it with `keyreeve exec -- claude`"
    )]
    ClaudeLogin,
    /// No token could be obtained from the SDK profile.
    #[error("cannot get a token from the SDK profile {name}")]
    SdkProfile {
        /// The SDKs' name of the profile.
        name: String,
        /// The reason.
        #[source]
        source: Box<SdkProfileError>,
    },
    /// The command failed; its output is not shown.
    #[error("the command {program} {what}")]
    Command {
        /// The program, without its arguments.
        program: String,
        /// The problem, as the predicate of a sentence.
        what: &'static str,
    },
}

impl SourceError {
    /// Returns `true` if a retry may succeed without any change by the user.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::SdkProfile { source, .. } => source.is_transient(),
            Self::Sealed(_)
            | Self::NotVerified(_)
            | Self::VariableNotSet(_)
            | Self::InvalidCredential(_)
            | Self::File(_)
            | Self::ClaudeLogin
            | Self::Command { .. } => false,
        }
    }
}

/// Fetches the secret of a profile of this policy and binds it to the profile's origin.
pub(crate) async fn obtain(
    broker: &Arc<Broker>,
    policy: &Policy,
    profile: &Profile,
) -> Result<Credential, SourceError> {
    // No program is started, and no file or variable read, for a row that something else wrote.
    policy
        .check_profile(profile.id)
        .map_err(SourceError::NotVerified)?;
    match &profile.source {
        // Encrypted at rest (sealed): decrypted for each lease and dropped after it.
        Source::Sealed => {
            let secret = broker
                .store
                .unseal_from(policy, profile)
                .map_err(SourceError::Sealed)?;
            let family = profile.family.unwrap_or(Family::Opaque);
            Ok(bind(profile, secret, family, profile.provenance))
        }
        // Read when the process started.
        Source::Environment { variable } => match broker.environment.get(variable) {
            Some(value) => parse_credential(profile, value, Provenance::Unknown),
            None => Err(SourceError::VariableNotSet(variable.clone())),
        },
        Source::File { path } => file::obtain(profile, path),
        Source::Command { argv } => command::obtain(broker, profile, argv).await,
        Source::SdkProfile { directory, name } => {
            sdk_profile::obtain(broker, profile, directory.as_deref(), name).await
        }
        Source::Ant {
            profile: ant_profile,
        } => ant::obtain(broker, profile, ant_profile.as_ref()).await,
        Source::ClaudeLogin { .. } => Err(SourceError::ClaudeLogin),
    }
}

/// Validates text that was fetched at lease time, as strictly as pasted text.
fn parse_credential(
    profile: &Profile,
    text: &str,
    provenance: Provenance,
) -> Result<Credential, SourceError> {
    let report = token::read(text, profile.api().grammar());
    match report.token {
        Some(secret) => Ok(bind(profile, secret, report.family, provenance)),
        None => Err(SourceError::InvalidCredential(
            report.problems.first().copied(),
        )),
    }
}

/// Returns the command that fixes a file error, in parentheses, for the end of a sentence.
pub(crate) fn fix_suffix(error: &FileError) -> String {
    error
        .fix_command()
        .map(|command| format!(" (fix: `{command}`)"))
        .unwrap_or_default()
}

fn bind(profile: &Profile, secret: Secret, family: Family, provenance: Provenance) -> Credential {
    Credential::new(secret, family, provenance, profile.base_url.clone())
}
