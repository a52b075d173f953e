//! A lease: the right to use one credential for one attempt.
//!
//! Invariants: the key is looked at again here, after the request body was read and after a program was waited for, so
//! that a revocation holds for the next lease; the intent is committed before a lease is given, so nothing goes upstream
//! without a record; a lease that is dropped without a report is closed as incomplete at its reserved cost, never as free.

use std::sync::Arc;

use keyreeve_core::cache_ttl::Applied;
use keyreeve_core::credential::Credential;
use keyreeve_core::inject::{self, Injection};
use keyreeve_core::limits::{self, Subject};
use keyreeve_core::price::{Cost, Paid};
use keyreeve_core::profile::{Profile, Source};
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::select::{Conversation, NoProfile, Reason};
use keyreeve_core::standing::Kept;
use keyreeve_core::verdict::{Code, Verdict};
use keyreeve_core::virtual_key::{KeyId, VirtualKey};
use keyreeve_os::world;
use keyreeve_store::{AttemptId, Operation, RequestId};

use crate::report::Report;
use crate::row::{OpenRow, Parties, Which, time_ordered_id};
use crate::sources::{self, SourceError};
use crate::standing::{Asked, Attempt, Came, Pending, shown_a_plan};
use crate::trail::{Left, Trail};
use crate::{Broker, Client, NotAllowed};

/// What is asked for: everything the ledger's intent needs to know about a request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The client's request.
    pub request: RequestId,
    /// Which API.
    pub operation: Operation,
    /// The client's session, where it names one.
    pub session: Option<String>,
    /// The conversation that it goes on with; none: nothing names it, or nobody else will ask for it.
    pub conversation: Option<Conversation>,
    /// The model asked for.
    pub model: Option<String>,
    /// Whether a stream is asked for.
    pub stream: bool,
    /// The output limit asked for, in tokens.
    pub max_tokens: Option<u64>,
    /// BLAKE3 of the request body.
    pub body_hash: [u8; 32],
    /// Length of the request body in bytes.
    pub body_bytes: usize,
}

/// The right to use one credential for one attempt. Must be reported.
#[must_use = "a lease that is dropped is recorded as incomplete, at its reserved cost"]
pub struct Lease {
    /// Names the attempt.
    pub attempt: AttemptId,
    /// The client's request it is for.
    pub request: RequestId,
    /// The profile whose credential it is.
    pub profile: Profile,
    /// How the credential is sent.
    pub injection: Injection,
    credential: Fingerprint,
    row: OpenRow,
    standing: Attempt,
    /// What its standing heard of it last.
    heard: Option<Code>,
}

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
struct Holder<'a> {
    profile: &'a Profile,
    /// None: the owner asked.
    key: Option<&'a VirtualKey>,
    standing: Attempt,
    reason: Reason,
    /// Which attempt of its request it is.
    number: u32,
    /// Who would have served.
    left: Option<Left>,
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
                    self.forget(&picked.standing);
                    trail.pass_over(profile);
                    unobtainable.get_or_insert(error);
                    continue;
                }
            };
            if takes_time(&profile.source) {
                self.client(&client.presented)?;
            }
            if trail.has_refused(profile.id, &credential.fingerprint()) {
                self.forget(&picked.standing);
                trail.not_renewed(profile);
                continue;
            }
            let holder = Holder {
                profile,
                key: Some(&picked.client.key),
                standing: picked.standing,
                reason: picked.reason,
                number: trail.number(),
                left: picked.left,
            };
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
        let holder = Holder {
            profile,
            key: None,
            standing: Attempt::new(profile, &asked, &known.standings),
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
        }: Holder<'_>,
        credential: Credential,
        ask: Ask,
    ) -> Result<(Lease, Credential), LeaseError> {
        let injection = inject::decide(
            profile.api().facing(profile.auth),
            credential.family(),
            credential.provenance(),
        )
        .map_err(|source| refused(profile, source))?;

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
            profile: profile.clone(),
            injection,
            credential: credential.fingerprint(),
            row,
            standing,
            heard: None,
        };
        lease.row.commit(intent).await?;
        if let Some(left) = left {
            lease.tell_switch(&left, reason);
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

impl Lease {
    /// Takes in what the answer's headers tell about limits; before [`Lease::heard`]. Where they are those of a plan
    /// login, the profile serves nobody from the next lease on, whatever it was declared to be.
    pub fn saw(&mut self, told: limits::Told) {
        if told.is_plan {
            self.standing.shows_a_plan();
        }
        let subject = Subject::Profile(self.profile.id);
        self.row
            .broker
            .see_limits(&subject, self.standing.class(), told.limits);
    }

    /// Tells what the beginning of the answer means, so that the next lease knows before this answer has ended, and
    /// waits until that is remembered. `status` is none where nobody answered; `organization` is what the answer names.
    pub async fn heard(
        &mut self,
        verdict: Verdict,
        status: Option<u16>,
        organization: Option<&str>,
    ) {
        for change in self.hear(Came {
            verdict,
            status,
            organization,
        }) {
            // What cannot be remembered is logged where it fails, and is no reason to keep the answer back.
            change.await.ok();
        }
    }

    /// Tells how the attempt went, closes the lease, and gives what it cost.
    pub fn report(mut self, report: Report) -> Cost {
        let answer = report.answer.as_ref();
        self.hear(Came {
            verdict: report.verdict,
            status: answer.map(|answer| answer.status),
            organization: answer.and_then(|answer| answer.organization.as_deref()),
        });
        self.close(report)
    }

    /// Closes the lease of a request that never came before the API: it says nothing about anybody's standing.
    pub fn report_unheard(mut self, report: Report) -> Cost {
        self.close(report)
    }

    /// Whether its secret can mend by itself.
    pub(crate) fn kept(&self) -> Kept {
        self.standing.kept()
    }

    /// Tells its secret from others.
    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        &self.credential
    }

    /// Notes what was done to the request's cache markers.
    pub fn edited(&mut self, applied: Applied) {
        self.row.cache_edit = Some(applied);
    }

    /// How long ago the lease was given.
    pub fn age(&self) -> std::time::Duration {
        self.row.age()
    }

    fn hear(&mut self, came: Came<'_>) -> Vec<Pending> {
        let code = Some(came.verdict.known());
        if std::mem::replace(&mut self.heard, code) == code {
            return Vec::new();
        }
        self.row.broker.hear(&self.standing, came)
    }

    /// The one event of a switch. Names only.
    fn tell_switch(&self, left: &Left, reason: Reason) {
        if left.profile == self.profile.name {
            return;
        }
        tracing::info!(
            request = %self.request,
            from = %left.profile,
            to = %self.profile.name,
            verdict = left.verdict,
            reason = reason.name(),
            "switch",
        );
    }

    fn close(&mut self, report: Report) -> Cost {
        if report.speaks_against_the_credential() {
            let broker = &self.row.broker;
            broker.reject(self.profile.id, self.credential.clone());
        }
        self.row.close(report)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.row.is_closed() && self.heard.is_none() {
            self.row.broker.forget(&self.standing);
        }
    }
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
