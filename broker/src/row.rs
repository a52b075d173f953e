//! An open row of the ledger: an intent that was committed before anything was sent, to be closed once by its outcome.
//!
//! Invariant: a row that is dropped without a report is closed as incomplete at its reserved cost, never as free.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use keyreeve_core::cache_ttl::Applied;
use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::{Cost, Paid, PriceTable};
use keyreeve_core::profile::ProfileId;
use keyreeve_core::select::Reason;
use keyreeve_core::virtual_key::KeyId;
use keyreeve_os::world;
use keyreeve_store::{AttemptId, Ending, Intent, Operation, RequestId};
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use crate::report::{self, Report};
use crate::{Ask, Broker, LeaseError};

/// A row that is to be closed.
pub(crate) struct OpenRow {
    pub(crate) broker: Arc<Broker>,
    pub(crate) attempt: AttemptId,
    pub(crate) request: RequestId,
    pub(crate) parties: Parties,
    /// What was done to the request's cache markers; none where nothing was asked for.
    pub(crate) cache_edit: Option<Applied>,
    operation: Operation,
    /// What the attempt is worth at the most.
    at_most: NanoDollars,
    started: Instant,
    /// Whether there is nothing to close any more.
    closed: bool,
}

/// Whom a row is about, and what lists and the log call them.
pub(crate) struct Parties {
    /// Who asked.
    pub(crate) key: KeyId,
    pub(crate) key_name: String,
    /// With whose credential.
    pub(crate) profile: ProfileId,
    pub(crate) profile_name: String,
    /// With what it is paid.
    pub(crate) paid: Paid,
    /// Whether the sandbox is asked.
    pub(crate) simulated: bool,
}

/// Which attempt of its request a row is of.
#[derive(Clone, Copy)]
pub(crate) struct Which {
    /// Counts from 1.
    pub(crate) number: u32,
    /// Why its profile makes it.
    pub(crate) reason: Reason,
}

impl Which {
    /// That of a request which is sent once and to one place.
    pub(crate) const ONLY: Self = Self {
        number: 1,
        reason: Reason::Named,
    };
}

impl OpenRow {
    /// The row of an attempt, and the intent to be committed for it.
    pub(crate) fn of(
        broker: &Arc<Broker>,
        ask: Ask,
        parties: Parties,
        which: Which,
    ) -> Result<(Self, Intent), LeaseError> {
        let started_at = world::now();
        let at_most = at_most(&broker.prices, &ask);
        let intent = Intent {
            attempt: AttemptId(time_ordered_id(started_at)?),
            request: ask.request,
            started_at,
            operation: ask.operation,
            key: parties.key,
            profile: parties.profile,
            number: which.number,
            reason: which.reason,
            reserved: match parties.paid {
                Paid::Money => at_most,
                Paid::ByPlan => NanoDollars::ZERO,
            },
            session: ask.session,
            model_asked: ask.model,
            stream: ask.stream,
            request_hash: ask.body_hash,
            request_bytes: ask.body_bytes as u64,
            simulated: parties.simulated,
        };
        let row = Self {
            broker: Arc::clone(broker),
            attempt: intent.attempt,
            request: intent.request,
            parties,
            cache_edit: None,
            operation: intent.operation,
            at_most,
            started: Instant::now(),
            closed: false,
        };
        Ok((row, intent))
    }

    /// Commits the intent. The row exists before: should the client go away meanwhile, dropping it closes what is there.
    pub(crate) async fn commit(&mut self, intent: Intent) -> Result<(), LeaseError> {
        let (done, committed) = oneshot::channel();
        self.broker.store.begin(intent, move |result| {
            // Nobody listens any more when the client went away meanwhile.
            done.send(result).ok();
        });
        let committed = match committed.await {
            Ok(result) => result.map_err(LeaseError::Ledger),
            Err(_) => Err(LeaseError::LedgerClosed),
        };
        // Where there is no row, there is none to close.
        self.closed = committed.is_err();
        committed
    }

    /// Writes how the attempt went, and gives what it cost.
    pub(crate) fn close(&mut self, report: Report) -> Cost {
        self.closed = true;
        let cost = report::settle(&report, self.operation, self.at_most, self.prices())
            .paid(self.parties.paid);
        let outcome = report::outcome(self, report, cost);
        report::log(self, &outcome);
        self.broker.store.finish(outcome);
        cost
    }

    /// How long ago it was opened.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// The prices the attempt is reckoned with.
    pub(crate) fn prices(&self) -> &PriceTable {
        &self.broker.prices
    }
}

impl Drop for OpenRow {
    fn drop(&mut self) {
        if !self.closed {
            self.close(Report::unanswered(Ending::Incomplete));
        }
    }
}

/// What an attempt may cost at the most.
fn at_most(prices: &PriceTable, ask: &Ask) -> NanoDollars {
    // No model is one that the table does not know: an upstream may have a default of its own.
    let model = ask.model.as_deref().unwrap_or_default();
    match ask.operation {
        Operation::Messages => {
            prices
                .worst_case(model, ask.body_bytes, ask.max_tokens)
                .amount
        }
        Operation::CountTokens | Operation::Models | Operation::Account => NanoDollars::ZERO,
    }
}

/// A UUID v7.
pub(crate) fn time_ordered_id(now: Timestamp) -> Result<Uuid, LeaseError> {
    let random = world::random::<10>().map_err(|_| LeaseError::Randomness)?;
    let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}
