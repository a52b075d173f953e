//! Test harness: a broker with its own store, usually one profile, and one key for all profiles.

use std::sync::Arc;
use std::time::Duration;

use keyreeve_broker::upstream::{Timeouts, Upstream};
use keyreeve_broker::{Broker, Client, Lease, LeaseError, LeaseRequest, RetryState};
use keyreeve_core::credential::Credential;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::price::PriceTable;
use keyreeve_core::profile::{
    Auth, BillingClass, Profile, ProfileId, Provenance, SecretExposure, Source,
};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::virtual_key::{
    KeyId, KeyKind, PresentedKey, Strategy, VirtualKey, generate_key,
};
use keyreeve_os::environment::Environment;
use keyreeve_os::system;
use keyreeve_store::{Durability, LedgerEntry, Operation, RequestId, Store, StorePaths};
use tempfile::TempDir;
use tokio::time::Instant;
use uuid::Uuid;

/// The origin of a gateway that no test contacts.
pub(crate) const GATEWAY: &str = "https://gateway.example";

/// Test harness; its files are deleted with it.
pub(crate) struct Harness {
    pub(crate) broker: Arc<Broker>,
    pub(crate) client: Client,
    pub(crate) presented: PresentedKey,
    pub(crate) key: KeyId,
    directory: TempDir,
}

impl Harness {
    /// Creates a harness with one profile that has its secret in the store.
    pub(crate) fn sealed() -> Self {
        Self::open(Source::Sealed, GATEWAY, Environment::default())
    }

    /// Creates a harness with one profile of this source and origin.
    pub(crate) fn open(source: Source, origin: &str, environment: Environment) -> Self {
        Self::with_profile(&profile(source, origin), environment)
    }

    /// Creates a harness with one profile for a sandbox.
    pub(crate) fn with_sandbox(source: Source, url: &str, environment: Environment) -> Self {
        let profile = Profile {
            base_url: BaseUrl::parse(url, PlainHttp::LoopbackOnly).unwrap(),
            billing: BillingClass::Metered,
            simulated: true,
            ..profile(source, GATEWAY)
        };
        Self::with_profile(&profile, environment)
    }

    /// Creates a harness with this one profile.
    pub(crate) fn with_profile(profile: &Profile, environment: Environment) -> Self {
        Self::with_profiles(std::slice::from_ref(profile), environment)
    }

    /// Creates a harness with these profiles, in the key's order.
    pub(crate) fn with_profiles(profiles: &[Profile], environment: Environment) -> Self {
        let directory = TempDir::new().unwrap();
        let store = store_in(&directory);
        store.start_journal(system::random().unwrap()).unwrap();
        let sealed = Secret::new("sealed-bearer-token-of-nobody".to_owned());
        for profile in profiles {
            let secret = (profile.source == Source::Sealed).then_some(&sealed);
            store.add_profile(profile, secret).unwrap();
        }
        let new_key = generate_key(KeyKind::User, [7; 30]);
        let key = key_for(profiles);
        store
            .add_key(&key, new_key.public_id, new_key.hash)
            .unwrap();
        let broker = Arc::new(Broker::new(
            Arc::new(store),
            PriceTable::embedded(),
            Arc::new(environment),
            Upstream::new(None, Timeouts::default()).unwrap(),
        ));
        let presented = PresentedKey::parse(new_key.key.expose_for(Sink::Display)).unwrap();
        let client = broker.authenticate(&presented).unwrap();
        Self {
            broker,
            client,
            presented,
            key: key.id,
            directory,
        }
    }

    /// Opens the store as another process does.
    pub(crate) fn reopen_store(&self) -> Store {
        store_in(&self.directory)
    }

    /// Revokes the key as another process does.
    pub(crate) fn revoke_key(&self) {
        self.reopen_store()
            .revoke_key(self.key, system::now())
            .unwrap();
    }

    /// Removes the profile as another process does.
    pub(crate) fn remove_profile(&self) {
        let store = self.reopen_store();
        let profile = store.policy().unwrap().profiles()[0].id;
        store.remove_profile(profile).unwrap();
    }

    /// Leases a credential for a message.
    pub(crate) async fn lease(&self) -> Result<(Lease, Credential), LeaseError> {
        let mut retry = RetryState::new(Instant::now(), Duration::ZERO);
        self.broker
            .lease(&self.client, &lease_request(), &mut retry)
            .await
    }

    /// Returns the committed ledger entries, newest first.
    pub(crate) fn ledger_entries(&self) -> Vec<LedgerEntry> {
        self.broker.store().flush().unwrap();
        self.broker.store().ledger_entries(10).unwrap()
    }
}

fn store_in(directory: &TempDir) -> Store {
    let paths = StorePaths {
        data: directory.path().join("data"),
        keys: directory.path().join("keys"),
    };
    Store::open(&paths, Durability::Local).unwrap()
}

/// A secret printed by a shell script.
pub(crate) fn shell(script: &str) -> Source {
    let argv = ["/bin/sh", "-c", script].map(ToOwned::to_owned).to_vec();
    Source::Command { argv }
}

pub(crate) fn profile(source: Source, origin: &str) -> Profile {
    Profile {
        id: ProfileId(Uuid::from_u128(1)),
        name: "work".parse().unwrap(),
        source,
        base_url: BaseUrl::parse(origin, PlainHttp::LoopbackOnly).unwrap(),
        auth: Auth::Bearer,
        provenance: Provenance::Gateway,
        billing: BillingClass::Gateway,
        family: None,
        hint: None,
        secret_exposure: SecretExposure::RequestsOnly,
        simulated: false,
        expires_at: None,
        created_at: system::now(),
        rotated_at: None,
    }
}

fn key_for(profiles: &[Profile]) -> VirtualKey {
    VirtualKey {
        id: KeyId(Uuid::from_u128(2)),
        name: "editor".parse().unwrap(),
        profiles: profiles.iter().map(|profile| profile.id).collect(),
        strategy: Strategy::default(),
        // Fits the profile of every test.
        billing: Some(BillingClass::Gateway),
        allow_billing: vec![BillingClass::Metered],
        models: Vec::new(),
        cache_ttl: None,
        expires_at: None,
        revoked_at: None,
        created_at: system::now(),
        simulated: false,
    }
}

pub(crate) fn lease_request() -> LeaseRequest {
    LeaseRequest {
        request_id: RequestId(Uuid::from_u128(3)),
        operation: Operation::Messages,
        session: None,
        conversation: None,
        model: Some("claude-haiku-5-5".to_owned()),
        stream: false,
        max_tokens: Some(100),
        body_hash: [0; 32],
        body_bytes: 300,
    }
}
