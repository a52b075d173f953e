//! Counts of passed, failed and skipped tests, from the output of the test runners.
//!
//! Invariant: a test that skipped itself is not counted as passed, although its runner reports it so.

use std::collections::BTreeSet;
use std::fmt;
use std::process::ExitCode;

use crate::output::{self, Outcome};

/// Counts of passed, failed and skipped tests.
#[derive(Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    failures: Vec<String>,
    skips: BTreeSet<String>,
}

impl Tally {
    /// Counts the tests in one line of output from cargo nextest or the standard test harness.
    pub(crate) fn read_line(&mut self, line: &str) {
        // nextest aligns its own lines to the right, and indents what a failed test printed: the harness's result is there.
        let aligned = line.trim_start();
        if let Some(summary) = aligned.strip_prefix("Summary [") {
            self.add_nextest(summary);
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += number_before(result, "passed");
            self.failed += number_before(result, "failed");
        } else if let Some(name) = aligned.strip_prefix("SKIP [") {
            let name = name.split_once("] ").map_or(name, |(_, name)| name);
            let name = name.split_once(") ").map_or(name, |(_, name)| name);
            self.add_skip(name.trim(), "marked #[ignore]");
        } else if let Some((name, reason)) = ignored(line) {
            self.add_skip(name, reason);
        }
    }

    /// Records a skipped test. An ignored function `in_child_…` is a process that a test starts, not a test.
    fn add_skip(&mut self, name: &str, reason: &str) {
        let last = name.rsplit([':', ' ']).next().unwrap_or(name);
        if !last.starts_with("in_child_") {
            self.skips.insert(format!("{name}: {reason}"));
        }
    }

    /// Counts a summary of nextest. Its "skipped" tests are the ignored ones, which it lists on separate lines.
    fn add_nextest(&mut self, summary: &str) {
        self.passed += number_before(summary, "passed");
        for word in ["failed", "timed out", "exec failed"] {
            self.failed += number_before(summary, word);
        }
    }

    /// Counts the lines `SKIPPED name: reason` of tests that skipped themselves.
    pub(crate) fn add_skips(&mut self, lines: &str) {
        let skips: BTreeSet<&str> = lines
            .lines()
            .filter_map(|line| line.strip_prefix("SKIPPED "))
            .collect();
        self.passed = self.passed.saturating_sub(skips.len());
        self.skips.extend(skips.into_iter().map(str::to_owned));
    }

    /// Counts the outcomes of client scenarios.
    pub(crate) fn of(outcomes: Vec<Outcome>) -> Self {
        let mut tally = Self::default();
        for outcome in outcomes {
            tally.add(outcome);
        }
        tally
    }

    /// Counts the outcome of a client scenario.
    pub(crate) fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Passed { .. } => self.passed += 1,
            Outcome::Failed { name, reason } => self.add_failure(&format!("{name}: {reason}")),
            Outcome::Skipped { name, reason } => {
                self.skips.insert(format!("{name}: {reason}"));
            }
        }
    }

    /// Counts a failure that no runner has reported.
    pub(crate) fn add_failure(&mut self, failure: &str) {
        self.failed += 1;
        self.failures.push(failure.to_owned());
    }

    /// Returns the number of failed tests.
    pub(crate) fn failed(&self) -> usize {
        self.failed
    }

    /// Prints failures, skipped tests and, as the last line, the counts; the exit code is a failure if a test failed.
    pub(crate) fn report(&self) -> ExitCode {
        for failure in &self.failures {
            output::print_line(format_args!("FAILED {failure}"));
        }
        for skip in &self.skips {
            output::print_line(format_args!("SKIPPED {skip}"));
        }
        output::print_line(self);
        output::exit_code(self.failed == 0)
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

/// Returns the number before a word, as in `3 passed`, or 0 if there is none.
fn number_before(text: &str, word: &str) -> usize {
    let parts = text.split([',', ';', ':', '(', ')', '.']);
    let numbers = parts.filter_map(|part| part.trim().strip_suffix(word));
    numbers
        .filter_map(|number| number.trim().parse::<usize>().ok())
        .sum()
}

/// Parses the name and the reason in `test name ... ignored, reason`.
fn ignored(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("test ")?.split_once(" ... ignored")?;
    let reason = rest.strip_prefix(", ").unwrap_or("marked #[ignore]");
    Some((name, reason))
}

#[cfg(test)]
mod tests {
    use super::Tally;
    use crate::output::Outcome;

    fn tally(lines: &[&str]) -> Tally {
        let mut tally = Tally::default();
        for line in lines {
            tally.read_line(line);
        }
        tally
    }

    #[test]
    fn nextest_output_is_counted() {
        let tally = tally(&[
            "        SKIP [         ] (─────) keyreeve-store::it power_cut",
            "        SKIP [         ] (─────) keyreeve-os::it files::in_child_make_files",
            "        SKIP [         ] (─────) keyreeve-os in_child_make_files",
            "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 28 filtered out",
            "     Summary [   0.244s] 33 tests run: 29 passed (2 slow), 1 failed, 3 timed out, 1 skipped",
        ]);
        assert_eq!(tally.to_string(), "29 passed, 4 failed, 1 skipped");
        assert_eq!(
            Vec::from_iter(tally.skips),
            ["keyreeve-store::it power_cut: marked #[ignore]"]
        );
    }

    #[test]
    fn standard_harness_output_is_counted() {
        let tally = tally(&[
            "test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.24s",
            "test a::b ... ignored, needs a second user",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
        ]);
        assert_eq!(tally.to_string(), "6 passed, 1 failed, 1 skipped");
        assert_eq!(Vec::from_iter(tally.skips), ["a::b: needs a second user"]);
    }

    #[test]
    fn skipped_test_is_not_counted_as_passed() {
        let mut tally = tally(&["Summary [ 1.0s] 5 tests run: 5 passed, 0 skipped"]);
        tally.add_skips("SKIPPED a: no strace\nSKIPPED a: no strace\nSKIPPED b: not root\nnoise\n");
        assert_eq!(tally.to_string(), "3 passed, 0 failed, 2 skipped");
    }

    #[test]
    fn client_scenarios_are_counted() {
        let mut tally = Tally::default();
        let name = || "curl gets a message".to_owned();
        tally.add(Outcome::Passed { name: name() });
        tally.add(Outcome::Failed {
            name: name(),
            reason: "no attempt".to_owned(),
        });
        tally.add(Outcome::Skipped {
            name: name(),
            reason: "no curl".to_owned(),
        });
        assert_eq!(tally.to_string(), "1 passed, 1 failed, 1 skipped");
        assert_eq!(tally.failures, ["curl gets a message: no attempt"]);
    }
}
