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
    /// The profile was changed or removed since it was chosen for this request.
    #[error("the profile was changed or removed meanwhile")]
    Changed,
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
            Self::Changed => true,
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
    check_current(policy, profile)?;
    let credential = fetch(broker, policy, profile).await?;
    match &profile.source {
        Source::Sealed | Source::Environment { .. } | Source::File { .. } => {}
        // These take time, in which the profile may have been changed.
        Source::Command { .. }
        | Source::SdkProfile { .. }
        | Source::Ant { .. }
        | Source::ClaudeLogin { .. } => {
            let policy = broker.store.policy().map_err(SourceError::NotVerified)?;
            check_current(&policy, profile)?;
        }
    }
    Ok(credential)
}

/// Checks that the profile's row verifies, and that what was decided about the profile still holds.
fn check_current(policy: &Policy, profile: &Profile) -> Result<(), SourceError> {
    let Some(current) = policy.profile(profile.id) else {
        return Err(SourceError::Changed);
    };
    policy
        .check_profile(profile.id)
        .map_err(SourceError::NotVerified)?;
    if is_same_use(current, profile) {
        Ok(())
    } else {
        Err(SourceError::Changed)
    }
}

/// Returns `true` if two versions of a profile have the same secret for the same use: where it comes from, where and how
/// it is sent, who is billed, and who gets it.
fn is_same_use(one: &Profile, other: &Profile) -> bool {
    one.source == other.source
        && one.base_url == other.base_url
        && one.auth == other.auth
        && one.provenance == other.provenance
        && one.family == other.family
        && one.billing == other.billing
        && one.secret_exposure == other.secret_exposure
        && one.simulated == other.simulated
}

async fn fetch(
    broker: &Arc<Broker>,
    policy: &Policy,
    profile: &Profile,
) -> Result<Credential, SourceError> {
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use keyreeve_core::origin::{BaseUrl, PlainHttp};
    use keyreeve_core::profile::{Auth, BillingClass, ProfileId, SecretExposure};
    use uuid::Uuid;

    use super::*;

    fn profile() -> Profile {
        Profile {
            id: ProfileId(Uuid::from_u128(1)),
            name: "work".parse().unwrap(),
            source: Source::Sealed,
            base_url: BaseUrl::parse("https://api.anthropic.com", PlainHttp::Forbidden).unwrap(),
            auth: Auth::ApiKey,
            provenance: Provenance::Console,
            billing: BillingClass::Metered,
            family: Some(Family::ApiKey),
            hint: None,
            secret_exposure: SecretExposure::Programs,
            simulated: false,
            expires_at: None,
            created_at: Timestamp::UNIX_EPOCH,
            rotated_at: None,
        }
    }

    /// F-23: an edit of anything that a lease decided by ends it; a new name or secret of the same kind does not.
    #[test]
    fn edited_profile_is_not_used_as_it_was_chosen() {
        let changed = |change: fn(&mut Profile)| {
            let mut edited = profile();
            change(&mut edited);
            !is_same_use(&edited, &profile())
        };
        let other_url = |profile: &mut Profile| {
            profile.base_url =
                BaseUrl::parse("https://other.example", PlainHttp::Forbidden).unwrap();
        };
        assert!(changed(other_url));
        assert!(changed(|profile| profile.auth = Auth::Bearer));
        assert!(changed(|profile| profile.billing = BillingClass::Plan));
        assert!(changed(
            |profile| profile.secret_exposure = SecretExposure::RequestsOnly
        ));
        assert!(changed(
            |profile| profile.provenance = Provenance::SetupToken
        ));
        assert!(changed(|profile| profile.family = None));
        assert!(changed(|profile| profile.simulated = true));
        assert!(changed(|profile| profile.source = Source::Environment {
            variable: "V".to_owned()
        }));
        assert!(!changed(|profile| profile.name = "other".parse().unwrap()));
        assert!(!changed(
            |profile| profile.rotated_at = Some(Timestamp::UNIX_EPOCH)
        ));
    }
}
