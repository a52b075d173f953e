//! Runs inside the namespace: the combinations, two at a time, and what each came to.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::Result;
use serde_json::{Value, json};

use super::case::Case;
use super::observe::observe;
use super::predict::{differences, predict};
use super::report::{self, Row};
use super::scene::Scene;
use super::upstream::Upstream;
use super::{Amount, documented, programs, random};
use crate::clients::{install, namespace};
use crate::say;
use crate::scratch::Scratch;

/// How many clients run at once.
const AT_ONCE: usize = 2;

/// One combination in so many has its turn where not all are run.
const SHARE: u64 = 3;

/// Runs the combinations, and prints a line for each difference and an outcome for each client.
pub(crate) fn run(root: &Path, amount: Amount) -> Result<ExitCode> {
    namespace::prepare(root)?;
    let seed = random::seed();
    say::line(format_args!("{}={seed}", random::SEED));
    let began = Instant::now();
    let rows = play_all(root, &cases(amount, seed))?;
    report::write(root, seed, &rows)?;
    let differing = rows
        .iter()
        .filter(|row| !row.differences.is_empty())
        .count();
    say::line(format_args!(
        "{} combinations, {differing} differ, {} s",
        rows.len(),
        began.elapsed().as_secs()
    ));
    for program in programs() {
        say::line(report::outcome(program, &rows));
    }
    Ok(ExitCode::SUCCESS)
}

/// The combinations that are run, each once.
fn cases(amount: Amount, seed: u64) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for case in documented::cases().into_iter().chain(random::cases(seed)) {
        if !cases.contains(&case) {
            cases.push(case);
        }
    }
    let its_turn = |number: u64| (number + seed).is_multiple_of(SHARE);
    match amount {
        Amount::Every => cases,
        Amount::Share => (0..)
            .zip(cases)
            .filter(|(number, _)| its_turn(*number))
            .map(|(_, case)| case)
            .collect(),
    }
}

/// Plays the combinations, some at once, and gives what they came to in their order.
fn play_all(root: &Path, cases: &[Case]) -> Result<Vec<Row>> {
    // Outside of the repository, whose own files a client would otherwise find above its project.
    let scratch = Scratch::new(&std::env::temp_dir(), "conformance")?;
    let next = AtomicUsize::new(0);
    let rows: Mutex<Vec<(usize, Row)>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((number, case)) = take(&next, cases) {
                    let row = row(root, &scratch.file(&number.to_string()), case);
                    row.lines().for_each(say::line);
                    rows.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((number, row));
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    rows.sort_by_key(|(number, _)| *number);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn take<'a>(next: &AtomicUsize, cases: &'a [Case]) -> Option<(usize, &'a Case)> {
    let number = next.fetch_add(1, Ordering::SeqCst);
    Some((number, cases.get(number)?))
}

fn row(root: &Path, folder: &Path, case: &Case) -> Row {
    let mut row = Row {
        program: case.program,
        case: case.to_string(),
        differences: Vec::new(),
        skipped: install::program_path(root, case.program).err(),
        record: json!({ "client": case.client() }),
    };
    if row.skipped.is_none()
        && let Err(error) = play(root, folder, case, &mut row)
    {
        row.differences.push(format!("not run: {error:#}"));
    }
    row
}

/// Asks for the prediction, then starts the client.
fn play(root: &Path, folder: &Path, case: &Case, row: &mut Row) -> Result<()> {
    let [upstream, other] = [Upstream::start()?, Upstream::start()?];
    let scene = Scene::set_up(case, folder, &upstream, &other)?;
    row.record["environment"] = json!(scene.environment);
    row.record["arguments"] = json!(scene.arguments);
    row.record["files"] = json!(scene.files);
    let predicted = predict(root, case, &scene);
    if !(upstream.take().is_empty() && other.take().is_empty()) {
        row.differences
            .push("keyreeve status asked the API".to_owned());
    }
    let observed = observe(root, case, &scene, [&upstream, &other])?;
    row.record["observed"] = observed.record(&scene);
    match predicted {
        Ok(predicted) => {
            row.differences
                .extend(differences(&predicted, &observed, &scene.planted));
            row.record["predicted"] = predicted;
        }
        Err(error) => {
            row.record["predicted"] = Value::Null;
            row.differences.push(format!("{error:#}"));
        }
    }
    let _left_for_the_end = fs::remove_dir_all(folder);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Amount;
    use super::cases;

    #[test]
    fn the_shares_of_three_seeds_in_a_row_are_all_there_is_of_the_documented_ones() {
        let documented = super::documented::cases();
        let shares: Vec<_> = (1..4).flat_map(|seed| cases(Amount::Share, seed)).collect();
        assert!(documented.iter().all(|case| shares.contains(case)));
        assert!(cases(Amount::Share, 1).len() >= 150);
    }
}
