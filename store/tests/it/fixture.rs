//! Test fixture: a store in a temporary directory, and example values to put into it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use keyreeve_core::cache_ttl::{Ttl, TtlOutcome};
use keyreeve_core::money::NanoDollars;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::price::CostBasis;
use keyreeve_core::profile::{
    Auth, BillingClass, Profile, ProfileId, Provenance, SecretExposure, Source,
};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::select::Reason;
use keyreeve_core::usage::TokenCounts;
use keyreeve_core::virtual_key::{KeyHash, KeyId, ModelPattern, PublicId, Strategy, VirtualKey};
use keyreeve_store::{
    AttemptId, Durability, Ending, Intent, OpenIntent, Operation, Outcome, RequestId, Store,
    StoreError, StorePaths,
};
use uuid::Uuid;

/// A temporary directory with the two directories of a store.
pub(crate) struct TestHome {
    dir: tempfile::TempDir,
    pub(crate) paths: StorePaths,
}

impl TestHome {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .unwrap();
        let paths = store_paths(dir.path());
        Self { dir, paths }
    }

    /// Creates one in memory, if the system has a place for it: for tests that commit thousands of times.
    pub(crate) fn in_memory() -> Self {
        let dir = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in("/dev/shm");
        match dir {
            Ok(dir) => {
                let paths = store_paths(dir.path());
                Self { dir, paths }
            }
            Err(_) => Self::new(),
        }
    }

    /// Returns the temporary directory.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(&self.paths, Durability::Local).unwrap()
    }

    pub(crate) fn try_open(&self) -> Result<Store, StoreError> {
        Store::open(&self.paths, Durability::Local)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Opens the store as a process that serves, with a journal.
    pub(crate) fn serve(&self) -> Store {
        let store = self.open();
        start_journal(&store);
        store
    }

    /// Returns the path of the database of profiles and keys.
    pub(crate) fn database(&self) -> PathBuf {
        self.paths.data.join("policy.db")
    }

    /// Returns the path of the single database of older versions.
    pub(crate) fn single(&self) -> PathBuf {
        self.paths.data.join("keyreeve.db")
    }

    /// Returns the path of the database of attempts and limits.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.paths.data.join("ledger.db")
    }

    pub(crate) fn master_key(&self) -> PathBuf {
        self.paths.keys.join("master.key")
    }

    /// Runs SQL on the database of profiles and keys without the store.
    pub(crate) fn run_sql(&self, sql: &str) {
        run_sql(&self.database(), sql);
    }

    /// Runs SQL on the database of attempts and limits without the store.
    pub(crate) fn run_ledger_sql(&self, sql: &str) {
        run_sql(&self.ledger(), sql);
    }
}

fn run_sql(database: &Path, sql: &str) {
    rusqlite::Connection::open(database)
        .unwrap()
        .execute_batch(sql)
        .unwrap();
}

/// Makes policy as a version before signed rows wrote it: no codes, schema 1, and the check value of that version.
pub(crate) fn make_unsigned(home: &TestHome) {
    use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
    use chacha20poly1305::{XChaCha20Poly1305, XNonce};

    let file = std::fs::read(home.master_key()).unwrap();
    let key: [u8; 32] = file[file.len() - 32..].try_into().unwrap();
    let mut aad = Vec::new();
    for field in [&[1][..], &[0; 16], b"check", &0_u64.to_be_bytes(), b""] {
        aad.extend_from_slice(&u32::try_from(field.len()).unwrap().to_be_bytes());
        aad.extend_from_slice(field);
    }
    let nonce = [7; 24];
    let tag = XChaCha20Poly1305::new(&key.into())
        .encrypt(
            &XNonce::from(nonce),
            Payload {
                msg: b"",
                aad: &aad,
            },
        )
        .unwrap();
    let check = [&[1], nonce.as_slice(), &tag].concat();
    let connection = rusqlite::Connection::open(home.database()).unwrap();
    connection
        .execute_batch("DROP TABLE row_macs; PRAGMA user_version = 1")
        .unwrap();
    connection
        .execute("UPDATE meta SET master_key_check = ?1", [check])
        .unwrap();
}

/// Starts the journal of a store with a random id.
pub(crate) fn start_journal(store: &Store) {
    store
        .start_journal(keyreeve_os::system::random().unwrap())
        .unwrap();
}

/// Returns the paths of a store in a directory.
pub(crate) fn store_paths(home: &Path) -> StorePaths {
    StorePaths {
        data: home.join("data"),
        keys: home.join("config"),
    }
}

/// Returns a timestamp `second` seconds after the start of the test data.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128((0x019a_0000_0000_7000_8000 << 48) | number)
}

pub(crate) fn profile(number: u128, name: &str) -> Profile {
    Profile {
        id: ProfileId(id(number)),
        name: name.parse().unwrap(),
        source: Source::Sealed,
        base_url: BaseUrl::parse("https://api.anthropic.com", PlainHttp::Forbidden).unwrap(),
        auth: Auth::ApiKey,
        provenance: Provenance::Console,
        billing: BillingClass::Metered,
        family: None,
        hint: Some("sk-ant-…1234".to_owned()),
        secret_exposure: SecretExposure::RequestsOnly,
        simulated: false,
        expires_at: None,
        created_at: at(0),
        rotated_at: None,
    }
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

pub(crate) fn exposed(secret: &Secret) -> String {
    secret.expose_for(Sink::Display).to_owned()
}

pub(crate) fn key(number: u128, name: &str, profiles: &[&Profile]) -> VirtualKey {
    VirtualKey {
        id: KeyId(id(number)),
        name: name.parse().unwrap(),
        profiles: profiles.iter().map(|profile| profile.id).collect(),
        strategy: Strategy::Spread,
        allow_billing: vec![BillingClass::Gateway, BillingClass::Cloud],
        billing: profiles.first().map(|profile| profile.billing),
        models: vec![ModelPattern::new("claude-*")],
        cache_ttl: Some(Ttl::OneHour),
        expires_at: Some(at(1000)),
        revoked_at: None,
        created_at: at(0),
        simulated: false,
    }
}

/// Returns the public id and hash of the n-th secret.
pub(crate) fn key_secret(number: u8) -> (PublicId, KeyHash) {
    (PublicId([number; 8]), KeyHash([number; 32]))
}

/// Returns the id of the n-th attempt, which contains its start.
pub(crate) fn attempt_id(number: u128) -> AttemptId {
    let millis = at(i64::try_from(number).unwrap()).as_millisecond();
    let millis = u128::try_from(millis).unwrap();
    AttemptId(Uuid::from_u128(
        (millis << 80) | (0x7000_8000 << 48) | number,
    ))
}

pub(crate) fn intent(number: u128) -> Intent {
    Intent {
        attempt: attempt_id(number),
        request: RequestId(id(number)),
        started_at: at(i64::try_from(number).unwrap()),
        operation: Operation::Messages,
        key: KeyId(id(1)),
        profile: ProfileId(id(1)),
        number: 2,
        reason: Reason::AfterRefusal,
        session: Some("session".to_owned()),
        model_requested: Some("claude-requested".to_owned()),
        stream: true,
        request_hash: [1; 32],
        request_bytes: 10,
        reserved: NanoDollars::new(1000),
        simulated: false,
    }
}

pub(crate) fn outcome(number: u128) -> Outcome {
    Outcome {
        ending: Ending::Done,
        ended_at: at(i64::try_from(number).unwrap() + 1),
        status: Some(200),
        verdict: "ok",
        upstream_request_id: Some("req_1".to_owned()),
        model_served: Some("claude-served".to_owned()),
        tokens: TokenCounts {
            input: 1,
            output: 2,
            cache_read: 3,
            write_5m: 4,
            write_1h: 5,
        },
        web_searches: 6,
        cost: NanoDollars::new(70),
        basis: CostBasis::Known,
        prices_as_of: "2026-11-01".to_owned(),
        first_byte_micros: Some(1500),
        duration_micros: 2500,
        response_hash: Some([2; 32]),
        response_bytes: 20,
        cache_edit: Some(TtlOutcome::Set(Ttl::OneHour, 3)),
    }
}

/// Adds the profile with this number, with a secret.
pub(crate) fn add_profile(store: &Store, number: u128, name: &str) {
    store
        .add_profile(&profile(number, name), Some(&secret("x")))
        .unwrap();
}

/// Adds a key with the n-th secret.
pub(crate) fn add_key(store: &Store, key: &VirtualKey, number: u8) {
    let (public, hash) = key_secret(number);
    store.add_key(key, public, hash).unwrap();
}

/// Records an intent that stays open.
pub(crate) fn record_intent(store: &Store, intent: Intent) -> Result<OpenIntent, StoreError> {
    store.record_intent(intent)
}

/// Records an intent and its outcome.
pub(crate) fn record(store: &Store, intent: Intent, outcome: Outcome) {
    let open = store.record_intent(intent).unwrap();
    store.record_outcome(open, outcome);
}
