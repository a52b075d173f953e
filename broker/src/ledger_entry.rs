//! An open ledger entry: an intent committed before anything is sent, closed once by its outcome.
//!
//! Invariant: an entry dropped without a report is closed as incomplete at its reserved cost, never as free.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use keyreeve_core::cache_ttl::TtlOutcome;
use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::{Cost, PaymentKind, PriceTable};
use keyreeve_core::profile::{Profile, ProfileId};
use keyreeve_core::select::Reason;
use keyreeve_core::usage::TokenCounts;
use keyreeve_core::virtual_key::{KeyId, VirtualKey};
use keyreeve_os::system;
use keyreeve_store::{AttemptId, Ending, Intent, OpenIntent, Operation, Outcome, RequestId};
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use crate::report::{Report, ending, settle};
use crate::{Broker, LeaseError, LeaseRequest};

/// An open ledger entry (RAII guard).
pub(crate) struct OpenEntry {
    pub(crate) broker: Arc<Broker>,
    pub(crate) attempt: AttemptId,
    pub(crate) request: RequestId,
    pub(crate) parties: EntryParties,
    /// The edit of the request's cache markers; `None` if none was configured.
    pub(crate) cache_edit: Option<TtlOutcome>,
    operation: Operation,
    /// Maximum cost of the attempt.
    max_cost: NanoDollars,
    started: Instant,
    /// The recorded intent, until it is closed.
    intent: Option<OpenIntent>,
}

/// The key and the profile of an entry.
pub(crate) struct EntryParties {
    /// The client's key; `None` for the owner, who needs none.
    pub(crate) key: Option<Arc<VirtualKey>>,
    /// The profile whose credential is used; `None` if the client sends its own.
    pub(crate) profile: Option<Arc<Profile>>,
    /// The kind of payment.
    pub(crate) payment: PaymentKind,
    /// `true` if the upstream is a sandbox.
    pub(crate) simulated: bool,
}

impl EntryParties {
    pub(crate) fn key_id(&self) -> KeyId {
        self.key.as_ref().map_or(KeyId::OWN, |key| key.id)
    }

    fn key_name(&self) -> &str {
        let name = self.key.as_ref().map(|key| key.name.as_str());
        name.unwrap_or(KeyId::OWN_NAME)
    }

    fn profile_id(&self) -> ProfileId {
        let profile = self.profile.as_ref();
        profile.map_or(ProfileId::PASS_THROUGH, |profile| profile.id)
    }

    fn profile_name(&self) -> &str {
        let name = self.profile.as_ref().map(|profile| profile.name.as_str());
        name.unwrap_or(ProfileId::PASS_THROUGH_NAME)
    }
}

/// Number of an attempt within its request, and the reason for its profile.
#[derive(Clone, Copy)]
pub(crate) struct AttemptNumber {
    /// Number from 1.
    pub(crate) number: u32,
    /// Reason for the profile's selection.
    pub(crate) reason: Reason,
}

impl AttemptNumber {
    /// The only attempt of a request that is sent once, to one upstream.
    pub(crate) const ONLY: Self = Self {
        number: 1,
        reason: Reason::Named,
    };
}

impl OpenEntry {
    /// Creates the entry of an attempt and the intent to commit for it.
    pub(crate) fn new(
        broker: &Arc<Broker>,
        request: &LeaseRequest,
        parties: EntryParties,
        attempt: AttemptNumber,
    ) -> Result<(Self, Intent), LeaseError> {
        let started_at = system::now();
        let max_cost = max_cost(&broker.prices, request);
        let intent = Intent {
            attempt: AttemptId(time_ordered_id(started_at)?),
            request: request.request_id,
            started_at,
            operation: request.operation,
            key: parties.key_id(),
            profile: parties.profile_id(),
            number: attempt.number,
            reason: attempt.reason,
            reserved: match parties.payment {
                PaymentKind::Metered => max_cost,
                PaymentKind::Plan => NanoDollars::ZERO,
            },
            session: request.session.clone(),
            model_requested: request.model.clone(),
            stream: request.stream,
            request_hash: request.body_hash,
            request_bytes: request.body_bytes as u64,
            simulated: parties.simulated,
        };
        let entry = Self {
            broker: Arc::clone(broker),
            attempt: intent.attempt,
            request: intent.request,
            parties,
            cache_edit: None,
            operation: intent.operation,
            max_cost,
            started: Instant::now(),
            intent: None,
        };
        Ok((entry, intent))
    }

    /// Commits the intent. The entry exists before: if the client disconnects meanwhile, dropping it closes what was
    /// written.
    pub(crate) async fn commit(&mut self, intent: Intent) -> Result<(), LeaseError> {
        let store = &self.broker.store;
        self.intent = Some(store.record_intent(intent).map_err(LeaseError::Ledger)?);
        if !store.acknowledges_after_sync() {
            return Ok(());
        }
        let (done, synced) = oneshot::channel();
        store.sync_intents(move |result| {
            // The receiver is gone if the client disconnected meanwhile.
            done.send(result).ok();
        });
        match synced.await {
            Ok(result) => result.map_err(LeaseError::Ledger),
            Err(_) => Err(LeaseError::LedgerClosed),
        }
    }

    /// Writes the outcome of the attempt and returns its cost.
    pub(crate) fn close(&mut self, report: Report) -> Cost {
        let cost = settle(&report, self.operation, self.max_cost, &self.broker.prices)
            .with_payment(self.parties.payment);
        let outcome = outcome(self, report, cost);
        log(self, &outcome);
        if let Some(intent) = self.intent.take() {
            self.broker.store.record_outcome(intent, outcome);
        }
        cost
    }

    /// Returns `true` unless the client's key was revoked or has expired since. While the store cannot be read, nothing
    /// is known to have changed.
    pub(crate) fn is_key_accepted(&self) -> bool {
        let Some(key) = &self.parties.key else {
            return true;
        };
        match self.broker.store.policy() {
            Ok(policy) => policy
                .key_by_id(key.id)
                .is_some_and(|key| key.refusal(system::now()).is_none()),
            Err(_) => true,
        }
    }

    /// Returns the time since the entry was opened.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }
}

impl Drop for OpenEntry {
    fn drop(&mut self) {
        if self.intent.is_some() {
            self.close(Report::no_response(Ending::Incomplete));
        }
    }
}

/// Returns the maximum cost of an attempt.
fn max_cost(prices: &PriceTable, request: &LeaseRequest) -> NanoDollars {
    // A missing model counts as an unknown one: the upstream may have a default.
    let model = request.model.as_deref().unwrap_or_default();
    match request.operation {
        Operation::Messages => {
            prices
                .worst_case(model, request.body_bytes, request.max_tokens)
                .amount
        }
        Operation::CountTokens | Operation::Models | Operation::Account => NanoDollars::ZERO,
    }
}

/// Creates the outcome that closes the ledger entry.
fn outcome(open: &OpenEntry, report: Report, cost: Cost) -> Outcome {
    let verdict = report.verdict.code();
    let duration_micros = micros(open.age());
    let prices_as_of = open.broker.prices.as_of().to_owned();
    let without_response = Outcome {
        ending: report.ending,
        ended_at: system::now(),
        status: None,
        verdict,
        upstream_request_id: None,
        model_served: None,
        tokens: TokenCounts::default(),
        web_searches: 0,
        cost: cost.amount,
        basis: cost.basis,
        prices_as_of,
        first_byte_micros: None,
        duration_micros,
        response_hash: None,
        response_bytes: 0,
        cache_edit: open.cache_edit,
    };
    match report.response {
        None => without_response,
        Some(response) => Outcome {
            status: Some(response.status),
            upstream_request_id: response.upstream_request_id,
            tokens: response.meter_report.usage.totals(),
            web_searches: response.meter_report.usage.web_searches,
            model_served: response.meter_report.model,
            first_byte_micros: response.first_byte.map(micros),
            response_hash: Some(response.body_hash),
            response_bytes: response.body_bytes,
            ..without_response
        },
    }
}

/// Logs an attempt at its end, by names and figures only: no text of a client or an upstream.
fn log(open: &OpenEntry, outcome: &Outcome) {
    tracing::info!(
        request = %open.request,
        key = open.parties.key_name(),
        profile = open.parties.profile_name(),
        status = outcome.status,
        verdict = outcome.verdict,
        ending = ending(outcome.ending),
        input = outcome.tokens.input,
        output = outcome.tokens.output,
        cache_read = outcome.tokens.cache_read,
        write_5m = outcome.tokens.write_5m,
        write_1h = outcome.tokens.write_1h,
        cost_usd = %outcome.cost,
        micros = outcome.duration_micros,
        "attempt",
    );
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Creates a UUID v7.
pub(crate) fn time_ordered_id(now: Timestamp) -> Result<Uuid, LeaseError> {
    let random = system::random_for_id::<10>().map_err(|_| LeaseError::Randomness)?;
    let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}
