//! A profile of the official SDKs: a federation rule, a login with its refresh token, or a file that another program
//! refreshes. Tokens are obtained and renewed as the SDKs do it, in the files they use (docs/facts.md#sdk-profiles).
//!
//! Invariants: tokens are sent to the profile's origin only; a token is renewed by one task at a time; a login that
//! another process renewed is read from its file instead of being renewed again.

mod config;
mod credentials;
mod error;
mod exchange;
mod renew;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use keyreeve_core::credential::Credential;
use keyreeve_core::profile::{Name, Profile, ProfileId, Provenance};
use keyreeve_core::renewal::{RenewalNeed, renewal_need};
use keyreeve_core::secret::Fingerprint;
use keyreeve_os::environment::Environment;
use keyreeve_os::system;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use zeroize::Zeroizing;

use self::config::{FederationRule, SdkLogin};
use self::credentials::SdkCredentialsFile;
use self::renew::{Renewal, RenewalMethod};
use super::{SourceError, parse_credential};
use crate::Broker;

pub use self::error::SdkProfileError;

/// Time without background renewals after one has failed.
const RETRY_DELAY: Duration = Duration::from_secs(5);

/// The tokens obtained for each profile, and the running renewals.
#[derive(Default)]
pub(crate) struct SdkTokens {
    slots: Mutex<HashMap<ProfileId, Arc<TokenSlot>>>,
    renewals: TaskTracker,
}

/// The state of one profile's tokens.
#[derive(Default)]
struct TokenSlot {
    exchanged: Mutex<Option<(FederationRule, AccessToken)>>,
    /// Locked while a renewal runs.
    renewal_lock: Arc<tokio::sync::Mutex<()>>,
    paused_until: Mutex<Option<Instant>>,
}

/// An access token and its expiry.
struct AccessToken {
    token: Zeroizing<String>,
    expires_at: Option<Timestamp>,
}

/// Returns a token of the profile, renewed if needed.
pub(super) async fn obtain(
    broker: &Arc<Broker>,
    profile: &Profile,
    directory: Option<&str>,
    name: &Name,
) -> Result<Credential, SourceError> {
    let (access, provenance) =
        access(broker, profile, directory, name)
            .await
            .map_err(|source| SourceError::SdkProfile {
                name: name.to_string(),
                source: Box::new(source),
            })?;
    parse_credential(profile, &access.token, provenance)
}

/// Returns the provenance of an SDK profile's tokens from its configuration alone: sends no request and reads no
/// secret.
///
/// # Errors
/// The errors that a lease has before its first request.
pub fn provenance(
    profile: &Profile,
    directory: Option<&str>,
    name: &Name,
    environment: &Environment,
) -> Result<Provenance, SdkProfileError> {
    let directory = config::directory(directory, environment)?;
    Ok(
        match config::read(&directory, name, profile, environment)? {
            SdkLogin::Federation(_) => Provenance::Federation,
            SdkLogin::User { .. } | SdkLogin::Rotated { .. } => Provenance::AntLogin,
        },
    )
}

async fn access(
    broker: &Arc<Broker>,
    profile: &Profile,
    directory: Option<&str>,
    name: &Name,
) -> Result<(AccessToken, Provenance), SdkProfileError> {
    let environment = &broker.environment;
    let directory = config::directory(directory, environment)?;
    let slot = broker.sdk_tokens.slot(profile.id);
    let (current, method, provenance) = match config::read(&directory, name, profile, environment)?
    {
        SdkLogin::Federation(rule) => (
            slot.exchanged_with(&rule),
            RenewalMethod::Federation(rule),
            Provenance::Federation,
        ),
        SdkLogin::User {
            client_id,
            credentials,
        } => (
            Some(SdkCredentialsFile::open(&credentials)?.read()?.access),
            RenewalMethod::Login {
                client_id,
                credentials,
            },
            Provenance::AntLogin,
        ),
        SdkLogin::Rotated { credentials } => {
            let file = SdkCredentialsFile::open(&credentials)?;
            return Ok((read_rotated(&file)?, Provenance::AntLogin));
        }
    };
    let renewal = Renewal {
        broker: Arc::clone(broker),
        slot,
        profile: profile.clone(),
        name: name.clone(),
        method,
        replaces: current.as_ref().map(AccessToken::fingerprint),
    };
    Ok((current_or_renewed(current, renewal).await?, provenance))
}

/// Reads the token in the file, unless it has expired: another program is responsible for renewing it.
fn read_rotated(file: &SdkCredentialsFile) -> Result<AccessToken, SdkProfileError> {
    let access = file.read()?.access;
    match access.expires_at {
        Some(end) if end <= system::now() => Err(SdkProfileError::NotRotated { path: file.path() }),
        Some(_) | None => Ok(access),
    }
}

/// Returns the current token, possibly with a renewal in the background, or renews it first.
async fn current_or_renewed(
    current: Option<AccessToken>,
    renewal: Renewal,
) -> Result<AccessToken, SdkProfileError> {
    let Some(current) = current else {
        return renew_now(renewal).await;
    };
    let (broker, profile) = (Arc::clone(&renewal.broker), renewal.profile.id);
    if broker.rejected.take_mark(profile, &current.fingerprint()) {
        return renew_now(renewal).await;
    }
    match renewal_need(current.expires_at, system::now()) {
        RenewalNeed::NotYet => Ok(current),
        RenewalNeed::Background => {
            renew_in_background(renewal);
            Ok(current)
        }
        RenewalNeed::Now => match renew_now(renewal).await {
            // The token is still valid, which may be enough for this request.
            Err(error) if current.is_valid() => {
                tracing::warn!(profile = %profile, error = %error, "login not renewed");
                Ok(current)
            }
            renewed => renewed,
        },
    }
}

/// Renews in a separate task, which continues if this caller is canceled.
async fn renew_now(renewal: Renewal) -> Result<AccessToken, SdkProfileError> {
    let broker = Arc::clone(&renewal.broker);
    let renewal_lock = Arc::clone(&renewal.slot.renewal_lock);
    let task = broker.sdk_tokens.renewals.spawn(async move {
        let _renewal_lock = renewal_lock.lock_owned().await;
        renewal.run().await
    });
    task.await.map_err(|_| SdkProfileError::Stopped)?
}

/// Starts a renewal in the background, unless one is running or failed a moment ago.
fn renew_in_background(renewal: Renewal) {
    let slot = Arc::clone(&renewal.slot);
    let Some(renewal_lock) = slot.try_renewal_lock() else {
        return;
    };
    let broker = Arc::clone(&renewal.broker);
    broker.sdk_tokens.renewals.spawn(async move {
        let _renewal_lock = renewal_lock;
        if let Err(error) = renewal.run().await {
            renewal.slot.delay_background_renewal();
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(profile = %renewal.profile.name, error = %error, cause, "login not renewed");
        }
    });
}

impl SdkTokens {
    fn slot(&self, profile: ProfileId) -> Arc<TokenSlot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(profile).or_default())
    }

    /// Waits until no renewal runs, including those started meanwhile.
    pub(crate) async fn finish_renewals(&self) {
        self.renewals.close();
        self.renewals.wait().await;
    }
}

impl TokenSlot {
    /// Returns the token that was obtained with this rule.
    fn exchanged_with(&self, rule: &FederationRule) -> Option<AccessToken> {
        let exchanged = self
            .exchanged
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        exchanged
            .as_ref()
            .filter(|(used, _)| used == rule)
            .map(|(_, access)| access.copy())
    }

    fn set_exchanged(&self, rule: &FederationRule, access: AccessToken) {
        let mut exchanged = self
            .exchanged
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *exchanged = Some((rule.clone(), access));
    }

    fn try_renewal_lock(&self) -> Option<OwnedMutexGuard<()>> {
        let paused = self.paused_until.lock();
        let until = *paused.unwrap_or_else(PoisonError::into_inner);
        if until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        Arc::clone(&self.renewal_lock).try_lock_owned().ok()
    }

    fn delay_background_renewal(&self) {
        let paused = self.paused_until.lock();
        *paused.unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + RETRY_DELAY);
    }
}

impl AccessToken {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.token)
    }

    fn is_valid(&self) -> bool {
        self.expires_at.is_some_and(|end| end > system::now())
    }

    /// Returns a copy, zeroized like this one: one is cached, one is leased.
    fn copy(&self) -> Self {
        Self {
            token: self.token.clone(),
            expires_at: self.expires_at,
        }
    }
}
