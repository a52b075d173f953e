//! A broker on a store with one profile and one virtual key.
//!
//! Invariant: when it goes, the profile's secret may be nowhere in the store's files.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyreeve_broker::{Ask, Broker, Client};
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::price::PriceTable;
use keyreeve_core::profile::{Auth, BillingClass, Profile, ProfileId, Provenance, Source};
use keyreeve_core::secret::Secret;
use keyreeve_core::snapshot::Environment;
use keyreeve_core::token::Family;
use keyreeve_core::virtual_key::{KeyId, Kind, Minted, Presented, VirtualKey, mint};
use keyreeve_os::world;
use keyreeve_store::{AttemptRow, Durability, Operation, Places, Store};
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::leakscan::{self, LeakScan};
use tempfile::TempDir;
use uuid::Uuid;

/// What a bench is made of; a test names what it wants otherwise.
pub(crate) struct Setup {
    pub(crate) secret: Canary,
    pub(crate) source: Source,
    pub(crate) provenance: Provenance,
    pub(crate) family: Family,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) expires_at: Option<jiff::Timestamp>,
}

/// A broker and what stands around it.
pub(crate) struct Bench {
    pub(crate) broker: Arc<Broker>,
    pub(crate) store: Arc<Store>,
    pub(crate) profile: Profile,
    pub(crate) key: VirtualKey,
    pub(crate) minted: Minted,
    pub(crate) secret: Canary,
    directory: TempDir,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            secret: Canary::api_key("profile"),
            source: Source::Sealed,
            provenance: Provenance::Console,
            family: Family::ApiKey,
            environment: Vec::new(),
            expires_at: None,
        }
    }
}

impl Setup {
    pub(crate) fn build(self) -> Bench {
        let directory = TempDir::with_prefix("keyreeve-broker-").unwrap();
        let store = Arc::new(Store::open(&places(&directory), Durability::Process).unwrap());
        let profile = self.profile();
        let secret = Secret::new(self.secret.value().to_owned());
        let sealed = (self.source == Source::Sealed).then_some(&secret);
        store.add_profile(&profile, sealed).unwrap();
        let key = VirtualKey {
            id: KeyId(id()),
            name: "laptop".parse().unwrap(),
            profiles: vec![profile.id],
            models: Vec::new(),
            expires_at: self.expires_at,
            revoked_at: None,
            created_at: world::now(),
            simulated: false,
        };
        let minted = mint(Kind::User, world::random().unwrap());
        store.add_key(&key, minted.public_id, minted.hash).unwrap();
        let environment = Environment::from_pairs(self.environment);
        let prices = PriceTable::embedded();
        Bench {
            broker: Arc::new(Broker::new(Arc::clone(&store), prices, environment)),
            store,
            profile,
            key,
            minted,
            secret: self.secret,
            directory,
        }
    }

    fn profile(&self) -> Profile {
        let sealed = self.source == Source::Sealed;
        Profile {
            id: ProfileId(id()),
            name: "work".parse().unwrap(),
            source: self.source.clone(),
            base_url: BaseUrl::parse("http://127.0.0.1:9", PlainHttp::LoopbackOnly).unwrap(),
            auth: Auth::ApiKey,
            provenance: self.provenance,
            billing: BillingClass::Metered,
            family: sealed.then_some(self.family),
            hint: None,
            simulated: true,
            created_at: world::now(),
            rotated_at: None,
        }
    }
}

impl Bench {
    /// The key as a client presents it.
    pub(crate) fn presented(&self) -> Presented {
        Presented {
            kind: Kind::User,
            public_id: self.minted.public_id,
            hash: self.minted.hash,
        }
    }

    /// The client that presents it.
    pub(crate) fn client(&self) -> Client {
        self.broker.client(&self.presented()).unwrap()
    }

    /// A message request.
    pub(crate) fn ask(&self) -> Ask {
        Ask {
            request: self.broker.request_id().unwrap(),
            operation: Operation::Messages,
            session: None,
            model: Some("claude-haiku-5-5".to_owned()),
            stream: false,
            max_tokens: Some(100),
            body_hash: [1; 32],
            body_bytes: 1000,
        }
    }

    /// The store as another process opens it.
    pub(crate) fn another_store(&self) -> Store {
        Store::open(&places(&self.directory), Durability::Process).unwrap()
    }

    /// The ledger, the oldest row first.
    pub(crate) fn rows(&self) -> Vec<AttemptRow> {
        self.store.flush().unwrap();
        let mut rows = self.store.attempts(100).unwrap();
        rows.reverse();
        rows
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let hits = LeakScan::of([&self.secret]).path(self.directory.path());
            leakscan::assert_none(&hits);
        }
    }
}

/// Waits until something holds, without standing in the way of other tasks.
pub(crate) async fn eventually(holds: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while !holds() && begun.elapsed() < Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    holds()
}

fn places(directory: &TempDir) -> Places {
    Places {
        data: directory.path().join("data"),
        keys: directory.path().join("config"),
    }
}

fn id() -> Uuid {
    Uuid::from_bytes(world::random().unwrap())
}
