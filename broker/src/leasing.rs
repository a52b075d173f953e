//! Leasing: chooses the profile of an attempt, obtains its secret, commits the intent, and gives the lease.
//!
//! Invariants: the key is looked at again here, after the request body was read and after a program was waited for, so
//! that a revocation holds for the next lease; the intent is committed before a lease is given, so nothing goes upstream
//! without a record.

use std::sync::Arc;

use keyreeve_core::credential::Credential;
use keyreeve_core::inject;
use keyreeve_core::price::Paid;
use keyreeve_core::profile::{Profile, Source};
use keyreeve_core::select::{NoProfile, Reason};
use keyreeve_core::virtual_key::{KeyId, VirtualKey};
use keyreeve_os::world;
use keyreeve_store::RequestId;

use crate::choosing::Picked;
use crate::row::{OpenRow, Parties, Which, time_ordered_id};
use crate::sources::{self, SourceError};
use crate::standing::{Asked, Attempt, shown_a_plan};
use crate::trail::{Left, Trail};
use crate::underway::Underway;
use crate::{Ask, Broker, Client, Lease, NotAllowed};

/// Why no lease is given.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// The key stopped being allowed since it was looked at.
    #[error("the virtual key is no longer allowed")]
    NotAllowed(#[from] NotAllowed),
    /// The key has no profile that could serve.
    #[error("no profile can serve this key")]
    NoProfile(#[from] NoProfile),
    /// The profile's secret could not be had.
    #[error("the secret of profile {profile} cannot be had")]
    Source {
        /// Which profile.
        profile: String,
        /// Why.
        #[source]
        source: SourceError,
    },
    /// The profile's credential may not be used like this.
    #[error("the credential of profile {profile} may not be used here")]
    Refused {
        /// Which profile.
        profile: String,
        /// The rule.
        #[source]
        source: inject::Refusal,
    },
    /// An answer showed the profile to be a plan login (`docs/answers/plan_behind_key.md`).
    #[error(
        "the answers of profile {profile} show that it is a plan login, and those are used by Claude Code alone"
    )]
    ShownPlan {
        /// Which profile.
        profile: String,
    },
    /// The ledger cannot take the intent: nothing is sent without a record.
    #[error("the ledger cannot be written")]
    Ledger(#[source] keyreeve_store::Error),
    /// The ledger is closing: keyreeve is about to stop.
    #[error("the ledger is closing")]
    LedgerClosed,
    /// The system has no randomness for an id.
    #[error("the system gives no random bytes")]
    Randomness,
}

/// Whose credential is leased, to whom.
struct Holder {
    profile: Profile,
    /// None: the owner asked.
    key: Option<VirtualKey>,
    standing: Underway,
    reason: Reason,
    /// Which attempt of its request it is.
    number: u32,
    /// Who would have served.
    left: Option<Left>,
}

impl Holder {
    fn of(picked: Picked, number: u32) -> Self {
        Self {
            profile: picked.profile,
            key: Some(picked.client.key),
            standing: picked.standing,
            reason: picked.reason,
            number,
            left: picked.left,
        }
    }
}

impl Broker {
    /// Leases a credential for the next attempt of a request, and its secret. Where a limit is over soon and nobody else
    /// may serve, or the conversation is better off so, it waits for that.
    ///
    /// # Errors
    /// See [`LeaseError`]. Whatever it is, nothing was sent.
    pub async fn lease(
        self: &Arc<Self>,
        client: &Client,
        ask: Ask,
        trail: &mut Trail,
    ) -> Result<(Lease, Credential), LeaseError> {
        let mut unobtainable: Option<LeaseError> = None;
        loop {
            let picked = match self.choose_now(client, &ask, trail).await {
                Err(LeaseError::NoProfile(NoProfile::AllTried)) => {
                    return Err(unobtainable.unwrap_or_else(|| NoProfile::AllTried.into()));
                }
                picked => picked?,
            };
            let profile = &picked.profile;
            let credential = match self.secret_of(profile).await {
                Ok(credential) => credential,
                Err(error) => {
                    tell_passed_over(&ask, &error);
                    trail.pass_over(profile);
                    picked.standing.give_up().await;
                    unobtainable.get_or_insert(error);
                    continue;
                }
            };
            if takes_time(&profile.source) {
                self.client(&client.presented)?;
            }
            if trail.has_refused(profile.id, &credential.fingerprint()) {
                trail.not_renewed(profile);
                picked.standing.give_up().await;
                continue;
            }
            if trail.is_over() {
                return Err(NoProfile::AllTried.into());
            }
            let holder = Holder::of(picked, trail.number());
            return self.grant(holder, credential, ask).await;
        }
    }

    /// Leases the credential of a profile to its owner, who sits at this machine and needs no virtual key.
    ///
    /// # Errors
    /// See [`LeaseError`]. A plan login is refused: only Anthropic's own programs carry it.
    pub async fn lease_own(
        self: &Arc<Self>,
        profile: &Profile,
        ask: Ask,
    ) -> Result<(Lease, Credential), LeaseError> {
        if profile.is_plan_login() {
            return Err(refused(profile, inject::Refusal::PlanLogin));
        }
        let known = self.store.known().map_err(LeaseError::Ledger)?;
        if shown_a_plan(&known.standings, profile.id) {
            return Err(LeaseError::ShownPlan {
                profile: profile.name.to_string(),
            });
        }
        let asked = Asked::new(ask.operation, ask.model.as_deref(), world::now());
        let attempt = Attempt::new(profile, &asked, &known.standings);
        let holder = Holder {
            profile: profile.clone(),
            key: None,
            standing: Underway::new(self, attempt),
            reason: Reason::Named,
            number: 1,
            left: None,
        };
        let credential = self.secret_of(profile).await?;
        self.grant(holder, credential, ask).await
    }

    async fn secret_of(self: &Arc<Self>, profile: &Profile) -> Result<Credential, LeaseError> {
        sources::obtain(self, profile)
            .await
            .map_err(|source| LeaseError::Source {
                profile: profile.name.to_string(),
                source,
            })
    }

    /// Commits the intent and gives the lease.
    async fn grant(
        self: &Arc<Self>,
        Holder {
            profile,
            key,
            standing,
            reason,
            number,
            left,
        }: Holder,
        credential: Credential,
        ask: Ask,
    ) -> Result<(Lease, Credential), LeaseError> {
        let injection = inject::decide(
            profile.api().facing(profile.auth),
            credential.family(),
            credential.provenance(),
        )
        .map_err(|source| refused(&profile, source))?;

        let key = key.as_ref();
        let parties = Parties {
            key: key.map_or(KeyId::OWN, |key| key.id),
            key_name: key
                .map_or(KeyId::OWN_NAME, |key| key.name.as_str())
                .to_owned(),
            profile: profile.id,
            profile_name: profile.name.to_string(),
            paid: Paid::Money,
            simulated: profile.simulated,
        };
        let (row, intent) = OpenRow::of(self, ask, parties, Which { number, reason })?;
        let mut lease = Lease {
            attempt: intent.attempt,
            request: intent.request,
            profile,
            injection,
            credential: credential.fingerprint(),
            row,
            standing,
        };
        lease.row.commit(intent).await?;
        if let Some(left) = left {
            tell_switch(&lease, &left, reason);
        }
        Ok((lease, credential))
    }

    /// Makes the id of a client's request.
    ///
    /// # Errors
    /// [`LeaseError::Randomness`].
    pub fn request_id(&self) -> Result<RequestId, LeaseError> {
        Ok(RequestId(time_ordered_id(world::now())?))
    }
}

/// Says why a profile did not serve whose turn it was: the request may go well all the same.
fn tell_passed_over(ask: &Ask, error: &LeaseError) {
    let why = std::error::Error::source(error);
    let cause = why.and_then(std::error::Error::source);
    tracing::warn!(
        request = %ask.request,
        %error,
        why = why.map(ToString::to_string),
        cause = cause.map(ToString::to_string),
        "passed over",
    );
}

/// The one event of a switch. Names only.
fn tell_switch(lease: &Lease, left: &Left, reason: Reason) {
    if left.profile == lease.profile.name {
        return;
    }
    tracing::info!(
        request = %lease.request,
        from = %left.profile,
        to = %lease.profile.name,
        verdict = left.verdict,
        reason = reason.name(),
        "switch",
    );
}

fn refused(profile: &Profile, source: inject::Refusal) -> LeaseError {
    LeaseError::Refused {
        profile: profile.name.to_string(),
        source,
    }
}

/// Whether the key may have been revoked by the time the secret is there.
fn takes_time(source: &Source) -> bool {
    match source {
        Source::Command { .. } | Source::SdkProfile { .. } | Source::Ant { .. } => true,
        Source::Sealed
        | Source::Environment { .. }
        | Source::File { .. }
        | Source::ClaudeLogin { .. } => false,
    }
}
