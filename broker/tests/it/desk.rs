//! A broker over a store of its own, with one profile, mostly, and one key for all of them.

use std::sync::Arc;
use std::time::Duration;

use keyreeve_broker::upstream::{Patience, Upstream};
use keyreeve_broker::{Ask, Broker, Client, Lease, LeaseError, Trail};
use keyreeve_core::credential::Credential;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::price::PriceTable;
use keyreeve_core::profile::{Auth, BillingClass, Handing, Profile, ProfileId, Provenance, Source};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::snapshot::Environment;
use keyreeve_core::virtual_key::{KeyId, Kind, Presented, Strategy, VirtualKey, mint};
use keyreeve_os::world;
use keyreeve_store::{AttemptRow, Durability, Operation, Places, RequestId, Store};
use tempfile::TempDir;
use tokio::time::Instant;
use uuid::Uuid;

/// The desk. What it holds on disk goes with it.
pub(crate) struct Desk {
    pub(crate) broker: Arc<Broker>,
    pub(crate) client: Client,
    pub(crate) presented: Presented,
    pub(crate) key: KeyId,
    folder: TempDir,
}

impl Desk {
    /// Opens a desk whose one profile has this source and leads to `origin`.
    pub(crate) fn open(source: Source, origin: &str, environment: Environment) -> Self {
        Self::with(&profile(source, origin), environment)
    }

    /// Opens a desk whose one profile leads to a sandbox.
    pub(crate) fn before_sandbox(source: Source, url: &str, environment: Environment) -> Self {
        let profile = Profile {
            base_url: BaseUrl::parse(url, PlainHttp::LoopbackOnly).unwrap(),
            billing: BillingClass::Metered,
            simulated: true,
            ..profile(source, "https://gateway.example")
        };
        Self::with(&profile, environment)
    }

    /// Opens a desk with this one profile.
    pub(crate) fn with(profile: &Profile, environment: Environment) -> Self {
        Self::of_several(std::slice::from_ref(profile), environment)
    }

    /// Opens a desk with these profiles, in the key's order.
    pub(crate) fn of_several(profiles: &[Profile], environment: Environment) -> Self {
        let folder = TempDir::new().unwrap();
        let store = store_in(&folder);
        let sealed = Secret::new("sealed-bearer-token-of-nobody".to_owned());
        for profile in profiles {
            let secret = (profile.source == Source::Sealed).then_some(&sealed);
            store.add_profile(profile, secret).unwrap();
        }
        let minted = mint(Kind::User, [7; 30]);
        let key = key_for(profiles);
        store.add_key(&key, minted.public_id, minted.hash).unwrap();
        let broker = Arc::new(Broker::new(
            Arc::new(store),
            PriceTable::embedded(),
            Arc::new(environment),
            Upstream::new(None, Patience::default()).unwrap(),
        ));
        let presented = Presented::parse(minted.key.expose_for(Sink::Shown)).unwrap();
        let client = broker.client(&presented).unwrap();
        Self {
            broker,
            client,
            presented,
            key: key.id,
            folder,
        }
    }

    /// The store as another process opens it.
    pub(crate) fn another_store(&self) -> Store {
        store_in(&self.folder)
    }

    /// Revokes the key as another process does.
    pub(crate) fn revoke(&self) {
        self.another_store()
            .revoke_key(self.key, world::now())
            .unwrap();
    }

    /// Asks for a lease on a message.
    pub(crate) async fn lease(&self) -> Result<(Lease, Credential), LeaseError> {
        let mut trail = Trail::new(Instant::now(), Duration::ZERO);
        self.broker.lease(&self.client, ask(), &mut trail).await
    }

    /// The ledger's rows, newest first, everything committed.
    pub(crate) fn attempts(&self) -> Vec<AttemptRow> {
        self.broker.store().flush().unwrap();
        self.broker.store().attempts(10).unwrap()
    }
}

fn store_in(folder: &TempDir) -> Store {
    let places = Places {
        data: folder.path().join("data"),
        keys: folder.path().join("keys"),
    };
    Store::open(&places, Durability::Process).unwrap()
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
        handing: Handing::Leased,
        simulated: false,
        expires_at: None,
        created_at: world::now(),
        rotated_at: None,
    }
}

fn key_for(profiles: &[Profile]) -> VirtualKey {
    VirtualKey {
        id: KeyId(Uuid::from_u128(2)),
        name: "editor".parse().unwrap(),
        profiles: profiles.iter().map(|profile| profile.id).collect(),
        strategy: Strategy::default(),
        // Whatever profile a case is about.
        billing: Some(BillingClass::Gateway),
        may_spend: vec![BillingClass::Metered],
        models: Vec::new(),
        cache_ttl: None,
        expires_at: None,
        revoked_at: None,
        created_at: world::now(),
        simulated: false,
    }
}

pub(crate) fn ask() -> Ask {
    Ask {
        request: RequestId(Uuid::from_u128(3)),
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
