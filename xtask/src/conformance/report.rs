//! Tells what the combinations came to: a line for each difference, an outcome for each client, and the whole record in a
//! file.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::clients::Outcome;
use crate::clients::program::Program;
use crate::environment;

/// How many differences of a client are told in its outcome; the record has them all.
const TOLD: usize = 3;

/// Which question a combination answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Table {
    /// Whether `keyreeve status` says what the client sends.
    Status,
    /// Whether `keyreeve exec` makes the intended credential the only one.
    Exec,
}

impl Table {
    pub(super) const ALL: [Self; 2] = [Self::Status, Self::Exec];
}

/// What a combination came to.
pub(super) struct Row {
    pub(super) table: Table,
    pub(super) program: Program,
    pub(super) case: String,
    /// In what the prediction and the observation differ, or why there was none.
    pub(super) differences: Vec<String>,
    /// Why the client could not be run here.
    pub(super) skipped: Option<String>,
    /// All that is known of it.
    pub(super) record: Value,
}

impl Row {
    fn whole(&self) -> Value {
        let mut record = self.record.clone();
        record["case"] = json!(self.case);
        record["differences"] = json!(self.differences);
        record
    }

    /// The lines to print for it.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        self.differences
            .iter()
            .map(|difference| format!("DIFFERS {}: {difference}", self.case))
    }
}

/// The name of a client's outcome.
pub(super) fn name(table: Table, program: Program) -> String {
    match table {
        Table::Status => format!("{program} sends what keyreeve status says"),
        Table::Exec => format!("{program} sends what keyreeve exec means it to"),
    }
}

/// What became of a client: an outcome for the combinations that were run, and one for those that were not.
pub(super) fn outcomes(table: Table, program: Program, rows: &[Row]) -> Vec<Outcome> {
    let of_client = rows
        .iter()
        .filter(|row| (row.table, row.program) == (table, program));
    let (run, skipped): (Vec<&Row>, Vec<&Row>) = of_client.partition(|row| row.skipped.is_none());
    let why = skipped.iter().find_map(|row| row.skipped.clone());
    let skipped = why.map(|why| Outcome::Skipped {
        name: format!("{}, {} combinations", name(table, program), skipped.len()),
        why,
    });
    let run = (!run.is_empty()).then(|| outcome(name(table, program), &run));
    run.into_iter().chain(skipped).collect()
}

fn outcome(name: String, rows: &[&Row]) -> Outcome {
    let of_client = || rows.iter().copied();
    let differing: Vec<&Row> = of_client()
        .filter(|row| !row.differences.is_empty())
        .collect();
    if differing.is_empty() {
        let count = of_client().count();
        return Outcome::Passed {
            name: format!("{name}, {count} combinations"),
        };
    }
    let told: Vec<String> = differing
        .iter()
        .flat_map(|row| row.lines())
        .take(TOLD)
        .collect();
    let (count, all) = (differing.len(), of_client().count());
    Outcome::Failed {
        name,
        why: format!("{count} of {all} combinations differ: {}", told.join("; ")),
    }
}

/// Writes the record: one JSON document a line, and the same in short as text.
pub(super) fn write(root: &Path, seed: u64, rows: &[Row]) -> Result<()> {
    let folder = environment::target(root).join("conformance");
    fs::create_dir_all(&folder).context("make the folder of the record")?;
    let lines: Vec<String> = rows.iter().map(|row| row.whole().to_string()).collect();
    let mut table = vec![format!("seed {seed}")];
    for row in rows {
        let observed = in_short(&row.record["observed"]);
        table.push(format!("{} => {observed}", row.case));
        let differences = row.differences.iter();
        table.extend(differences.map(|difference| format!("    DIFFERS {difference}")));
    }
    fs::write(folder.join("observed.jsonl"), lines.join("\n")).context("write the record")?;
    fs::write(folder.join("table.txt"), table.join("\n")).context("write the table")
}

/// What arrived, on a line.
fn in_short(observed: &Value) -> String {
    let requests = observed["requests"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let mut told: Vec<String> = requests
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
    told.dedup();
    if told.is_empty() {
        let said = observed["said"].as_str().unwrap_or_default();
        let last = said.lines().last().unwrap_or_default();
        return format!("nothing, exit {}: {last}", observed["exit"]);
    }
    told.join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Row, Table, outcomes};
    use crate::clients::Outcome;
    use crate::clients::program::Program;

    const CLIENT: Program = Program::ClaudeCode("2.1.329");

    fn row(differences: &[&str], skipped: Option<&str>) -> Row {
        Row {
            table: Table::Status,
            program: CLIENT,
            case: "a case".to_owned(),
            differences: differences.iter().map(|&text| text.to_owned()).collect(),
            skipped: skipped.map(str::to_owned),
            record: Value::Null,
        }
    }

    #[test]
    fn a_client_passes_only_where_nothing_differs() {
        let passed = outcomes(Table::Status, CLIENT, &[row(&[], None), row(&[], None)]);
        assert!(
            matches!(&passed[..], [Outcome::Passed { name }] if name.ends_with("2 combinations"))
        );
        let failed = outcomes(
            Table::Status,
            CLIENT,
            &[row(&[], None), row(&["a", "b"], None)],
        );
        assert!(matches!(&failed[..], [Outcome::Failed { why, .. }] if why.starts_with("1 of 2 ")));
        let skipped = outcomes(
            Table::Status,
            CLIENT,
            &[row(&[], None), row(&[], Some("no stand-in"))],
        );
        assert!(matches!(
            &skipped[..],
            [Outcome::Passed { .. }, Outcome::Skipped { why, .. }] if why == "no stand-in"
        ));
        assert_eq!(outcomes(Table::Exec, CLIENT, &[row(&[], None)]), []);
    }
}
