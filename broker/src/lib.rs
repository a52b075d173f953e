//! Leases: selects the credential for a request, leases it for one attempt, and records the report.
//!
//! A crate of its own for programs that want keyreeve's decisions without its gateway. It contains no SQL and prints
//! nothing; the published JSON shapes are in [`wire`].
#![forbid(unsafe_code)]

mod acquire;
pub mod admin;
mod affinity;
mod attempt_guard;
mod choose;
mod circuit_breakers;
mod claude_cli;
mod header;
mod health;
mod helper_run;
mod lease;
mod lease_request;
mod ledger_entry;
mod limits;
mod pass_through;
mod probe;
mod raw_key;
mod refusals;
mod report;
mod retry;
mod sources;
pub mod upstream;
mod variable_credential;
mod wait_queue;
pub mod wire;

use std::sync::Arc;

use keyreeve_core::limits::{Limit, LimitOwner};
use keyreeve_core::price::PriceTable;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::virtual_key::{KeyHash, KeyRefusedError, PresentedKey, VirtualKey};
use keyreeve_os::environment::Environment;
use keyreeve_os::system;
use keyreeve_store::{LeaseSnapshot, Store};

use crate::upstream::Upstream;

pub use claude_cli::{ClaudeCliError, ClaudeCliResult};
pub use header::HeaderValueError;
pub use helper_run::run_helpers;
pub use lease::Lease;
pub use lease_request::{LeaseError, LeaseRequest};
pub use pass_through::{PassThroughAttempt, PassThroughTarget, PassThroughTerms};
pub use probe::{MIN_API_VERSION, Probe, ProbeResult};
pub use raw_key::RawKeyError;
pub use report::{CompletedResponse, Report, classify_response};
pub use retry::{AttemptResult, RetryDecision, RetryState};
pub use sources::{SdkProfileError, SourceError, sdk_profile_provenance};
pub use variable_credential::{VariableCredentialError, read_variable_credential};

/// Creates leases against one store. Cheap to share behind an [`Arc`].
pub struct Broker {
    store: Arc<Store>,
    prices: PriceTable,
    environment: Arc<Environment>,
    upstream: Upstream,
    command_outputs: sources::command::OutputCache,
    sdk_tokens: sources::sdk_profile::SdkTokens,
    rejected: refusals::RejectedCredentials,
    circuit_breakers: circuit_breakers::CircuitBreakers,
    affinity: affinity::Affinity,
    wait_queue: wait_queue::WaitQueue,
    refusals: refusals::RefusalCounts,
    limits: limits::LimitRecorder,
}

/// An authenticated client: its virtual key was neither revoked nor expired when it was read.
#[derive(Clone, Debug)]
pub struct Client {
    presented: PresentedKey,
    /// The key and its permissions.
    pub key: Arc<VirtualKey>,
}

/// Error for a virtual key that is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// Unknown key, or a wrong secret part. The two are not distinguished.
    #[error("unknown virtual key")]
    Unknown,
    /// Known, but revoked or expired.
    #[error("virtual key refused")]
    Refused(#[source] KeyRefusedError),
    /// The store cannot be read, or the key does not verify.
    #[error("cannot read the key from the store")]
    Store(#[source] keyreeve_store::StoreError),
}

impl Broker {
    /// Creates a broker. `environment` is the environment `keyreeve` was started with, which profiles may refer to;
    /// `upstream` sends requests to token endpoints.
    pub fn new(
        store: Arc<Store>,
        prices: PriceTable,
        environment: Arc<Environment>,
        upstream: Upstream,
    ) -> Self {
        Self {
            limits: limits::LimitRecorder::new(Arc::clone(&store)),
            refusals: refusals::RefusalCounts::default(),
            store,
            prices,
            environment,
            upstream,
            command_outputs: sources::command::OutputCache::default(),
            sdk_tokens: sources::sdk_profile::SdkTokens::default(),
            rejected: refusals::RejectedCredentials::default(),
            circuit_breakers: circuit_breakers::CircuitBreakers::default(),
            affinity: affinity::Affinity::default(),
            wait_queue: wait_queue::WaitQueue::default(),
        }
    }

    /// Waits for pending login refreshes and flushes observed limits. Call it before the runtime ends: a refresh
    /// interrupted between its response and its file logs the user out.
    pub async fn finish_pending(&self) {
        self.sdk_tokens.finish_renewals().await;
        self.limits.flush();
    }

    /// Queues the plan windows reported for a client's own account, under the key it passed through with.
    pub fn record_windows(&self, client: &Client, windows: Vec<Limit>) {
        let owner = LimitOwner::PassThrough(client.key.id);
        self.limits.record(&owner, None, windows);
    }

    /// Records that an upstream refused a profile's credential: the next lease fetches a new one if its source has one.
    /// A report with such a verdict does this automatically.
    pub fn mark_rejected(&self, profile: ProfileId, credential: Fingerprint) {
        self.rejected.mark(profile, credential);
    }

    /// Returns the current price table.
    pub fn prices(&self) -> &PriceTable {
        &self.prices
    }

    /// Returns the store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Authenticates a virtual key. Sees every change that another process made to the store before this call.
    ///
    /// # Errors
    /// See [`AuthenticateError`].
    pub fn authenticate(&self, presented: &PresentedKey) -> Result<Client, AuthenticateError> {
        let (client, _) = self.authenticate_with_snapshot(presented)?;
        Ok(client)
    }

    /// Authenticates a virtual key and returns the snapshot used for it.
    fn authenticate_with_snapshot(
        &self,
        presented: &PresentedKey,
    ) -> Result<(Client, LeaseSnapshot), AuthenticateError> {
        let snapshot = self
            .store
            .lease_snapshot()
            .map_err(AuthenticateError::Store)?;
        let Some(found) = snapshot.policy.key(presented.public_id) else {
            // The same comparison for an unknown id, so that the timing reveals nothing.
            let _: bool = KeyHash::DUMMY.matches(&presented.hash);
            return Err(AuthenticateError::Unknown);
        };
        let now = system::now();
        let is_rotated_out = found.valid_until.is_some_and(|until| until <= now);
        if !found.hash.matches(&presented.hash) || is_rotated_out {
            return Err(AuthenticateError::Unknown);
        }
        if let Some(refused) = found.key.refusal(now) {
            return Err(AuthenticateError::Refused(refused));
        }
        (snapshot.policy)
            .check_key(found.key, Some(presented.public_id))
            .map_err(AuthenticateError::Store)?;
        let client = Client {
            presented: *presented,
            key: Arc::clone(found.key),
        };
        Ok((client, snapshot))
    }
}
