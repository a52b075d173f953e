//! A storm: many clients in conversations, five profiles of three organizations whose limits fill up and whose money runs out,
//! and one gateway in between, in its own process.
//!
//! Invariants: bounded in time and count; seeded; the gateway is judged by what the simulated API sent, and when.
//! `cargo xtask long storm` runs it in full size against the release build.

mod api;
mod clients;
mod report;
mod size;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyreeve_core::profile::ProfileId;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::random::SeededRandom;
use keyreeve_testkit::upstream::Scripted;

use crate::case::{Case, assert_exit};
use crate::figures::print_figure;
use crate::serving::{SERVE, Serving};
use api::{ORGANIZATION_OF_PROFILE, ORGANIZATIONS, StormApi};
use clients::{ClientOutcome, RequestRecord, StormClient};
use report::{StormData, StormReport, find_unexplained_cooldowns};
use size::Size;

/// Strategies of the keys; half of the clients use each.
const STRATEGIES: [&str; 2] = ["ordered", "spread"];

/// Variable with the program to test in full size.
const BINARY: &str = "KEYREEVE_STORM_BINARY";

/// A machine with five profiles, keys for all of them, and their API.
struct StormSetup {
    case: Case,
    binary: String,
    api: Arc<StormApi>,
    upstream: Scripted,
    /// A key for all profiles, per strategy.
    keys: Vec<String>,
    profiles: Vec<ProfileId>,
}

impl StormSetup {
    fn new(size: Size, random: &SeededRandom) -> Self {
        let case = Case::new();
        let binary = std::env::var(BINARY);
        let binary = binary.unwrap_or_else(|_| env!("CARGO_BIN_EXE_keyreeve").to_owned());
        let secrets: Vec<Canary> = (0..ORGANIZATION_OF_PROFILE.len())
            .map(|number| Canary::api_key(&format!("storm-{number}")))
            .collect();
        let api = Arc::new(StormApi::new(size, secrets.clone(), random.branch(0)));
        let api_replies = Arc::clone(&api);
        let upstream = Scripted::start(move |request| api_replies.reply(request));
        let mut setup = Self {
            case,
            binary,
            api,
            upstream,
            keys: Vec::new(),
            profiles: Vec::new(),
        };
        setup.add_profiles_and_keys(&secrets);
        setup
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.case.home.command(&self.binary);
        command.args(arguments);
        command
    }

    fn add_profiles_and_keys(&mut self, secrets: &[Canary]) {
        let origin = self.upstream.base_url();
        let names: Vec<String> = (0..secrets.len()).map(|n| format!("profile-{n}")).collect();
        let mut profiles = Vec::new();
        for (name, secret) in names.iter().zip(secrets) {
            self.case.home.plant(secret);
            let add = ["profile", "add", name, "--stdin", "--insecure-loopback"];
            let add = [&add[..], &["--origin", &origin]].concat();
            let mut add = self.command(&add);
            let secret = secret.value().as_bytes();
            assert_exit(self.case.home.run_with_input(&mut add, secret), 0);
            profiles.extend(["--profile", name]);
        }
        for strategy in STRATEGIES {
            let add = ["key", "add", strategy, "--strategy", strategy];
            let mut add = self.command(&[&add[..], &profiles].concat());
            let added = self.case.home.run(&mut add).expect_code(0);
            self.keys.push(added.stdout.trim().to_owned());
        }
        let snapshot = self.case.store().lease_snapshot().unwrap();
        let mut profiles: Vec<_> = snapshot.policy.profiles().iter().collect();
        profiles.sort_by_key(|profile| profile.name.to_string());
        self.profiles = profiles.into_iter().map(|profile| profile.id).collect();
    }

    /// Runs all clients while watching the cooldowns; returns the clients' records and the unexplained cooldowns.
    fn run(&self, size: Size, random: &SeededRandom) -> (Vec<RequestRecord>, Vec<String>) {
        let serving = Serving::new(self.case.home.start(&mut self.command(&SERVE)));
        let (finished, address) = (AtomicBool::new(false), serving.address());
        let results = std::thread::scope(|scope| {
            let watching = scope.spawn(|| self.watch(&finished));
            let clients: Vec<_> = (0..size.clients())
                .map(|number| StormClient {
                    name: format!("{}-{number}", STRATEGIES[number % 2]),
                    address,
                    key: &self.keys[number % 2],
                    size,
                    random: random.branch(1 + number as u64),
                })
                .map(|client| scope.spawn(|| client.run()))
                .collect();
            let records = clients
                .into_iter()
                .flat_map(|client| client.join().unwrap());
            let records: Vec<RequestRecord> = records.collect();
            finished.store(true, Ordering::Release);
            (records, watching.join().unwrap())
        });
        assert_exit(serving.end(), 0);
        results
    }

    fn watch(&self, finished: &AtomicBool) -> Vec<String> {
        let (store, mut found) = (self.case.store(), Vec::new());
        while !finished.load(Ordering::Acquire) {
            let health_states = store.lease_snapshot().unwrap().health;
            // Read the instructions after the cooldowns, because they precede them.
            found.extend(find_unexplained_cooldowns(
                &health_states,
                &self.api.wait_instructions(),
                &self.profiles,
            ));
            std::thread::sleep(Duration::from_millis(50));
        }
        found.sort();
        found.dedup();
        found
    }
}

#[test]
fn storm_loses_nothing_and_starts_no_false_cooldown() {
    let size = if std::env::var_os(BINARY).is_some() {
        Size::Full
    } else {
        Size::Short
    };
    let random = SeededRandom::seeded();
    let setup = StormSetup::new(size, &random);
    let (records, unexplained) = setup.run(size, &random);

    let store = setup.case.store();
    let entries = store.ledger_entries(1_000_000).unwrap();
    let received = setup.upstream.requests();
    let wait_instructions = setup.api.wait_instructions();
    let data = StormData {
        requests: &records,
        received: &received,
        entries: &entries,
        wait_instructions: &wait_instructions,
    };
    let mut report = StormReport::from_data(&data);
    report.false_cooldowns.extend(unexplained);
    print(size, &data, &report);
    let wasted = setup.api.wasted();
    print_figure(&format!("overload errors   {}", setup.api.overloads()));
    print_figure(&format!("wasted requests   {wasted}"));

    for (name, found) in [
        ("lost", &report.lost),
        ("duplicates", &report.duplicates),
        ("false cooldowns", &report.false_cooldowns),
        ("hung", &report.hung),
    ] {
        let first = &found[..found.len().min(10)];
        assert!(
            found.is_empty(),
            "{name}: {}, such as {first:#?}",
            found.len()
        );
    }
    // On a busy machine, a request may be delayed in flight.
    assert!(wasted <= size.clients() / 10, "{wasted} wasted requests");
    assert!(
        report.served > size.clients() * 4,
        "too few requests were served"
    );
    assert!(
        wait_instructions.iter().all(|sent| !sent.is_empty()),
        "a limit was never reached"
    );
}

fn print(size: Size, data: &StormData<'_>, report: &StormReport) {
    print_figure(&format!(
        "{} clients for {} s before {} profiles of {} organizations",
        size.clients(),
        size.duration().as_secs(),
        ORGANIZATION_OF_PROFILE.len(),
        ORGANIZATIONS.len()
    ));
    print_figure(&format!("requests sent     {}", data.requests.len()));
    print_figure(&format!("attempts upstream {}", data.received.len()));
    print_figure(&format!("served            {}", report.served));
    for (outcome, count) in &report.errors {
        let (by, status, kind) = match outcome {
            ClientOutcome::Forwarded(status, kind) => ("by the upstream", status, kind),
            ClientOutcome::Refused(status, kind) => ("by keyreeve", status, kind),
            ClientOutcome::Served | ClientOutcome::Hung(_) => continue,
        };
        print_figure(&format!("error {by}: {status} {kind} {count}"));
    }
    print_figure(&format!("failovers         {}", report.failovers));
    for (strategy, (all, unbroken)) in &report.conversations {
        let share = 100 * unbroken / all;
        print_figure(&format!(
            "conversations     {all} {strategy}, {unbroken} of them with one profile ({share} %)"
        ));
    }
    print_figure(&format!(
        "false cooldowns {}, lost {}, duplicates {}, hung {}",
        report.false_cooldowns.len(),
        report.lost.len(),
        report.duplicates.len(),
        report.hung.len()
    ));
}
