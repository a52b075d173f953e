//! Counts tests from what the runners print.
//!
//! Invariant: a test that said it could not run is taken out of the passed ones, of which its runner counted it.

use std::collections::BTreeSet;
use std::fmt;

use crate::clients::Outcome;

/// How many passed, which failed, and which did not run.
#[derive(Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    failures: Vec<String>,
    skips: BTreeSet<String>,
}

impl Tally {
    /// Reads one line of cargo nextest or of the standard test harness.
    pub(crate) fn read(&mut self, line: &str) {
        let line = line.trim();
        if let Some(summary) = line.strip_prefix("Summary [") {
            self.add_nextest(summary);
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += number_before(result, "passed");
            self.failed += number_before(result, "failed");
        } else if let Some(name) = line.strip_prefix("SKIP [") {
            let name = name.split_once("] ").map_or(name, |(_, name)| name);
            let name = name.split_once(") ").map_or(name, |(_, name)| name);
            self.skip(name.trim(), "marked #[ignore]");
        } else if let Some((name, reason)) = ignored(line) {
            self.skip(name, reason);
        }
    }

    /// Notes a skip, unless the name is that of a process which a test starts and judges: that one is no test.
    fn skip(&mut self, name: &str, reason: &str) {
        let last = name.rsplit("::").next().unwrap_or(name);
        if !last.starts_with("in_child_") {
            self.skips.insert(format!("{name}: {reason}"));
        }
    }

    /// nextest's own "skipped" are the ignored tests, which it names on lines of their own.
    fn add_nextest(&mut self, summary: &str) {
        let failed = ["failed", "timed out", "exec failed"];
        self.passed += number_before(summary, "passed");
        self.failed += failed
            .map(|word| number_before(summary, word))
            .iter()
            .sum::<usize>();
    }

    /// Takes the lines `SKIPPED name: reason` of the tests that found they could not run.
    pub(crate) fn take_skips(&mut self, lines: &str) {
        let skips: BTreeSet<&str> = lines
            .lines()
            .filter_map(|line| line.strip_prefix("SKIPPED "))
            .collect();
        self.passed = self.passed.saturating_sub(skips.len());
        self.skips.extend(skips.into_iter().map(str::to_owned));
    }

    /// Counts a client's scenario.
    pub(crate) fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Passed { .. } => self.passed += 1,
            Outcome::Failed { name, why } => self.fail(&format!("{name}: {why}")),
            Outcome::Skipped { name, why } => {
                self.skips.insert(format!("{name}: {why}"));
            }
        }
    }

    /// Counts a failure that no runner has counted.
    pub(crate) fn fail(&mut self, failure: &str) {
        self.failed += 1;
        self.failures.push(failure.to_owned());
    }

    /// How many failed.
    pub(crate) fn failed(&self) -> usize {
        self.failed
    }

    /// The failures that no runner has printed.
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// What did not run, each with its reason.
    pub(crate) fn skips(&self) -> impl Iterator<Item = &String> {
        self.skips.iter()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed,
            self.failed,
            self.skips.len()
        )
    }
}

/// The number that stands before a word, as in `3 passed`; 0 where it is not there.
fn number_before(text: &str, word: &str) -> usize {
    let pieces = text.split([',', ';', ':', '(', ')', '.']);
    let number = pieces.filter_map(|piece| piece.trim().strip_suffix(word));
    number
        .filter_map(|number| number.trim().parse::<usize>().ok())
        .sum()
}

/// The name and the reason in `test name ... ignored, reason`.
fn ignored(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("test ")?.split_once(" ... ignored")?;
    let reason = rest.strip_prefix(", ").unwrap_or("marked #[ignore]");
    Some((name, reason))
}

#[cfg(test)]
mod tests {
    use super::Tally;
    use crate::clients::Outcome;

    fn read(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        for line in lines {
            tally.read(line);
        }
        tally
    }

    #[test]
    fn nextest_is_read() {
        let tally = read(&[
            "        SKIP [         ] (─────) keyreeve-store::it st_06_power_cut",
            "        SKIP [         ] (─────) keyreeve-os::it files::in_child_make_files",
            "     Summary [   0.244s] 33 tests run: 29 passed (2 slow), 1 failed, 3 timed out, 1 skipped",
        ]);
        assert_eq!(tally.to_string(), "29 passed, 4 failed, 1 skipped");
        assert_eq!(
            tally.skips().collect::<Vec<_>>(),
            ["keyreeve-store::it st_06_power_cut: marked #[ignore]"]
        );
    }

    #[test]
    fn the_standard_harness_is_read() {
        let tally = read(&[
            "test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.24s",
            "test a::b ... ignored, needs a second user",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
        ]);
        assert_eq!(tally.to_string(), "6 passed, 1 failed, 1 skipped");
        assert_eq!(
            tally.skips().collect::<Vec<_>>(),
            ["a::b: needs a second user"]
        );
    }

    #[test]
    fn a_test_that_could_not_run_has_not_passed() {
        let mut tally = read(&["Summary [ 1.0s] 5 tests run: 5 passed, 0 skipped"]);
        tally
            .take_skips("SKIPPED a: no strace\nSKIPPED a: no strace\nSKIPPED b: not root\nnoise\n");
        assert_eq!(tally.to_string(), "3 passed, 0 failed, 2 skipped");
    }

    #[test]
    fn client_scenarios_are_counted() {
        let mut tally = Tally::default();
        let name = || "curl: streamed".to_owned();
        tally.add(Outcome::Passed { name: name() });
        tally.add(Outcome::Failed {
            name: name(),
            why: "no row".to_owned(),
        });
        tally.add(Outcome::Skipped {
            name: name(),
            why: "no curl".to_owned(),
        });
        assert_eq!(tally.to_string(), "1 passed, 1 failed, 1 skipped");
        assert_eq!(tally.failures(), ["curl: streamed: no row"]);
    }
}
