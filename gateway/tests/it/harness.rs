//! The test server harness: a gateway in front of a scripted upstream, with a store, one profile and one virtual key.
//!
//! Invariants: it runs in this process on its own thread and stops when it is dropped; then no planted secret may be in
//! a response, in the log or in the store's files, and no client's credential may have reached the upstream.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use keyreeve_broker::Broker;
use keyreeve_broker::upstream::{Timeouts, Upstream};
use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::price::PriceTable;
use keyreeve_core::profile::{
    Auth, BillingClass, Profile, ProfileId, Provenance, SecretExposure, Source,
};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::token::Family;
use keyreeve_core::virtual_key::{KeyKind, ModelPattern, Strategy, VirtualKey, generate_key};
use keyreeve_gateway::{Config, GatewayParts, InstanceSecret};
use keyreeve_os::environment::Environment;
use keyreeve_os::system;
use keyreeve_store::{Durability, EntryOutcome, LedgerEntry, Store, StorePaths};
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::leakscan::{self, LeakScan};
use keyreeve_testkit::upstream::{ReceivedRequest, Scripted, Step};
use keyreeve_testkit::wire::{self, Exchange, WireResponse};
use tempfile::TempDir;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::server_thread::{LogBuffer, ServerThread};

/// The body of a small request.
pub(crate) const REQUEST_BODY: &[u8] =
    br#"{"model":"claude-haiku-5-5","max_tokens":16,"messages":[{"role":"user","content":"hi"}]}"#;

/// The body of a small request for a stream.
pub(crate) const STREAM_REQUEST_BODY: &[u8] = br#"{"model":"claude-haiku-5-5","max_tokens":16,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

/// The secret that `/healthz` proves the gateway has.
pub(crate) const INSTANCE_SECRET: [u8; 32] = [7; 32];

/// The time without data after which the responses on a raw connection count as complete.
pub(crate) const RAW_IDLE_TIMEOUT: Duration = Duration::from_millis(300);

/// The time within which an expected event must happen.
const EVENT_TIMEOUT: Duration = Duration::from_secs(5);

/// The configuration of a test gateway; a test sets what differs from the default.
pub(crate) struct Setup {
    pub(crate) secret: Canary,
    pub(crate) source: Source,
    pub(crate) auth: Auth,
    pub(crate) family: Family,
    pub(crate) provenance: Provenance,
    /// `true` if the upstream simulates Anthropic's API, which expects each token family in its own header.
    pub(crate) simulated: bool,
    /// The path before `/v1` at the upstream.
    pub(crate) upstream_path: &'static str,
    /// The URL of another upstream than the scripted one.
    pub(crate) upstream_url: Option<String>,
    pub(crate) models: &'static [&'static str],
    /// The key's lifetime for cache markers.
    pub(crate) cache_ttl: Option<Ttl>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) timeouts: Timeouts,
    /// A root certificate to trust in addition to the built-in ones, in PEM.
    pub(crate) extra_root: Option<String>,
    pub(crate) config: Config,
    /// Turns on pass-through of the client's own credential to the upstream.
    pub(crate) pass_through: Switch,
}

/// A switch of the configuration.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    On,
    Off,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            secret: Canary::api_key("profile"),
            source: Source::Sealed,
            auth: Auth::ApiKey,
            family: Family::ApiKey,
            provenance: Provenance::Gateway,
            simulated: false,
            upstream_path: "",
            upstream_url: None,
            models: &[],
            cache_ttl: None,
            environment: Vec::new(),
            timeouts: Timeouts::default(),
            extra_root: None,
            config: Config {
                drain_timeout: Duration::from_secs(2),
                ..Config::default()
            },
            pass_through: Switch::Off,
        }
    }
}

impl Setup {
    /// Starts the gateway in front of an upstream that responds with the steps of `script`.
    pub(crate) fn start(
        self,
        script: impl Fn(&ReceivedRequest) -> Vec<Step> + Send + Sync + 'static,
    ) -> TestGateway {
        let upstream = Scripted::start(script);
        let directory = TempDir::with_prefix("keyreeve-gateway-").unwrap();
        let store = Arc::new(Store::open(&store_paths(&directory), Durability::Local).unwrap());
        store.start_journal(system::random().unwrap()).unwrap();
        let profile = self.profile(&upstream);
        let secret = Secret::new(self.secret.value().to_owned());
        let sealed_secret = (self.source == Source::Sealed).then_some(&secret);
        store.add_profile(&profile, sealed_secret).unwrap();
        let new_key = generate_key(KeyKind::User, system::random().unwrap());
        let key = self.key(&profile);
        store
            .add_key(&key, new_key.public_id, new_key.hash)
            .unwrap();

        let environment = Environment::from_pairs(self.environment);
        let prices = PriceTable::embedded();
        let client =
            Upstream::new(self.extra_root.as_deref().map(str::as_bytes), self.timeouts).unwrap();
        let parts = GatewayParts {
            broker: Arc::new(Broker::new(
                Arc::clone(&store),
                prices,
                Arc::new(environment),
                client.clone(),
            )),
            upstream: client,
            instance: InstanceSecret::new(INSTANCE_SECRET),
            config: self.config,
        };
        let log = LogBuffer::default();
        let (send_address, address) = mpsc::channel();
        let (stop, stop_signal) = oneshot::channel();
        let pass_through_to =
            (self.pass_through == Switch::On).then(|| base_url(&upstream.base_url()));
        let server = ServerThread {
            parts,
            pass_through_to,
            stop: stop_signal,
            log: log.clone(),
        };
        let thread = std::thread::spawn(move || server.run(&send_address));
        TestGateway {
            address: address.recv().unwrap(),
            upstream,
            secret: self.secret,
            client_token: Canary::oauth("client"),
            key: Canary::generated("virtual-key", new_key.key.expose_for(Sink::Display)),
            virtual_key: key,
            profile,
            store,
            directory,
            responses: Mutex::default(),
            log,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn profile(&self, upstream: &Scripted) -> Profile {
        let url = self
            .upstream_url
            .clone()
            .unwrap_or_else(|| upstream.base_url())
            + self.upstream_path;
        let is_sealed = self.source == Source::Sealed;
        Profile {
            id: ProfileId(id()),
            name: "work".parse().unwrap(),
            source: self.source.clone(),
            base_url: base_url(&url),
            auth: self.auth,
            provenance: self.provenance,
            billing: BillingClass::Gateway,
            family: is_sealed.then_some(self.family),
            hint: None,
            secret_exposure: SecretExposure::RequestsOnly,
            simulated: self.simulated,
            expires_at: None,
            created_at: system::now(),
            rotated_at: None,
        }
    }

    fn key(&self, profile: &Profile) -> VirtualKey {
        VirtualKey {
            id: keyreeve_core::virtual_key::KeyId(id()),
            name: "laptop".parse().unwrap(),
            profiles: vec![profile.id],
            strategy: Strategy::default(),
            billing: Some(profile.billing),
            allow_billing: Vec::new(),
            models: self.models.iter().copied().map(ModelPattern::new).collect(),
            cache_ttl: self.cache_ttl,
            expires_at: None,
            revoked_at: None,
            created_at: system::now(),
            simulated: false,
        }
    }
}

/// A running test gateway.
pub(crate) struct TestGateway {
    pub(crate) address: SocketAddr,
    pub(crate) upstream: Scripted,
    pub(crate) secret: Canary,
    /// The client's own credential, of which nothing may be stored.
    pub(crate) client_token: Canary,
    pub(crate) key: Canary,
    pub(crate) virtual_key: VirtualKey,
    pub(crate) profile: Profile,
    pub(crate) store: Arc<Store>,
    directory: TempDir,
    responses: Mutex<Vec<u8>>,
    log: LogBuffer,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestGateway {
    /// Starts a gateway with the default configuration.
    pub(crate) fn start(
        script: impl Fn(&ReceivedRequest) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        Setup::default().start(script)
    }

    /// Builds a request. Adds the virtual key unless the headers contain a credential.
    pub(crate) fn request(&self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let credential = |(name, _): &(&str, &str)| {
            name.eq_ignore_ascii_case("x-api-key") || name.eq_ignore_ascii_case("authorization")
        };
        let mut headers = headers.to_vec();
        if !headers.iter().any(credential) {
            headers.push(("x-api-key", self.key.value()));
        }
        wire::request(self.address, line, &headers, body)
    }

    /// Sends a request on a new connection and reads the response.
    #[track_caller]
    pub(crate) fn send(&self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> WireResponse {
        self.record_response(wire::send_request(
            self.address,
            &self.request(line, headers, body),
        ))
    }

    /// Posts a message request.
    #[track_caller]
    pub(crate) fn post(&self, body: &[u8]) -> WireResponse {
        self.send("POST /v1/messages", &[JSON], body)
    }

    /// Sends raw bytes and returns the responses received until the connection is closed or idle.
    pub(crate) fn send_raw(&self, bytes: &[u8]) -> Vec<WireResponse> {
        let mut exchange = Exchange::open_with(self.address, RAW_IDLE_TIMEOUT);
        exchange.write(bytes);
        let responses = wire::split_responses(&exchange.drain());
        responses
            .into_iter()
            .map(|response| self.record_response(response))
            .collect()
    }

    /// Opens a connection; a response read from it must be passed to [`TestGateway::record_response`].
    pub(crate) fn connect(&self) -> Exchange {
        Exchange::open(self.address)
    }

    /// Records a response for the leak scan at the end.
    pub(crate) fn record_response(&self, response: WireResponse) -> WireResponse {
        let mut responses = lock(&self.responses);
        responses.extend_from_slice(response.head.line.as_bytes());
        for (name, value) in &response.head.headers {
            responses.extend_from_slice(format!("\n{name}: {value}").as_bytes());
        }
        responses.extend_from_slice(&response.body);
        responses.push(b'\n');
        drop(responses);
        response
    }

    /// Waits until no ledger entry is open, and returns all entries, the oldest first.
    #[track_caller]
    pub(crate) fn entries(&self) -> Vec<LedgerEntry> {
        let mut entries = Vec::new();
        let closed = eventually(|| {
            self.store.flush().unwrap();
            entries = self.store.ledger_entries(10_000).unwrap();
            entries.iter().all(|entry| entry.outcome.is_some())
        });
        assert!(closed, "an entry is still open: {entries:#?}");
        entries.reverse();
        entries
    }

    /// Waits for the only ledger entry and its outcome.
    #[track_caller]
    pub(crate) fn entry(&self) -> (LedgerEntry, EntryOutcome) {
        eventually(|| self.store.ledger_entries(1).unwrap().len() == 1);
        let mut entries = self.entries();
        assert_eq!(entries.len(), 1, "{entries:#?}");
        let entry = entries.remove(0);
        let outcome = entry.outcome.clone().unwrap();
        (entry, outcome)
    }

    /// Asserts that nothing was sent upstream and nothing was recorded.
    #[track_caller]
    pub(crate) fn assert_nothing_sent(&self) {
        assert_eq!(self.upstream.bytes(), Vec::<Vec<u8>>::new());
        assert_eq!(self.entries(), []);
    }

    /// The log of the gateway, without colors.
    pub(crate) fn log_text(&self) -> String {
        String::from_utf8_lossy(&self.log.lock()).into_owned()
    }

    /// Returns `true` if every profile is ready.
    pub(crate) fn all_profiles_ready(&self) -> bool {
        self.store.lease_snapshot().unwrap().health.all_ready()
    }

    /// Opens the store a second time, as another process would.
    pub(crate) fn open_second_store(&self) -> Store {
        Store::open(&store_paths(&self.directory), Durability::Local).unwrap()
    }

    /// Sends the signal to stop, and does not wait.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _stopped_already = stop.send(());
        }
    }

    /// Waits for the gateway to end.
    pub(crate) fn wait(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    fn scan(&self) {
        let secrets = LeakScan::new([&self.secret, &self.key]);
        let mut hits = secrets.bytes("responses to clients", &lock(&self.responses));
        let stored = LeakScan::new([&self.secret, &self.key, &self.client_token]);
        hits.extend(stored.bytes("the log", &self.log.lock()));
        hits.extend(stored.path(self.directory.path()));
        let client_key = LeakScan::new([&self.key]);
        for sent in self.upstream.bytes() {
            hits.extend(client_key.bytes("requests to the upstream", &sent));
        }
        leakscan::assert_no_leaks(&hits);
    }
}

impl Drop for TestGateway {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let _failed_already = self.thread.take().map(JoinHandle::join);
            return;
        }
        self.wait();
        self.scan();
    }
}

/// The header of a JSON body.
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// Waits until a condition is true; returns `false` on timeout.
pub(crate) fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < EVENT_TIMEOUT {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

fn base_url(url: &str) -> BaseUrl {
    BaseUrl::parse(url, PlainHttp::LoopbackOnly).unwrap()
}

fn store_paths(directory: &TempDir) -> StorePaths {
    StorePaths {
        data: directory.path().join("data"),
        keys: directory.path().join("config"),
    }
}

fn id() -> Uuid {
    Uuid::from_bytes(system::random().unwrap())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
