//! A process killed at any moment loses no acknowledged entry.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyreeve_os::files::{CreateDir, SafeDir};

use super::super::adopt::try_adopt;
use super::super::write::Journal;
use super::example::{ID, Place, intent, numbers, outcome};

const HOME: &str = "KEYREEVE_JOURNAL_TEST_HOME";
/// Number of entries that the child opens, then closes, then folds.
const ROUND: u32 = 60;

/// Kills a writing process twenty times, each time after some more acknowledged entries.
#[test]
fn acknowledged_journal_entries_survive_a_kill() {
    for round in 0..20 {
        let place = Place::new();
        let (opened, closed) = killed_after(place.dir.path(), 20 + round * 37);
        let adopted = try_adopt(&place.dir, &place.name()).unwrap().unwrap();
        let contents = adopted.contents().unwrap();
        assert_eq!(contents.damaged, 0, "round {round}");
        let (open_now, closed_now) = numbers(&contents);
        // The child folds a round of entries after the last outcome, then uses its slots for the next round.
        let is_reused = |number: u32| {
            let mut found = open_now.iter().chain(&closed_now);
            found.any(|other| other / ROUND > number / ROUND)
        };
        for number in 0..opened {
            let is_there = open_now.contains(&number) || closed_now.contains(&number);
            assert!(
                is_there || is_reused(number),
                "round {round}: {number} is lost"
            );
        }
        for number in 0..closed {
            let is_closed = closed_now.contains(&number);
            assert!(
                is_closed || is_reused(number),
                "round {round}: {number} is open"
            );
        }
    }
}

/// Starts a writing process, reads `lines` acknowledgements and kills it. Returns the numbers of acknowledged intents
/// and of acknowledged outcomes.
fn killed_after(home: &Path, lines: usize) -> (u32, u32) {
    let mut child = Command::new(Path::new("/proc/self/exe").canonicalize().unwrap())
        .args(["--exact", "journal::tests::kill::in_child_write_journal"])
        .args(["--ignored", "--nocapture"])
        .env(HOME, home)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = output.lines().map_while(Result::ok);
    let mut counts = (0, 0);
    let mut count = |line: String| match line.as_str() {
        "opened" => counts.0 += 1,
        "closed" => counts.1 += 1,
        _ => {}
    };
    let read = acknowledged.by_ref().take(lines).map(&mut count).count();
    assert_eq!(read, lines, "the process did not write");
    child.kill().unwrap();
    child.wait().unwrap();
    acknowledged.for_each(count);
    counts
}

#[test]
#[ignore = "run by acknowledged_journal_entries_survive_a_kill in a child process"]
#[expect(
    clippy::disallowed_methods,
    reason = "the parent process passes the directory"
)]
fn in_child_write_journal() {
    let Some(home) = std::env::var_os(HOME).map(PathBuf::from) else {
        return;
    };
    let dir = SafeDir::open(&home, CreateDir::Never).unwrap();
    let journal = Journal::create(&dir, ID).unwrap();
    let mut output = std::io::stdout();
    for round in 0..10_000 {
        let numbers = round * ROUND..(round + 1) * ROUND;
        let mut slots = Vec::new();
        for number in numbers.clone() {
            slots.push(journal.open_entry(intent(number)).unwrap());
            writeln!(output, "opened").unwrap();
        }
        for (slot, number) in slots.into_iter().zip(numbers) {
            journal.close_entry(slot, outcome(number));
            writeln!(output, "closed").unwrap();
        }
        journal.folded(journal.take_closed(usize::MAX));
    }
}
