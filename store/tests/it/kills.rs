//! ST-01, the store's half: a process killed at any moment loses nothing it was told is committed.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyreeve_store::{Durability, Ending, Store};

use crate::bed::{Bed, at, begin, intent, outcome, places, profile, secret};

const HOME: &str = "KEYREEVE_STORE_TEST_HOME";
const FIRST: &str = "KEYREEVE_STORE_TEST_FIRST";

/// Kills a writing process twelve times, each time after some more acknowledged rows.
#[test]
fn st_01_what_was_acknowledged_survives_a_kill() {
    let bed = Bed::new();
    let mut begun = 0;
    for round in 0..12 {
        let (first, acknowledged) = (begun + 1, killed_after(&bed, begun + 1, round * 7));
        let store = bed.open();
        store.verify().unwrap();
        assert!(store.policy().unwrap().profiles().len() >= round);
        store.close_open_intents(at(0)).unwrap();
        let rows = store.attempts(u32::MAX).unwrap();
        let found = rows.len() - begun;
        assert!(
            found >= acknowledged,
            "round {round}: {found} of {acknowledged} found"
        );
        let ended = rows.iter().all(|row| {
            let ending = row.ended.as_ref().map(|ended| ended.ending);
            matches!(ending, Some(Ending::Done | Ending::Unknown))
        });
        assert!(ended, "round {round}");
        begun = first - 1 + found;
    }
}

/// Starts a process that writes, reads `lines` acknowledgements and kills it. Returns how many it gave in all.
fn killed_after(bed: &Bed, first: usize, lines: usize) -> usize {
    let mut child = Command::new(Path::new("/proc/self/exe").canonicalize().unwrap())
        .args([
            "--exact",
            "kills::in_child_write",
            "--ignored",
            "--nocapture",
        ])
        .env(HOME, bed.home())
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
#[ignore = "run by st_01 in a process of its own"]
fn in_child_write() {
    let Some(home) = std::env::var_os(HOME).map(PathBuf::from) else {
        return;
    };
    let first: u128 = std::env::var(FIRST).unwrap().parse().unwrap();
    let store = Store::open(&places(&home), Durability::Process).unwrap();
    store
        .add_profile(&profile(first, &format!("p{first}")), Some(&secret("x")))
        .unwrap();
    for number in first..first + 100_000 {
        begin(&store, intent(number)).unwrap();
        println!("committed");
        store.finish(outcome(number));
    }
}
