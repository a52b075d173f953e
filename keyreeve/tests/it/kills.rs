//! ST-01: a gateway killed many times under load has a ledger entry for every request that left it.
//!
//! `cargo xtask long kills` runs it with 1,000 kills against the release build.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use keyreeve_core::secret::Fingerprint;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::random::SeededRandom;
use keyreeve_testkit::upstream::{ReceivedRequest, Scripted, Step, responses};
use serde_json::Value;

use crate::case::{Case, assert_exit};
use crate::figures::print_figure;
use crate::serving::{SERVE, Serving, message, request, streamed};

/// Number of kills without [`KILLS_VARIABLE`].
const DEFAULT_KILLS: usize = 200;

/// Variable with the number of kills, which `cargo xtask long kills` sets.
const KILLS_VARIABLE: &str = "KEYREEVE_KILLS";

/// Variable with the path of another build of the program.
const BINARY_VARIABLE: &str = "KEYREEVE_KILLS_BINARY";

/// One kill in this many hits a gateway that is still starting, and replays the journal of the one before.
const STARTUP_KILL_INTERVAL: usize = 5;

/// Maximum lifetime of a gateway that is killed while it starts.
const MAX_STARTUP_LIFETIME_MICROS: u64 = 40_000;

/// Minimum lifetime of a gateway; up to [`MAX_EXTRA_LIFETIME_MS`] are added at random.
const MIN_LIFETIME: Duration = Duration::from_millis(50);
const MAX_EXTRA_LIFETIME_MS: u64 = 150;

/// Interval of each client's requests: 50 per second in total.
const REQUEST_INTERVAL: Duration = Duration::from_millis(60);
const CLIENTS: usize = 3;

/// Exit code of a killed process, as in shells.
const KILLED: i32 = 137;

/// Time limit for a start; the promise is 2 s on an idle machine.
const READY_TIMEOUT: Duration = Duration::from_secs(8);

/// ST-01: after kills at random instants under load and during startup, every request that left the gateway has exactly
/// one ledger entry, and every entry an outcome.
#[test]
fn kills_at_random_instants_lose_no_record() {
    let kills = number_of_kills();
    let mut random = SeededRandom::seeded();
    let (case, canary) = (Case::new(), Canary::api_key("st01"));
    case.home.plant(&canary);
    let upstream = Scripted::start(respond);
    let key = set_up(&case, &upstream, &canary);
    let (load, load_started, mut worst) = (Load::start(key), Instant::now(), Duration::ZERO);
    let mut startup_kills = StartupKills::default();
    for number in 0..kills {
        if number % STARTUP_KILL_INTERVAL == STARTUP_KILL_INTERVAL - 1 {
            startup_kills.kill_one(&case, &mut random);
            continue;
        }
        let started = Instant::now();
        let serving = Serving::new(case.home.start(&mut serve(&case)));
        worst = worst.max(started.elapsed());
        load.set_target(Some(serving.address()));
        std::thread::sleep(
            MIN_LIFETIME + Duration::from_millis(random.below(MAX_EXTRA_LIFETIME_MS)),
        );
        serving.kill();
        load.set_target(None);
    }
    let took = load_started.elapsed();
    let completed_hashes = load.end();
    let cut_off = open_attempts(&attempts(&case));
    let _ended = Serving::start(&case).end();
    let ledger = attempts(&case);
    let seen = LedgerCheck::check(&upstream.requests(), &completed_hashes, &ledger, &cut_off);
    print_figure(&format!(
        "{kills} kills in {took:.1?}, {} of them during startup ({} before it was ready), worst start {worst:.0?}; \
         upstream saw {}, clients got {} responses, the ledger has {} entries, {} of them cut off: 0 lost, 0 double",
        startup_kills.total,
        startup_kills.before_ready,
        upstream.requests().len(),
        completed_hashes.len(),
        seen.entries,
        seen.unknown
    ));
    assert!(seen.unknown > 0, "no kill hit a request: nothing was tried");
    assert!(
        startup_kills.before_ready > 0,
        "every gateway was ready before its kill"
    );
    assert!(completed_hashes.len() > kills, "the load was no load");
    assert!(worst < READY_TIMEOUT, "{worst:?}");
    case.store().verify().unwrap();
}

#[expect(
    clippy::disallowed_methods,
    reason = "xtask passes the number of kills and the program to this test"
)]
fn given(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

fn number_of_kills() -> usize {
    given(KILLS_VARIABLE).map_or(DEFAULT_KILLS, |given| given.parse().unwrap())
}

/// Returns the command of a gateway.
fn serve(case: &Case) -> Command {
    let own = env!("CARGO_BIN_EXE_keyreeve").to_owned();
    let mut command = case.home.command(given(BINARY_VARIABLE).unwrap_or(own));
    command.args(SERVE);
    command
}

/// The kills of gateways that were starting.
#[derive(Default)]
struct StartupKills {
    total: usize,
    /// Number of gateways that had not reported to be ready.
    before_ready: usize,
}

impl StartupKills {
    /// Starts a gateway on the journal of the one before, and kills it at a random instant of its startup.
    fn kill_one(&mut self, case: &Case, random: &mut SeededRandom) {
        let mut starting = case.home.spawn(&mut serve(case));
        std::thread::sleep(Duration::from_micros(
            random.below(MAX_STARTUP_LIFETIME_MICROS),
        ));
        starting.kill();
        let output = starting.wait(READY_TIMEOUT);
        assert_eq!(output.code, KILLED, "{}", output.stderr);
        self.total += 1;
        self.before_ready += usize::from(output.stdout.is_empty());
    }
}

/// Replies with plain responses and slow streams, half each.
fn respond(request: &ReceivedRequest) -> Vec<Step> {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    if body["stream"] == true {
        let fixture = keyreeve_testkit::fixtures::bytes("success-stream.sse");
        let pieces = fixture.chunks(fixture.len() / 4 + 1);
        responses::paced(responses::stream(pieces), Duration::from_millis(6))
    } else {
        let body = keyreeve_testkit::fixtures::json("success.json").to_string();
        responses::paced(responses::json(200, &body), Duration::from_millis(10))
    }
}

/// Adds a profile for the upstream, and a key for it.
pub(crate) fn set_up(case: &Case, upstream: &Scripted, canary: &Canary) -> String {
    let origin = upstream.base_url();
    let arguments = ["profile", "add", "work", "--origin", &origin];
    let arguments = [&arguments[..], &["--insecure-loopback", "--stdin"]].concat();
    assert_exit(case.feed(&arguments, canary.value()), 0);
    let added = case.run(&["key", "add", "load", "--profile", "work"]);
    added.expect_code(0).stdout.trim().to_owned()
}

pub(crate) fn attempts(case: &Case) -> Vec<Value> {
    let all = ["requests", "--attempts", "--json", "--limit", "10000"];
    let mut listed = case.run(&all).expect_code(0).json();
    let Value::Array(entries) = listed["attempts"].take() else {
        unreachable!("attempts is a list");
    };
    assert!(entries.len() < 10_000, "more attempts than can be listed");
    entries
}

/// Returns the reserved cost of each open attempt.
fn open_attempts(entries: &[Value]) -> BTreeMap<String, f64> {
    let open = entries.iter().filter(|entry| entry["ending"] == "open");
    open.map(|entry| (text(entry, "attempt"), entry["cost_usd"].as_f64().unwrap()))
        .collect()
}

fn text(entry: &Value, field: &str) -> String {
    entry[field].as_str().unwrap().to_owned()
}

/// The ledger after the last gateway has ended.
pub(crate) struct LedgerCheck {
    pub(crate) entries: usize,
    pub(crate) unknown: usize,
}

impl LedgerCheck {
    /// Fails the test unless every request has exactly one entry, with an outcome.
    pub(crate) fn check(
        received: &[ReceivedRequest],
        completed_hashes: &BTreeSet<String>,
        entries: &[Value],
        cut_off: &BTreeMap<String, f64>,
    ) -> Self {
        let mut by_body = BTreeMap::new();
        let mut unknown = 0;
        for entry in entries {
            let hash = text(entry, "request_hash")[..16].to_owned();
            assert!(by_body.insert(hash, entry).is_none(), "twice: {entry}");
            let ending = text(entry, "ending");
            assert!(
                matches!(&*ending, "done" | "incomplete" | "failed" | "unknown"),
                "{entry}"
            );
            if ending == "unknown" {
                unknown += 1;
                assert_eq!(entry["cost_is_at_most"], true, "{entry}");
                assert!(entry["cost_usd"].as_f64() > Some(0.0), "{entry}");
            }
            if let Some(reserved) = cut_off.get(&text(entry, "attempt")) {
                assert_eq!(ending, "unknown", "{entry}");
                assert_eq!(entry["cost_usd"].as_f64(), Some(*reserved), "{entry}");
            }
        }
        let mut seen = BTreeSet::new();
        for request in received {
            let body = std::str::from_utf8(&request.body).unwrap();
            let hash = fingerprint(body);
            assert!(by_body.contains_key(&hash), "no record: {body}");
            assert!(seen.insert(hash), "sent twice: {body}");
        }
        for (hash, entry) in &by_body {
            let has_response = !entry["status"].is_null();
            assert!(!has_response || seen.contains(hash), "never sent: {entry}");
        }
        for hash in completed_hashes {
            assert!(
                by_body.contains_key(hash),
                "response without a record: {hash}"
            );
        }
        Self {
            entries: entries.len(),
            unknown,
        }
    }
}

/// Returns the start of a body's BLAKE3 hash.
pub(crate) fn fingerprint(body: &str) -> String {
    Fingerprint::of(body).to_string()
}

/// Clients that send requests, each with a different body, to the current gateway.
struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<BTreeSet<String>>>,
}

struct Shared {
    key: String,
    target: Mutex<Option<SocketAddr>>,
    stop: AtomicBool,
    next: AtomicUsize,
}

impl Load {
    fn start(key: String) -> Self {
        let shared = Arc::new(Shared {
            key,
            target: Mutex::new(None),
            stop: AtomicBool::new(false),
            next: AtomicUsize::new(0),
        });
        let client = |_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.send_until_stopped())
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { shared, clients }
    }

    fn set_target(&self, target: Option<SocketAddr>) {
        *self.shared.target.lock().unwrap() = target;
    }

    /// Stops the clients, and returns the fingerprints of the bodies with a complete response.
    fn end(self) -> BTreeSet<String> {
        self.shared.stop.store(true, Ordering::Release);
        let completed_hashes = self
            .clients
            .into_iter()
            .map(|client| client.join().unwrap());
        completed_hashes.flatten().collect()
    }
}

impl Shared {
    fn send_until_stopped(&self) -> BTreeSet<String> {
        let mut completed_hashes = BTreeSet::new();
        while !self.stop.load(Ordering::Acquire) {
            let sent = Instant::now();
            let target = *self.target.lock().unwrap();
            if let Some(address) = target {
                completed_hashes.extend(self.send(address));
                std::thread::sleep(REQUEST_INTERVAL.saturating_sub(sent.elapsed()));
            } else {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        completed_hashes
    }

    /// Sends one request and reads the response; the gateway may be killed meanwhile.
    fn send(&self, address: SocketAddr) -> Option<String> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let marker = format!("request {number:06}");
        let body = if number.is_multiple_of(2) {
            message(&marker)
        } else {
            streamed(&marker)
        };
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        stream.write_all(&request(address, &self.key, &body)).ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let responses = keyreeve_testkit::wire::split_responses(&bytes);
        let response = responses.first()?;
        let is_complete = response.end == keyreeve_testkit::wire::ResponseEnd::Complete;
        (is_complete && response.status() == 200).then(|| fingerprint(&body.to_string()))
    }
}
