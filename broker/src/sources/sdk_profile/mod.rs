//! A profile of the official SDKs: a federation rule, a login with its refresh token, or a file that another program keeps
//! fresh. Tokens are obtained and renewed as the SDKs do it, in the files they use (docs/facts.md#sdk-profiles).
//!
//! Invariants: nothing leaves for another origin than the profile's; a token is renewed by one task at a time; a login that
//! another process renewed is taken from its file instead of being renewed again.

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
use keyreeve_core::renewal::{Due, due};
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::snapshot::Environment;
use keyreeve_os::world;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use zeroize::Zeroizing;

use self::config::{Federation, Login};
use self::credentials::CredentialsFile;
use self::renew::{Job, Renewal};
use super::{SourceError, judged};
use crate::Broker;

pub use self::error::SdkProfileError;

/// How long nobody renews beside use after that failed.
const PAUSE: Duration = Duration::from_secs(5);

/// The tokens obtained for each profile, and the renewals that run.
#[derive(Default)]
pub(crate) struct Logins {
    slots: Mutex<HashMap<ProfileId, Arc<Slot>>>,
    renewals: TaskTracker,
}

/// What is known of one profile's tokens.
#[derive(Default)]
struct Slot {
    minted: Mutex<Option<(Federation, Access)>>,
    /// Whose turn it is to renew.
    turn: Arc<tokio::sync::Mutex<()>>,
    paused_until: Mutex<Option<Instant>>,
}

/// An access token and when it ends.
struct Access {
    token: Zeroizing<String>,
    expires_at: Option<Timestamp>,
}

/// Gives a token of the profile, renewed where that is due.
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
    judged(profile, &access.token, provenance)
}

/// Says how the tokens of an SDK profile come to be, by its configuration alone: nothing is asked, no secret is read.
///
/// # Errors
/// As a lease would fail before it asks anybody.
pub fn provenance(
    profile: &Profile,
    directory: Option<&str>,
    name: &Name,
    environment: &Environment,
) -> Result<Provenance, SdkProfileError> {
    let directory = config::directory(directory, environment)?;
    Ok(
        match config::read(&directory, name, profile, environment)? {
            Login::Federation(_) => Provenance::Federation,
            Login::User { .. } | Login::Rotated { .. } => Provenance::AntLogin,
        },
    )
}

async fn access(
    broker: &Arc<Broker>,
    profile: &Profile,
    directory: Option<&str>,
    name: &Name,
) -> Result<(Access, Provenance), SdkProfileError> {
    let environment = &broker.environment;
    let directory = config::directory(directory, environment)?;
    let slot = broker.logins.slot(profile.id);
    let (current, job, provenance) = match config::read(&directory, name, profile, environment)? {
        Login::Federation(rules) => (
            slot.minted_by(&rules),
            Job::Federation(rules),
            Provenance::Federation,
        ),
        Login::User {
            client_id,
            credentials,
        } => (
            Some(CredentialsFile::open(&credentials)?.read()?.access),
            Job::Login {
                client_id,
                credentials,
            },
            Provenance::AntLogin,
        ),
        Login::Rotated { credentials } => {
            let file = CredentialsFile::open(&credentials)?;
            return Ok((rotated(&file)?, Provenance::AntLogin));
        }
    };
    let renewal = Renewal {
        broker: Arc::clone(broker),
        slot,
        profile: profile.clone(),
        name: name.clone(),
        job,
        instead_of: current.as_ref().map(Access::fingerprint),
    };
    Ok((kept_or_renewed(current, renewal).await?, provenance))
}

/// Whatever is in the file, unless it has ended: renewing it is another program's business.
fn rotated(file: &CredentialsFile) -> Result<Access, SdkProfileError> {
    let access = file.read()?.access;
    match access.expires_at {
        Some(end) if end <= world::now() => Err(SdkProfileError::NotRotated { path: file.path() }),
        Some(_) | None => Ok(access),
    }
}

/// Uses the token there is, renews it beside that, or renews it first.
async fn kept_or_renewed(
    current: Option<Access>,
    renewal: Renewal,
) -> Result<Access, SdkProfileError> {
    let Some(current) = current else {
        return renewed(renewal).await;
    };
    let (broker, profile) = (Arc::clone(&renewal.broker), renewal.profile.id);
    if broker.rejected.take(profile, &current.fingerprint()) {
        return renewed(renewal).await;
    }
    match due(current.expires_at, world::now()) {
        Due::No => Ok(current),
        Due::Soon => {
            renew_beside(renewal);
            Ok(current)
        }
        Due::Now => match renewed(renewal).await {
            // What is left of it may do for this request.
            Err(error) if current.lasts() => {
                tracing::warn!(profile = %profile, error = %error, "login not renewed");
                Ok(current)
            }
            renewed => renewed,
        },
    }
}

/// Renews in a task of its own, which outlives whoever waits here.
async fn renewed(renewal: Renewal) -> Result<Access, SdkProfileError> {
    let broker = Arc::clone(&renewal.broker);
    let turn = Arc::clone(&renewal.slot.turn);
    let task = broker.logins.renewals.spawn(async move {
        let _turn = turn.lock_owned().await;
        renewal.run().await
    });
    task.await.map_err(|_| SdkProfileError::Stopped)?
}

/// Starts a renewal, unless one runs or failed a moment ago.
fn renew_beside(renewal: Renewal) {
    let slot = Arc::clone(&renewal.slot);
    let Some(turn) = slot.free_turn() else {
        return;
    };
    let broker = Arc::clone(&renewal.broker);
    broker.logins.renewals.spawn(async move {
        let _turn = turn;
        if let Err(error) = renewal.run().await {
            renewal.slot.pause();
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(profile = %renewal.profile.name, error = %error, cause, "login not renewed");
        }
    });
}

impl Logins {
    fn slot(&self, profile: ProfileId) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(profile).or_default())
    }

    /// Waits until no renewal runs; those that begin meanwhile too.
    pub(crate) async fn settled(&self) {
        self.renewals.close();
        self.renewals.wait().await;
    }
}

impl Slot {
    /// The token that was minted under these rules.
    fn minted_by(&self, rules: &Federation) -> Option<Access> {
        let minted = self.minted.lock().unwrap_or_else(PoisonError::into_inner);
        minted
            .as_ref()
            .filter(|(under, _)| under == rules)
            .map(|(_, access)| access.copy())
    }

    fn keep(&self, rules: &Federation, access: Access) {
        let mut minted = self.minted.lock().unwrap_or_else(PoisonError::into_inner);
        *minted = Some((rules.clone(), access));
    }

    fn free_turn(&self) -> Option<OwnedMutexGuard<()>> {
        let paused = self.paused_until.lock();
        let until = *paused.unwrap_or_else(PoisonError::into_inner);
        if until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        Arc::clone(&self.turn).try_lock_owned().ok()
    }

    fn pause(&self) {
        let paused = self.paused_until.lock();
        *paused.unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + PAUSE);
    }
}

impl Access {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.token)
    }

    fn lasts(&self) -> bool {
        self.expires_at.is_some_and(|end| end > world::now())
    }

    /// Another copy, overwritten like this one: one is kept, one is leased.
    fn copy(&self) -> Self {
        Self {
            token: self.token.clone(),
            expires_at: self.expires_at,
        }
    }
}
