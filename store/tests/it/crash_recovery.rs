//! Crash recovery: a process killed at any moment loses no committed entry.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyreeve_store::{Durability, Ending, Store};

use crate::fixture::{TestHome, add_profile, at, intent, outcome, record_intent, store_paths};

const HOME: &str = "KEYREEVE_STORE_TEST_HOME";
const FIRST: &str = "KEYREEVE_STORE_TEST_FIRST";

/// ST-01 (the store's part): kills a writing process twelve times, each time after some more acknowledged entries.
#[test]
fn acknowledged_entries_survive_a_kill() {
    let home = TestHome::new();
    let mut recorded = 0;
    for round in 0..12 {
        let (first, acknowledged) = (recorded + 1, killed_after(&home, recorded + 1, round * 7));
        let store = home.open();
        store.verify().unwrap();
        assert!(store.policy().unwrap().profiles().len() >= round);
        store.close_open_intents(at(0)).unwrap();
        let rows = store.ledger_entries(u32::MAX).unwrap();
        let found = rows.len() - recorded;
        assert!(
            found >= acknowledged,
            "round {round}: {found} of {acknowledged} found"
        );
        let ended = rows.iter().all(|row| {
            let ending = row.outcome.as_ref().map(|ended| ended.ending);
            matches!(ending, Some(Ending::Done | Ending::Unknown))
        });
        assert!(ended, "round {round}");
        recorded = first - 1 + found;
    }
}

/// Starts a writing process, reads `lines` acknowledgements and kills it. Returns the total number of acknowledgements.
fn killed_after(home: &TestHome, first: usize, lines: usize) -> usize {
    let mut child = Command::new(Path::new("/proc/self/exe").canonicalize().unwrap())
        .args([
            "--exact",
            "crash_recovery::in_child_write",
            "--ignored",
            "--nocapture",
        ])
        .env(HOME, home.dir())
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = output
        .lines()
        .map_while(Result::ok)
        .filter(|line| line == "committed");
    let read = acknowledged.by_ref().take(lines + 1).count();
    assert_eq!(read, lines + 1, "the process did not write");
    child.kill().unwrap();
    child.wait().unwrap();
    read + acknowledged.count()
}

#[test]
#[ignore = "run by acknowledged_entries_survive_a_kill in a child process"]
fn in_child_write() {
    let Some(home) = std::env::var_os(HOME).map(PathBuf::from) else {
        return;
    };
    let first: u128 = std::env::var(FIRST).unwrap().parse().unwrap();
    let store = Store::open(&store_paths(&home), Durability::Local).unwrap();
    add_profile(&store, first, &format!("p{first}"));
    for number in first..first + 100_000 {
        let open = record_intent(&store, intent(number)).unwrap();
        println!("committed");
        store.record_outcome(open, outcome(number));
    }
}
