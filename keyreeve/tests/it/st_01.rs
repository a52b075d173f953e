//! ST-01: a gateway that is killed two hundred times under load has a record of every request that left it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use keyreeve_core::secret::Fingerprint;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::random::Random;
use keyreeve_testkit::upstream::{Received, Scripted, Step, reply};
use serde_json::Value;

use crate::case::{Case, ends};
use crate::figures::tell;
use crate::serving::{Serving, message, request, streamed};

const KILLS: usize = 200;

/// A gateway lives at least so long, and at most as long again and [`LONGER`] on top.
const LIFE: Duration = Duration::from_millis(50);
const LONGER: u64 = 150;

/// Each client sends a request, waits for its answer and then for the rest of this: fifty a second, all together.
const PACE: Duration = Duration::from_millis(60);
const CLIENTS: usize = 3;

/// The promise is two seconds on a machine that does nothing else.
const READY_LIMIT: Duration = Duration::from_secs(8);

#[test]
fn st_01_two_hundred_kills() {
    let mut random = Random::seeded();
    let (case, canary) = (Case::new(), Canary::api_key("st01"));
    case.home.plant(&canary);
    let upstream = Scripted::start(answer);
    let key = set_up(&case, &upstream, &canary);
    let (load, begun, mut worst) = (Load::start(key), Instant::now(), Duration::ZERO);
    for _ in 0..KILLS {
        let started = Instant::now();
        let serving = Serving::start(&case);
        worst = worst.max(started.elapsed());
        load.aim_at(Some(serving.address()));
        std::thread::sleep(LIFE + Duration::from_millis(random.below(LONGER)));
        serving.kill();
        load.aim_at(None);
    }
    let took = begun.elapsed();
    let answered = load.end();
    let cut_off = open_attempts(&attempts(&case));
    let _ended = Serving::start(&case).end();
    let ledger = attempts(&case);
    let seen = Ledger::check(&upstream.requests(), &answered, &ledger, &cut_off);
    tell(&format!(
        "{KILLS} kills in {took:.1?}, worst start {worst:.0?}; upstream saw {}, clients were answered {}, \
         the ledger has {} rows, {} of them cut off",
        upstream.requests().len(),
        answered.len(),
        seen.rows,
        seen.unknown
    ));
    assert!(seen.unknown > 0, "no kill hit a request: nothing was tried");
    assert!(answered.len() > KILLS, "the load was no load");
    assert!(worst < READY_LIMIT, "{worst:?}");
    case.store().verify().unwrap();
}

/// Half of the answers are whole, half are streams that last a while.
fn answer(request: &Received) -> Vec<Step> {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    if body["stream"] == true {
        let fixture = keyreeve_testkit::fixtures::bytes("success-stream.sse");
        let pieces = fixture.chunks(fixture.len() / 4 + 1);
        reply::paced(reply::stream(pieces), Duration::from_millis(6))
    } else {
        let body = keyreeve_testkit::fixtures::json("success.json").to_string();
        reply::paced(reply::json(200, &body), Duration::from_millis(10))
    }
}

/// Makes a profile that leads to the upstream, and a key for it.
fn set_up(case: &Case, upstream: &Scripted, canary: &Canary) -> String {
    let origin = upstream.base_url();
    let arguments = ["profile", "add", "work", "--origin", &origin];
    let arguments = [&arguments[..], &["--insecure-loopback", "--stdin"]].concat();
    ends(case.feed(&arguments, canary.value()), 0);
    let made = case.run(&["key", "add", "load", "--profile", "work"]);
    made.expect_code(0).stdout.trim().to_owned()
}

fn attempts(case: &Case) -> Vec<Value> {
    let all = ["attempts", "--json", "--limit", "10000"];
    let mut listed = case.run(&all).expect_code(0).json();
    let Value::Array(rows) = listed["attempts"].take() else {
        unreachable!("attempts is a list");
    };
    assert!(rows.len() < 10_000, "more attempts than can be listed");
    rows
}

/// What each attempt that was cut off had reserved.
fn open_attempts(rows: &[Value]) -> BTreeMap<String, f64> {
    let open = rows.iter().filter(|row| row["ending"] == "open");
    open.map(|row| (text(row, "attempt"), row["cost_usd"].as_f64().unwrap()))
        .collect()
}

fn text(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap().to_owned()
}

/// What the ledger says once the last gateway has ended.
struct Ledger {
    rows: usize,
    unknown: usize,
}

impl Ledger {
    /// Fails the test unless every request that anybody saw stands in it, just once, with an end.
    fn check(
        received: &[Received],
        answered: &BTreeSet<String>,
        rows: &[Value],
        cut_off: &BTreeMap<String, f64>,
    ) -> Self {
        let mut by_body = BTreeMap::new();
        let mut unknown = 0;
        for row in rows {
            let hash = text(row, "request_hash")[..16].to_owned();
            assert!(by_body.insert(hash, row).is_none(), "twice: {row}");
            let ending = text(row, "ending");
            assert!(
                matches!(&*ending, "done" | "incomplete" | "failed" | "unknown"),
                "{row}"
            );
            if ending == "unknown" {
                unknown += 1;
                assert_eq!(row["cost_is_at_most"], true, "{row}");
                assert!(row["cost_usd"].as_f64() > Some(0.0), "{row}");
            }
            if let Some(reserved) = cut_off.get(&text(row, "attempt")) {
                assert_eq!(ending, "unknown", "{row}");
                assert_eq!(row["cost_usd"].as_f64(), Some(*reserved), "{row}");
            }
        }
        let mut seen = BTreeSet::new();
        for request in received {
            let body = std::str::from_utf8(&request.body).unwrap();
            let hash = fingerprint(body);
            assert!(by_body.contains_key(&hash), "no record: {body}");
            assert!(seen.insert(hash), "sent twice: {body}");
        }
        for hash in answered {
            assert!(by_body.contains_key(hash), "answered, no record: {hash}");
        }
        Self {
            rows: rows.len(),
            unknown,
        }
    }
}

/// The beginning of the BLAKE3 hash of a body.
fn fingerprint(body: &str) -> String {
    Fingerprint::of(body).to_string()
}

/// Clients that send requests, each of its own body, to wherever the gateway is now.
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

    fn aim_at(&self, target: Option<SocketAddr>) {
        *self.shared.target.lock().unwrap() = target;
    }

    /// Stops, and gives the fingerprints of the bodies that were answered in full.
    fn end(self) -> BTreeSet<String> {
        self.shared.stop.store(true, Ordering::Release);
        let answered = self
            .clients
            .into_iter()
            .map(|client| client.join().unwrap());
        answered.flatten().collect()
    }
}

impl Shared {
    fn send_until_stopped(&self) -> BTreeSet<String> {
        let mut answered = BTreeSet::new();
        while !self.stop.load(Ordering::Acquire) {
            let begun = Instant::now();
            let target = *self.target.lock().unwrap();
            if let Some(address) = target {
                answered.extend(self.send(address));
                std::thread::sleep(PACE.saturating_sub(begun.elapsed()));
            } else {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        answered
    }

    /// Sends one request and reads what comes. A gateway that dies meanwhile is what this test is about.
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
        let answers = keyreeve_testkit::wire::answers(&bytes);
        let answer = answers.first()?;
        let whole = answer.ended == keyreeve_testkit::wire::Ended::Whole;
        (whole && answer.status() == 200).then(|| fingerprint(&body.to_string()))
    }
}
