//! Results of the combinations: a line for each difference, an outcome for each client, and the complete record in a
//! file.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::environment;
use crate::output::Outcome;
use crate::programs::Program;

/// Maximum number of differences in a client's outcome; the record has all of them.
const MAX_LISTED_DIFFERENCES: usize = 3;

/// The property of keyreeve that a combination checks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CheckKind {
    /// `keyreeve status` predicts the client's request.
    Status,
    /// `keyreeve exec` makes the intended credential the only one.
    Exec,
}

impl CheckKind {
    pub(super) const ALL: [Self; 2] = [Self::Status, Self::Exec];
}

/// Result of one combination.
pub(super) struct CaseResult {
    pub(super) check: CheckKind,
    pub(super) program: Program,
    pub(super) name: String,
    /// Differences between the prediction and the received requests, or the error of the run.
    pub(super) differences: Vec<String>,
    /// Reason the client could not run on this machine.
    pub(super) skipped: Option<String>,
    /// The complete record.
    pub(super) record: Value,
}

impl CaseResult {
    fn to_json(&self) -> Value {
        let mut record = self.record.clone();
        record["case"] = json!(self.name);
        record["differences"] = json!(self.differences);
        record
    }

    /// Returns the lines to print.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.differences
            .iter()
            .map(|difference| format!("DIFFERS {}: {difference}", self.name))
    }
}

/// Returns the name of a client's outcome.
pub(super) fn outcome_name(check: CheckKind, program: Program) -> String {
    match check {
        CheckKind::Status => format!("{program} sends what keyreeve status predicts"),
        CheckKind::Exec => {
            format!("{program} sends only the intended credential with keyreeve exec")
        }
    }
}

/// Returns a client's outcomes: one for the combinations that ran, and one for those that were skipped.
pub(super) fn outcomes(check: CheckKind, program: Program, results: &[CaseResult]) -> Vec<Outcome> {
    let of_client = results
        .iter()
        .filter(|result| (result.check, result.program) == (check, program));
    let (run, skipped): (Vec<&CaseResult>, Vec<&CaseResult>) =
        of_client.partition(|result| result.skipped.is_none());
    let reason = skipped.iter().find_map(|result| result.skipped.clone());
    let skipped = reason.map(|reason| Outcome::Skipped {
        name: format!(
            "{}, {} combinations",
            outcome_name(check, program),
            skipped.len()
        ),
        reason,
    });
    let run = (!run.is_empty()).then(|| outcome(outcome_name(check, program), &run));
    run.into_iter().chain(skipped).collect()
}

fn outcome(name: String, results: &[&CaseResult]) -> Outcome {
    let of_client = || results.iter().copied();
    let differing: Vec<&CaseResult> = of_client()
        .filter(|result| !result.differences.is_empty())
        .collect();
    if differing.is_empty() {
        let count = of_client().count();
        return Outcome::Passed {
            name: format!("{name}, {count} combinations"),
        };
    }
    let listed: Vec<String> = differing
        .iter()
        .flat_map(|result| result.lines())
        .take(MAX_LISTED_DIFFERENCES)
        .collect();
    let (count, all) = (differing.len(), of_client().count());
    Outcome::Failed {
        name,
        reason: format!(
            "{count} of {all} combinations differ: {}",
            listed.join("; ")
        ),
    }
}

/// Writes the record as JSON lines, and a summary as text.
pub(super) fn write(root: &Path, seed: u64, results: &[CaseResult]) -> Result<()> {
    let folder = environment::target_dir(root).join("conformance");
    fs::create_dir_all(&folder).context("cannot create the directory of the record")?;
    let lines: Vec<String> = results
        .iter()
        .map(|result| result.to_json().to_string())
        .collect();
    let mut table = vec![format!("seed {seed}")];
    for result in results {
        let observed = summarize(&result.record["observed"]);
        table.push(format!("{} => {observed}", result.name));
        let differences = result.differences.iter();
        table.extend(differences.map(|difference| format!("    DIFFERS {difference}")));
    }
    fs::write(folder.join("observed.jsonl"), lines.join("\n"))
        .context("cannot write the record")?;
    fs::write(folder.join("table.txt"), table.join("\n")).context("cannot write the table")
}

/// Summarizes the received requests on one line.
fn summarize(observed: &Value) -> String {
    let requests = observed["requests"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let mut lines: Vec<String> = requests
        .iter()
        .map(|request| {
            let beta = if request["oauth_beta"] == true {
                ", oauth beta"
            } else {
                ""
            };
            format!(
                "{}: x-api-key {}, authorization {}{beta}",
                request["to"].as_str().unwrap_or_default(),
                request["x_api_key"],
                request["authorization"]
            )
        })
        .collect();
    lines.dedup();
    if lines.is_empty() {
        let output = observed["output"].as_str().unwrap_or_default();
        let last = output.lines().last().unwrap_or_default();
        return format!("nothing, exit {}: {last}", observed["exit"]);
    }
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{CaseResult, CheckKind, outcomes};
    use crate::output::Outcome;
    use crate::programs::Program;

    const CLIENT: Program = Program::ClaudeCode("2.1.329");

    fn result(differences: &[&str], skipped: Option<&str>) -> CaseResult {
        CaseResult {
            check: CheckKind::Status,
            program: CLIENT,
            name: "a case".to_owned(),
            differences: differences.iter().map(|&text| text.to_owned()).collect(),
            skipped: skipped.map(str::to_owned),
            record: Value::Null,
        }
    }

    #[test]
    fn client_passes_only_without_differences() {
        let passed = outcomes(
            CheckKind::Status,
            CLIENT,
            &[result(&[], None), result(&[], None)],
        );
        assert!(
            matches!(&passed[..], [Outcome::Passed { name }] if name.ends_with("2 combinations"))
        );
        let failed = outcomes(
            CheckKind::Status,
            CLIENT,
            &[result(&[], None), result(&["a", "b"], None)],
        );
        assert!(
            matches!(&failed[..], [Outcome::Failed { reason, .. }] if reason.starts_with("1 of 2 "))
        );
        let skipped = outcomes(
            CheckKind::Status,
            CLIENT,
            &[result(&[], None), result(&[], Some("no openssl"))],
        );
        assert!(matches!(
            &skipped[..],
            [Outcome::Passed { .. }, Outcome::Skipped { reason, .. }] if reason == "no openssl"
        ));
        assert_eq!(outcomes(CheckKind::Exec, CLIENT, &[result(&[], None)]), []);
    }
}
