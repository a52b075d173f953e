//! Acquires a lease: selects the profile of an attempt, obtains its secret, and commits the intent; fails over to the
//! next profile if a secret cannot be obtained.
//!
//! Invariants: the key is read again here, after the request body was read and after waiting for a program, so that a
//! revocation takes effect at the next lease; the intent is committed before a lease is granted, so nothing goes
//! upstream without a record.

use std::sync::Arc;

use keyreeve_core::credential::Credential;
use keyreeve_core::inject;
use keyreeve_core::price::PaymentKind;
use keyreeve_core::profile::{Profile, Source};
use keyreeve_core::select::{NoProfileError, Reason};
use keyreeve_os::system;
use keyreeve_store::{Policy, RequestId};

use crate::attempt_guard::AttemptGuard;
use crate::choose::Pick;
use crate::health::{Attempt, RequestInfo, is_detected_plan};
use crate::ledger_entry::{AttemptNumber, EntryParties, OpenEntry, time_ordered_id};
use crate::retry::{PreviousAttempt, RetryState};
use crate::sources;
use crate::{Broker, Client, Lease, LeaseError, LeaseRequest};

impl Broker {
    /// Leases a credential for the next attempt of a request. Waits for the end of a cooldown if that is soon and no
    /// other profile can serve, or if staying with the pinned profile is better for the conversation.
    ///
    /// # Errors
    /// See [`LeaseError`]. In every case, nothing was sent.
    pub async fn lease(
        self: &Arc<Self>,
        client: &Client,
        request: &LeaseRequest,
        retry: &mut RetryState,
    ) -> Result<(Lease, Credential), LeaseError> {
        let mut first_error: Option<LeaseError> = None;
        loop {
            let pick = match self.select_profile(client, request, retry).await {
                Err(LeaseError::NoProfile(NoProfileError::AllFailed)) => {
                    return Err(first_error.unwrap_or_else(|| NoProfileError::AllFailed.into()));
                }
                pick => pick?,
            };
            let profile = &pick.profile;
            let credential = match self.secret_of(&pick.policy, profile).await {
                Ok(credential) => credential,
                Err(error) => {
                    log_secret_error(request, &error);
                    retry.exclude(profile);
                    pick.guard.release().await;
                    first_error.get_or_insert(error);
                    continue;
                }
            };
            if is_slow(&profile.source) {
                self.authenticate(&client.presented)?;
            }
            if retry.has_refused(profile.id, &credential) {
                retry.exclude_unrefreshed(profile);
                pick.guard.release().await;
                continue;
            }
            if retry.is_past_deadline() {
                return Err(NoProfileError::AllFailed.into());
            }
            return self.grant(pick, credential, request).await;
        }
    }

    /// Leases a profile's credential to its owner, who works on this machine and needs no virtual key.
    ///
    /// # Errors
    /// See [`LeaseError`]. A plan login is refused: only Anthropic's own programs may use it.
    pub async fn lease_for_owner(
        self: &Arc<Self>,
        profile: &Profile,
        request: &LeaseRequest,
    ) -> Result<(Lease, Credential), LeaseError> {
        if profile.is_plan_login() {
            return Err(inject_error(profile, inject::InjectError::PlanLogin));
        }
        let profile = Arc::new(profile.clone());
        let snapshot = self.store.lease_snapshot().map_err(LeaseError::Ledger)?;
        if is_detected_plan(&snapshot.health, profile.id) {
            return Err(LeaseError::PlanDetected {
                profile: profile.name.to_string(),
            });
        }
        let info = RequestInfo::new(request.operation, request.model.as_deref(), system::now());
        let attempt = Attempt::new(&profile, &info, &snapshot.health);
        let credential = self.secret_of(&snapshot.policy, &profile).await?;
        let pick = Pick {
            key: None,
            profile,
            policy: snapshot.policy,
            guard: AttemptGuard::new(self, attempt),
            reason: Reason::Named,
            number: 1,
            previous: None,
        };
        self.grant(pick, credential, request).await
    }

    async fn secret_of(
        self: &Arc<Self>,
        policy: &Policy,
        profile: &Profile,
    ) -> Result<Credential, LeaseError> {
        sources::obtain(self, policy, profile)
            .await
            .map_err(|source| LeaseError::Source {
                profile: profile.name.to_string(),
                source,
            })
    }

    /// Commits the intent and grants the lease.
    async fn grant(
        self: &Arc<Self>,
        Pick {
            key,
            profile,
            policy: _,
            guard,
            reason,
            number,
            previous,
        }: Pick,
        credential: Credential,
        request: &LeaseRequest,
    ) -> Result<(Lease, Credential), LeaseError> {
        let injection = inject::decide(
            profile.api().upstream_kind(profile.auth),
            credential.family(),
            credential.provenance(),
        )
        .map_err(|source| inject_error(&profile, source))?;

        let parties = EntryParties {
            key,
            profile: Some(Arc::clone(&profile)),
            payment: PaymentKind::Metered,
            simulated: profile.simulated,
        };
        let (entry, intent) =
            OpenEntry::new(self, request, parties, AttemptNumber { number, reason })?;
        let mut lease = Lease {
            attempt: intent.attempt,
            request: intent.request,
            profile,
            injection,
            credential: credential.fingerprint(),
            entry,
            guard,
        };
        lease.entry.commit(intent).await?;
        if let Some(previous) = previous {
            log_failover(&lease, &previous, reason);
        }
        Ok((lease, credential))
    }

    /// Creates the id of a client request.
    ///
    /// # Errors
    /// [`LeaseError::Randomness`].
    pub fn request_id(&self) -> Result<RequestId, LeaseError> {
        Ok(RequestId(time_ordered_id(system::now())?))
    }
}

/// Logs why a selected profile was skipped; the request may still succeed with another one.
fn log_secret_error(request: &LeaseRequest, error: &LeaseError) {
    let reason = std::error::Error::source(error);
    let cause = reason.and_then(std::error::Error::source);
    tracing::warn!(
        request = %request.request_id,
        %error,
        reason = reason.map(ToString::to_string),
        cause = cause.map(ToString::to_string),
        "profile skipped",
    );
}

/// Logs a failover to another profile, by names only.
fn log_failover(lease: &Lease, previous: &PreviousAttempt, reason: Reason) {
    if previous.profile == lease.profile.name {
        return;
    }
    tracing::info!(
        request = %lease.request,
        from = %previous.profile,
        to = %lease.profile.name,
        verdict = previous.verdict,
        reason = reason.name(),
        "failover",
    );
}

fn inject_error(profile: &Profile, source: inject::InjectError) -> LeaseError {
    LeaseError::Inject {
        profile: profile.name.to_string(),
        source,
    }
}

/// Returns `true` if obtaining the secret is slow enough for the key to be revoked meanwhile.
fn is_slow(source: &Source) -> bool {
    match source {
        Source::Command { .. } | Source::SdkProfile { .. } | Source::Ant { .. } => true,
        Source::Sealed
        | Source::Environment { .. }
        | Source::File { .. }
        | Source::ClaudeLogin { .. } => false,
    }
}
