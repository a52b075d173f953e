//! Leases: finds the credential for a request, hands it out for one attempt, and takes the report of how it went.
//!
//! The audience that makes this a crate: programs that want keyreeve's judgement without its gateway. It holds no SQL
//! and prints nothing; the published JSON shapes are in [`view`].
#![forbid(unsafe_code)]

mod ask;
mod choosing;
mod circuits;
mod direct;
pub mod gather;
mod genuine;
mod header;
mod judged;
mod lease;
mod leasing;
mod limits;
mod memory;
mod passage;
mod plan_login;
mod probe;
mod refusals;
mod report;
mod row;
mod sources;
mod standing;
mod trail;
mod turns;
mod underway;
pub mod upstream;
pub mod view;

use std::sync::Arc;

use keyreeve_core::limits::{Limit, Subject};
use keyreeve_core::price::PriceTable;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::secret::Fingerprint;
use keyreeve_core::snapshot::Environment;
use keyreeve_core::standing::RequestClass;
use keyreeve_core::virtual_key::{KeyHash, Presented, Refused, VirtualKey};
use keyreeve_os::world;
use keyreeve_store::{Known, Store};

use crate::upstream::Upstream;

pub use ask::Ask;
pub use direct::DirectError;
pub use genuine::{Genuine, NoGenuine};
pub use header::Unsendable;
pub use judged::judged;
pub use lease::Lease;
pub use leasing::LeaseError;
pub use limits::limits_told;
pub use passage::{Beyond, Passage, Terms};
pub use probe::{OLDEST_VERSION, Probe, Probed};
pub use report::{Answered, Report};
pub use sources::{SdkProfileError, SourceError, sdk_profile_provenance};
pub use trail::{Brought, Next, Trail};

/// Gives out leases against one store. Cheap to share behind an [`Arc`].
pub struct Broker {
    store: Arc<Store>,
    prices: PriceTable,
    environment: Arc<Environment>,
    upstream: Upstream,
    commands: sources::command::Outputs,
    logins: sources::sdk_profile::Logins,
    rejected: sources::rejected::Rejected,
    circuits: circuits::Circuits,
    memory: memory::Memory,
    turns: turns::Turns,
    refused: refusals::Refused,
    limits: limits::Limits,
}

/// A virtual key that was presented, known, and neither revoked nor expired when it was looked at.
#[derive(Clone, Debug)]
pub struct Client {
    presented: Presented,
    /// The key and what it allows.
    pub key: VirtualKey,
}

/// Why a presented virtual key opens nothing.
#[derive(Debug, thiserror::Error)]
pub enum NotAllowed {
    /// No such key, or its secret part differs. Which of the two is not told.
    #[error("unknown virtual key")]
    Unknown,
    /// Known, and refused.
    #[error("virtual key refused")]
    Refused(#[source] Refused),
    /// The store cannot be asked.
    #[error("the store of keys cannot be read")]
    Store(#[source] keyreeve_store::Error),
}

impl Broker {
    /// Puts a broker together. `environment` is what `keyreeve` was started with: profiles may refer to it. `upstream`
    /// is the way to token endpoints.
    pub fn new(
        store: Arc<Store>,
        prices: PriceTable,
        environment: Arc<Environment>,
        upstream: Upstream,
    ) -> Self {
        Self {
            limits: limits::Limits::new(Arc::clone(&store)),
            refused: refusals::Refused::default(),
            store,
            prices,
            environment,
            upstream,
            commands: sources::command::Outputs::default(),
            logins: sources::sdk_profile::Logins::default(),
            rejected: sources::rejected::Rejected::default(),
            circuits: circuits::Circuits::default(),
            memory: memory::Memory::default(),
            turns: turns::Turns::default(),
        }
    }

    /// Waits until no login is being renewed, and has written what limits were seen. Whoever made a broker does so before
    /// its runtime ends: a renewal that is broken off between its answer and its file logs the person out.
    pub async fn settled(&self) {
        self.logins.settled().await;
        self.limits.settle();
    }

    /// Remembers the windows that a client's own account told, under the key it passed through with, without waiting.
    pub fn see_windows(&self, client: &Client, windows: Vec<Limit>) {
        self.see_limits(&Subject::PassThrough(client.key.id), None, windows);
    }

    /// Remembers the limits that an answer to a request of `class` told about a subject, without waiting.
    fn see_limits(&self, subject: &Subject, class: Option<&RequestClass>, limits: Vec<Limit>) {
        self.limits.see(subject, class, limits);
    }

    /// Notes that an upstream refused a credential of a profile: the next lease fetches another, where its source has one.
    /// A report with such a verdict does so by itself.
    pub fn reject(&self, profile: ProfileId, credential: Fingerprint) {
        self.rejected.mark(profile, credential);
    }

    /// The prices in force.
    pub fn prices(&self) -> &PriceTable {
        &self.prices
    }

    /// The store behind the leases.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Looks up who presents a virtual key. Sees every change another process made to the store before this call.
    ///
    /// # Errors
    /// See [`NotAllowed`].
    pub fn client(&self, presented: &Presented) -> Result<Client, NotAllowed> {
        self.known(presented).map(|(client, _)| client)
    }

    /// The client, and what was known when it was found to be one.
    fn known(&self, presented: &Presented) -> Result<(Client, Known), NotAllowed> {
        let known = self.store.known().map_err(NotAllowed::Store)?;
        let Some(found) = known.policy.key(presented.public_id) else {
            // The same comparison for an unknown id, so that the time taken tells nothing.
            let _: bool = KeyHash::DUMMY.matches(&presented.hash);
            return Err(NotAllowed::Unknown);
        };
        let now = world::now();
        let rotated_away = found.valid_until.is_some_and(|until| until <= now);
        if !found.hash.matches(&presented.hash) || rotated_away {
            return Err(NotAllowed::Unknown);
        }
        if let Some(refused) = found.key.refusal(now) {
            return Err(NotAllowed::Refused(refused));
        }
        let client = Client {
            presented: *presented,
            key: found.key.clone(),
        };
        Ok((client, known))
    }
}
