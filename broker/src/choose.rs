//! Selects the profile of an attempt: affinity, health, the half-open probe, and the wait for the end of a cooldown.
//!
//! Invariants: after each wait everything is read again, the key first, so that a revocation takes effect; a waiting
//! request holds nothing but its place in the queue, so that a disconnected client costs nothing.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use keyreeve_core::health::{BlockReason, CooldownReason, Readiness};
use keyreeve_core::profile::{Profile, ProfileId};
use keyreeve_core::select::{
    CacheBenefit, LeaseMode, NoProfileError, PinUpdate, Reason, SelectedProfile, Selection,
    SelectionInput, choose,
};
use keyreeve_core::virtual_key::VirtualKey;
use keyreeve_os::system;
use keyreeve_store::{LeaseSnapshot, Operation, Policy};
use tokio::time::{Instant, sleep};

use crate::attempt_guard::AttemptGuard;
use crate::health::{Attempt, RequestInfo};
use crate::retry::{PreviousAttempt, RetryState};
use crate::{Broker, Client, LeaseError, LeaseRequest};

/// Maximum number of lost claims of a probe slot, per profile of the key, before the store is reported as busy. A
/// request usually gets the error for a cooldown earlier, because a claimed slot makes its profile unavailable.
const MAX_CLAIMS: usize = 4;

/// The selected profile, with its probe slot claimed if it is half-open.
pub(crate) struct Pick {
    /// The client's key as just read; `None` if the owner leases without one.
    pub(crate) key: Option<Arc<VirtualKey>>,
    pub(crate) profile: Arc<Profile>,
    /// The policy that the profile was selected by.
    pub(crate) policy: Arc<Policy>,
    pub(crate) guard: AttemptGuard,
    pub(crate) reason: Reason,
    /// Number of the attempt within its request.
    pub(crate) number: u32,
    /// The profile that was preferred but is excluded or unavailable.
    pub(crate) previous: Option<PreviousAttempt>,
}

/// Input of one selection, read at the same time.
struct SelectionContext<'a> {
    request: &'a LeaseRequest,
    client: Client,
    snapshot: LeaseSnapshot,
    info: RequestInfo,
}

/// Result of one selection.
enum PickResult {
    Picked(Box<Pick>),
    /// Another request holds the probe slot.
    ProbeTaken,
    Wait(ProfileId, Timestamp),
}

impl Broker {
    /// Selects a profile, claims its probe slot if it is half-open, and waits for a cooldown if that is better.
    pub(crate) async fn select_profile(
        self: &Arc<Self>,
        client: &Client,
        request: &LeaseRequest,
        retry: &mut RetryState,
    ) -> Result<Pick, LeaseError> {
        let mut claims = 0;
        loop {
            let (client, snapshot) = self.authenticate_with_snapshot(&client.presented)?;
            let max_claims = MAX_CLAIMS * client.key.profiles.len();
            let context = SelectionContext {
                info: RequestInfo::new(request.operation, request.model.as_deref(), system::now()),
                request,
                client,
                snapshot,
            };
            match self.pick(context, retry).await? {
                PickResult::Picked(picked) => return Ok(*picked),
                PickResult::ProbeTaken if claims >= max_claims => {
                    return Err(LeaseError::Ledger(keyreeve_store::StoreError::Busy));
                }
                PickResult::ProbeTaken => claims += 1,
                PickResult::Wait(profile, until) => self.wait(profile, until, retry).await,
            }
        }
    }

    async fn pick(
        self: &Arc<Self>,
        context: SelectionContext<'_>,
        retry: &RetryState,
    ) -> Result<PickResult, LeaseError> {
        let (selection, pinned) = self.choose(&context, retry)?;
        let selected = match selection {
            Selection::Use(selected) => selected,
            Selection::Wait { profile, until } => return Ok(PickResult::Wait(profile.id, until)),
        };
        let health = &context.snapshot.health;
        let profile = (context.snapshot.policy.profile(selected.profile.id))
            .ok_or(NoProfileError::AllFailed)?;
        let attempt = Attempt::new(profile, &context.info, health);
        let mut guard = AttemptGuard::new(self, attempt);
        if selected.lease_mode == LeaseMode::Probe {
            let claimed = guard.claim(health).await;
            // The claim took time: the key may have been revoked meanwhile.
            self.authenticate(&context.client.presented)?;
            if !claimed.map_err(LeaseError::Ledger)? {
                guard.release().await;
                return Ok(PickResult::ProbeTaken);
            }
        }
        self.update_affinity(&context, selected, pinned);
        // The conversation moved between two requests, or this request retries.
        let previous = if selected.reason == Reason::Moved {
            self.moved_from(pinned, &context)
        } else {
            retry.previous().cloned()
        };
        Ok(PickResult::Picked(Box::new(Pick {
            profile: Arc::clone(profile),
            policy: Arc::clone(&context.snapshot.policy),
            reason: selected.reason,
            key: Some(context.client.key),
            guard,
            number: retry.next_number(),
            previous,
        })))
    }

    /// Selects among a key's profiles by their health. Returns the selection and the profile the conversation is pinned
    /// to.
    fn choose<'m>(
        &self,
        context: &'m SelectionContext<'_>,
        retry: &RetryState,
    ) -> Result<(Selection<'m>, Option<ProfileId>), NoProfileError> {
        let (key, now) = (&context.client.key, context.info.at);
        let affinity = self.affinity.lock();
        let conversation = context.request.conversation;
        let pinned = conversation.and_then(|it| affinity.conversations.pinned_to(key.id, it, now));
        let input = SelectionInput {
            key,
            failed_attempts: retry.failed(),
            pinned,
            cache_benefit: CacheBenefit::from_body_length(context.request.body_bytes),
            wait_until: retry.wait_until(now),
        };
        let selection = choose(
            &input,
            |id| context.snapshot.policy.profile(id).map(AsRef::as_ref),
            |profile| self.profile_readiness(profile, context),
            |profile| affinity.last_use(profile),
        )?;
        Ok((selection, pinned))
    }

    fn profile_readiness(&self, profile: &Profile, context: &SelectionContext<'_>) -> Readiness {
        let health = &context.snapshot.health;
        if health.all_ready() && self.circuit_breakers.are_closed() {
            return Readiness::Ready;
        }
        match context.snapshot.policy.profile(profile.id) {
            Some(profile) => self.readiness(&Attempt::new(profile, &context.info, health), health),
            None => Readiness::Blocked(BlockReason::Drained),
        }
    }

    /// Records the use of the profile and pins the conversation. Only messages fill a prompt cache: other operations
    /// follow their conversation's pin and do not change it.
    fn update_affinity(
        &self,
        context: &SelectionContext<'_>,
        selected: SelectedProfile<'_>,
        pinned: Option<ProfileId>,
    ) {
        let SelectionContext {
            request, client, ..
        } = context;
        let mut affinity = self.affinity.lock();
        affinity.record_use(selected.profile.id);
        let profile = match selected.pin_update {
            PinUpdate::Pin => selected.profile.id,
            PinUpdate::Keep => pinned.unwrap_or(selected.profile.id),
        };
        match (request.operation, request.conversation) {
            (Operation::Messages, Some(conversation)) => {
                let conversation = (client.key.id, conversation);
                affinity
                    .conversations
                    .pin(conversation, profile, context.info.at);
            }
            (Operation::Messages, None)
            | (Operation::CountTokens | Operation::Models | Operation::Account, _) => {}
        }
    }

    /// Returns the profile that a conversation was pinned to before it moved.
    fn moved_from(
        &self,
        pinned: Option<ProfileId>,
        context: &SelectionContext<'_>,
    ) -> Option<PreviousAttempt> {
        let profile = context.snapshot.policy.profile(pinned?)?;
        Some(PreviousAttempt {
            profile: profile.name.clone(),
            verdict: unavailable_reason(self.profile_readiness(profile, context)),
        })
    }

    /// Waits for the end of a cooldown plus the delay of the place in the queue, but not beyond the deadline.
    async fn wait(&self, profile: ProfileId, until: Timestamp, retry: &mut RetryState) {
        let started = Instant::now();
        let place = self.wait_queue.join(profile);
        let cooldown = Duration::try_from(until.duration_since(system::now())).unwrap_or_default();
        sleep((cooldown + place.delay()).min(retry.remaining())).await;
        retry.record_wait(started.elapsed());
    }
}

/// Names the reason a profile cannot serve, for the log.
fn unavailable_reason(readiness: Readiness) -> &'static str {
    match readiness {
        Readiness::Cooldown {
            reason: CooldownReason::Response(code),
            ..
        }
        | Readiness::Blocked(BlockReason::Blocked(code) | BlockReason::Dead(code)) => code.name(),
        Readiness::Cooldown {
            reason: CooldownReason::Manual,
            ..
        } => "paused",
        Readiness::Cooldown {
            reason: CooldownReason::CircuitOpen,
            ..
        } => "circuit_open",
        Readiness::Blocked(BlockReason::Drained) => "drained",
        Readiness::Ready | Readiness::Probe => "excluded",
    }
}
