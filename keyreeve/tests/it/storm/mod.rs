//! A storm: many clients in conversations, five profiles of three organizations whose limits fill up and whose money
//! ends, and one gateway between, as a process of its own.
//!
//! Invariants: bounded in time and in count; seeded; what it is held to is what the simulated API told, and when.
//! `cargo xtask storm` plays it in full against the release build.

mod api;
mod clients;
mod judge;
mod size;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyreeve_core::profile::ProfileId;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::random::Random;
use keyreeve_testkit::upstream::Scripted;

use crate::case::{Case, ends};
use crate::figures::tell;
use crate::serving::{SERVE, Serving};
use api::{Api, MEMBERS, ORGANIZATIONS};
use clients::{Asked, Came, Client};
use judge::{Judged, Seen, unfounded};
use size::Size;

/// How a key chooses among its profiles: half of the clients have a key of the one, half of the other.
const STRATEGIES: [&str; 2] = ["ordered", "spread"];

/// Names the program of a storm in full.
const BINARY: &str = "KEYREEVE_STORM_BINARY";

/// A machine with five profiles, a key for all of them, and the API that they lead to.
struct Stage {
    case: Case,
    binary: String,
    api: Arc<Api>,
    upstream: Scripted,
    /// A key for all profiles, for each strategy.
    keys: Vec<String>,
    profiles: Vec<ProfileId>,
}

impl Stage {
    fn set(size: Size, random: &Random) -> Self {
        let case = Case::new();
        let binary = std::env::var(BINARY);
        let binary = binary.unwrap_or_else(|_| env!("CARGO_BIN_EXE_keyreeve").to_owned());
        let secrets: Vec<Canary> = (0..MEMBERS.len())
            .map(|number| Canary::api_key(&format!("storm-{number}")))
            .collect();
        let api = Arc::new(Api::new(size, secrets.clone(), random.branch(0)));
        let answering = Arc::clone(&api);
        let upstream = Scripted::start(move |request| answering.answer(request));
        let mut stage = Self {
            case,
            binary,
            api,
            upstream,
            keys: Vec::new(),
            profiles: Vec::new(),
        };
        stage.fill(&secrets);
        stage
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.case.home.command(&self.binary);
        command.args(arguments);
        command
    }

    fn fill(&mut self, secrets: &[Canary]) {
        let origin = self.upstream.base_url();
        let names: Vec<String> = (0..secrets.len()).map(|n| format!("profile-{n}")).collect();
        let mut profiles = Vec::new();
        for (name, secret) in names.iter().zip(secrets) {
            self.case.home.plant(secret);
            let add = ["profile", "add", name, "--stdin", "--insecure-loopback"];
            let add = [&add[..], &["--origin", &origin]].concat();
            let mut add = self.command(&add);
            let secret = secret.value().as_bytes();
            ends(self.case.home.run_with_input(&mut add, secret), 0);
            profiles.extend(["--profile", name]);
        }
        for strategy in STRATEGIES {
            let add = ["key", "add", strategy, "--strategy", strategy];
            let mut add = self.command(&[&add[..], &profiles].concat());
            let made = self.case.home.run(&mut add).expect_code(0);
            self.keys.push(made.stdout.trim().to_owned());
        }
        let known = self.case.store().known().unwrap();
        let mut profiles: Vec<_> = known.policy.profiles().iter().collect();
        profiles.sort_by_key(|profile| profile.name.to_string());
        self.profiles = profiles.into_iter().map(|profile| profile.id).collect();
    }

    /// Lets all clients loose, and looks meanwhile at what rests; gives what they got and what rested for nothing.
    fn play(&self, size: Size, random: &Random) -> (Vec<Asked>, Vec<String>) {
        let serving = Serving::of(self.case.home.start(&mut self.command(&SERVE)));
        let (over, address) = (AtomicBool::new(false), serving.address());
        let played = std::thread::scope(|scope| {
            let watching = scope.spawn(|| self.watch(&over));
            let clients: Vec<_> = (0..size.clients())
                .map(|number| Client {
                    name: format!("{}-{number}", STRATEGIES[number % 2]),
                    address,
                    key: &self.keys[number % 2],
                    size,
                    random: random.branch(1 + number as u64),
                })
                .map(|client| scope.spawn(|| client.talk()))
                .collect();
            let asked = clients
                .into_iter()
                .flat_map(|client| client.join().unwrap());
            let asked: Vec<Asked> = asked.collect();
            over.store(true, Ordering::Release);
            (asked, watching.join().unwrap())
        });
        ends(serving.end(), 0);
        played
    }

    fn watch(&self, over: &AtomicBool) -> Vec<String> {
        let (store, mut found) = (self.case.store(), Vec::new());
        while !over.load(Ordering::Acquire) {
            let standings = store.known().unwrap().standings;
            // What was told is read after what rests: it was told before.
            found.extend(unfounded(&standings, &self.api.told(), &self.profiles));
            std::thread::sleep(Duration::from_millis(50));
        }
        found.sort();
        found.dedup();
        found
    }
}

#[test]
fn fault_storm_loses_nothing_doubles_nothing_and_rests_nobody_for_nothing() {
    let size = if std::env::var_os(BINARY).is_some() {
        Size::Full
    } else {
        Size::Short
    };
    let random = Random::seeded();
    let stage = Stage::set(size, &random);
    let (asked, unfounded) = stage.play(size, &random);

    let store = stage.case.store();
    let rows = store.attempts(1_000_000).unwrap();
    let received = stage.upstream.requests();
    let told = stage.api.told();
    let seen = Seen {
        asked: &asked,
        received: &received,
        rows: &rows,
        told: &told,
    };
    let mut judged = Judged::of(&seen);
    judged.wrongly_rested.extend(unfounded);
    print(size, &seen, &judged);
    let in_vain = stage.api.in_vain();
    tell(&format!("met an overload   {}", stage.api.overloads()));
    tell(&format!("asked in vain     {in_vain}"));

    for (name, found) in [
        ("lost", &judged.lost),
        ("double", &judged.double),
        ("wrongly rested", &judged.wrongly_rested),
        ("hung", &judged.hung),
    ] {
        let first = &found[..found.len().min(10)];
        assert!(
            found.is_empty(),
            "{name}: {}, such as {first:#?}",
            found.len()
        );
    }
    // One may have been held up on its way, on a busy machine.
    assert!(in_vain <= size.clients() / 10, "{in_vain} asked in vain");
    assert!(judged.served > size.clients() * 4, "the storm was no storm");
    assert!(
        told.iter().all(|told| !told.is_empty()),
        "a limit was never met"
    );
}

fn print(size: Size, seen: &Seen<'_>, judged: &Judged) {
    tell(&format!(
        "{} clients for {} s before {} profiles of {} organizations",
        size.clients(),
        size.lasts().as_secs(),
        MEMBERS.len(),
        ORGANIZATIONS.len()
    ));
    tell(&format!("requests sent     {}", seen.asked.len()));
    tell(&format!("attempts upstream {}", seen.received.len()));
    tell(&format!("served            {}", judged.served));
    for (came, count) in &judged.refused {
        let (by, status, kind) = match came {
            Came::Passed(status, kind) => ("by the upstream", status, kind),
            Came::Refused(status, kind) => ("by keyreeve", status, kind),
            Came::Served | Came::Nothing(_) => continue,
        };
        tell(&format!("refused {by}: {status} {kind} {count}"));
    }
    tell(&format!("switches          {}", judged.switches));
    for (strategy, (all, kept)) in &judged.conversations {
        let share = 100 * kept / all;
        tell(&format!(
            "conversations     {all} {strategy}, of which {kept} kept their profile ({share} %)"
        ));
    }
    tell(&format!(
        "wrongly rested {}, lost {}, double {}, hung {}",
        judged.wrongly_rested.len(),
        judged.lost.len(),
        judged.double.len(),
        judged.hung.len()
    ));
}
