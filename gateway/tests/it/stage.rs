//! A gateway between a test and a scripted upstream, with a store, one profile and one virtual key.
//!
//! Invariants: it runs in this process on a thread of its own and stops when its value goes; then no planted secret may
//! be in what clients were answered, in the log or in the store's files, and no client's credential may have reached
//! the upstream.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use keyreeve_broker::Broker;
use keyreeve_broker::upstream::{Patience, Upstream};
use keyreeve_core::cache_ttl::Ttl;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::price::PriceTable;
use keyreeve_core::profile::{Auth, BillingClass, Handing, Profile, ProfileId, Provenance, Source};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::snapshot::Environment;
use keyreeve_core::token::Family;
use keyreeve_core::virtual_key::{Kind, Strategy, VirtualKey, mint};
use keyreeve_gateway::{Config, InstanceSecret, Parts};
use keyreeve_os::world;
use keyreeve_store::{AttemptRow, Durability, Ended, Places, Store};
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::leakscan::{self, LeakScan};
use keyreeve_testkit::upstream::{Received, Scripted, Step};
use keyreeve_testkit::wire::{self, Answer, Exchange};
use tempfile::TempDir;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::serving::{Log, Serving};

/// A small request.
pub(crate) const ASK: &[u8] =
    br#"{"model":"claude-haiku-5-5","max_tokens":16,"messages":[{"role":"user","content":"hi"}]}"#;

/// The same, to be streamed.
pub(crate) const ASK_STREAM: &[u8] = br#"{"model":"claude-haiku-5-5","max_tokens":16,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

/// What `/healthz` proves to know.
pub(crate) const INSTANCE: [u8; 32] = [7; 32];

/// After this much silence a raw connection has said all it will.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// How long anything that must happen may take.
const LIMIT: Duration = Duration::from_secs(5);

/// What a stage is made of; a test names what it wants otherwise.
pub(crate) struct Setup {
    pub(crate) secret: Canary,
    pub(crate) source: Source,
    pub(crate) auth: Auth,
    pub(crate) family: Family,
    pub(crate) provenance: Provenance,
    /// Whether the upstream stands for the vendor, which judges tokens by their family.
    pub(crate) simulated: bool,
    /// What stands before `/v1` at the upstream.
    pub(crate) path: &'static str,
    /// Another place than the stage's own upstream.
    pub(crate) elsewhere: Option<String>,
    pub(crate) models: &'static [&'static str],
    /// What the key says of cache markers.
    pub(crate) cache_ttl: Option<Ttl>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) patience: Patience,
    /// Trusted beside the built-in roots, in PEM.
    pub(crate) roots: Option<String>,
    pub(crate) config: Config,
    /// Whether a client's own credential may pass through to the upstream.
    pub(crate) pass_through: Wish,
}

/// Whether something is turned on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
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
            path: "",
            elsewhere: None,
            models: &[],
            cache_ttl: None,
            environment: Vec::new(),
            patience: Patience::default(),
            roots: None,
            config: Config {
                drain_time: Duration::from_secs(2),
                ..Config::default()
            },
            pass_through: Wish::Off,
        }
    }
}

impl Setup {
    /// Starts the gateway before an upstream that answers with what `script` says.
    pub(crate) fn start(
        self,
        script: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static,
    ) -> Stage {
        let upstream = Scripted::start(script);
        let directory = TempDir::with_prefix("keyreeve-gateway-").unwrap();
        let store = Arc::new(Store::open(&places(&directory), Durability::Process).unwrap());
        let profile = self.profile(&upstream);
        let sealed = Secret::new(self.secret.value().to_owned());
        let sealed = (self.source == Source::Sealed).then_some(&sealed);
        store.add_profile(&profile, sealed).unwrap();
        let minted = mint(Kind::User, world::random().unwrap());
        let key = self.key(&profile);
        store.add_key(&key, minted.public_id, minted.hash).unwrap();

        let environment = Environment::from_pairs(self.environment);
        let prices = PriceTable::embedded();
        let way = Upstream::new(self.roots.as_deref().map(str::as_bytes), self.patience).unwrap();
        let parts = Parts {
            broker: Arc::new(Broker::new(
                Arc::clone(&store),
                prices,
                Arc::new(environment),
                way.clone(),
            )),
            upstream: way,
            instance: InstanceSecret::new(INSTANCE),
            config: self.config,
        };
        let log = Log::default();
        let (tell, address) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let through = (self.pass_through == Wish::On).then(|| base_url(&upstream.base_url()));
        let serving = Serving {
            parts,
            through,
            stopped,
            log: log.clone(),
        };
        let serving = std::thread::spawn(move || serving.run(&tell));
        Stage {
            address: address.recv().unwrap(),
            upstream,
            secret: self.secret,
            own: Canary::oauth("client"),
            key: Canary::made("virtual-key", minted.key.expose_for(Sink::Shown)),
            key_row: key,
            profile,
            store,
            directory,
            answered: Mutex::default(),
            log,
            stop: Some(stop),
            serving: Some(serving),
        }
    }

    fn profile(&self, upstream: &Scripted) -> Profile {
        let url = self
            .elsewhere
            .clone()
            .unwrap_or_else(|| upstream.base_url())
            + self.path;
        let sealed = self.source == Source::Sealed;
        Profile {
            id: ProfileId(id()),
            name: "work".parse().unwrap(),
            source: self.source.clone(),
            base_url: base_url(&url),
            auth: self.auth,
            provenance: self.provenance,
            billing: BillingClass::Gateway,
            family: sealed.then_some(self.family),
            hint: None,
            handing: Handing::Leased,
            simulated: self.simulated,
            expires_at: None,
            created_at: world::now(),
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
            may_spend: Vec::new(),
            models: self.models.iter().map(ToString::to_string).collect(),
            cache_ttl: self.cache_ttl,
            expires_at: None,
            revoked_at: None,
            created_at: world::now(),
            simulated: false,
        }
    }
}

/// A running gateway.
pub(crate) struct Stage {
    pub(crate) address: SocketAddr,
    pub(crate) upstream: Scripted,
    pub(crate) secret: Canary,
    /// A credential of the client's own, of which nothing may be kept.
    pub(crate) own: Canary,
    pub(crate) key: Canary,
    pub(crate) key_row: VirtualKey,
    pub(crate) profile: Profile,
    pub(crate) store: Arc<Store>,
    directory: TempDir,
    answered: Mutex<Vec<u8>>,
    log: Log,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

impl Stage {
    /// A stage without special wishes.
    pub(crate) fn start(script: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Setup::default().start(script)
    }

    /// Writes a request. The virtual key is added unless a credential is among the headers.
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

    /// Sends a request on a connection of its own and reads its answer.
    #[track_caller]
    pub(crate) fn ask(&self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.saw(wire::ask(self.address, &self.request(line, headers, body)))
    }

    /// Posts a message request.
    #[track_caller]
    pub(crate) fn post(&self, body: &[u8]) -> Answer {
        self.ask("POST /v1/messages", &[JSON], body)
    }

    /// Sends bytes as they are and gives back the answers that came until the connection ended or fell silent.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Vec<Answer> {
        let mut exchange = Exchange::open_with(self.address, SHORT);
        exchange.write(bytes);
        let answers = wire::answers(&exchange.drain());
        answers.into_iter().map(|answer| self.saw(answer)).collect()
    }

    /// Opens a connection; what is read from it is to be handed to [`Stage::saw`].
    pub(crate) fn open(&self) -> Exchange {
        Exchange::open(self.address)
    }

    /// Remembers what a client was answered, for the leak scan at the end.
    pub(crate) fn saw(&self, answer: Answer) -> Answer {
        let mut answered = lock(&self.answered);
        answered.extend_from_slice(answer.head.line.as_bytes());
        for (name, value) in &answer.head.headers {
            answered.extend_from_slice(format!("\n{name}: {value}").as_bytes());
        }
        answered.extend_from_slice(&answer.body);
        answered.push(b'\n');
        drop(answered);
        answer
    }

    /// All rows of the ledger, the oldest first, as soon as none is open.
    #[track_caller]
    pub(crate) fn rows(&self) -> Vec<AttemptRow> {
        let mut rows = Vec::new();
        let closed = eventually(|| {
            self.store.flush().unwrap();
            rows = self.store.attempts(10_000).unwrap();
            rows.iter().all(|row| row.ended.is_some())
        });
        assert!(closed, "a row is still open: {rows:#?}");
        rows.reverse();
        rows
    }

    /// The only row of the ledger, as soon as it is there and closed, and how it ended.
    #[track_caller]
    pub(crate) fn row(&self) -> (AttemptRow, Ended) {
        eventually(|| self.store.attempts(1).unwrap().len() == 1);
        let mut rows = self.rows();
        assert_eq!(rows.len(), 1, "{rows:#?}");
        let row = rows.remove(0);
        let ended = row.ended.clone().unwrap();
        (row, ended)
    }

    /// Asserts that nothing went upstream and nothing was written down.
    #[track_caller]
    pub(crate) fn assert_nothing_happened(&self) {
        assert_eq!(self.upstream.bytes(), Vec::<Vec<u8>>::new());
        assert_eq!(self.rows(), []);
    }

    /// What the gateway has logged, without colours.
    pub(crate) fn logged(&self) -> String {
        String::from_utf8_lossy(&self.log.lock()).into_owned()
    }

    /// Whether no profile rests.
    pub(crate) fn all_is_ready(&self) -> bool {
        self.store.known().unwrap().standings.all_ready()
    }

    /// The store as another process opens it.
    pub(crate) fn another_store(&self) -> Store {
        Store::open(&places(&self.directory), Durability::Process).unwrap()
    }

    /// Gives the signal to stop, and does not wait.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _stopped_already = stop.send(());
        }
    }

    /// Waits for the gateway to end.
    pub(crate) fn wait(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.join().unwrap();
        }
    }

    fn scan(&self) {
        let secrets = LeakScan::of([&self.secret, &self.key]);
        let mut hits = secrets.bytes("what clients were answered", &lock(&self.answered));
        let kept = LeakScan::of([&self.secret, &self.key, &self.own]);
        hits.extend(kept.bytes("the log", &self.log.lock()));
        hits.extend(kept.path(self.directory.path()));
        let of_clients = LeakScan::of([&self.key]);
        for sent in self.upstream.bytes() {
            hits.extend(of_clients.bytes("what went upstream", &sent));
        }
        leakscan::assert_none(&hits);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let _failed_already = self.serving.take().map(JoinHandle::join);
            return;
        }
        self.wait();
        self.scan();
    }
}

/// The header of a JSON body.
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// Waits until something holds; false when it does not in time.
pub(crate) fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

fn base_url(url: &str) -> BaseUrl {
    BaseUrl::parse(url, PlainHttp::LoopbackOnly).unwrap()
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

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
