//! Runs inside the namespace: the combinations, two at a time, and what each came to.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::Result;
use serde_json::json;

use super::case::Case;
use super::ingredient::Ingredient;
use super::observe::observe;
use super::predict::{differences, predict};
use super::report::{self, Row};
use super::scene::Scene;
use super::upstream::Listeners;
use super::vendor::Vendor;
use super::{Which, documented, programs, random};
use crate::clients::{install, namespace};
use crate::say;
use crate::scratch::Scratch;

/// How many clients run at once.
const AT_ONCE: usize = 2;

/// One combination in so many has its turn where not all are run.
const SHARE: u64 = 3;

/// Runs the combinations, and prints a line for each difference and an outcome for each client.
pub(crate) fn run(root: &Path, which: &Which) -> Result<ExitCode> {
    namespace::prepare(root)?;
    let seed = random::seed();
    say::line(format_args!("{}={seed}", random::SEED));
    let began = Instant::now();
    let rows = Stage::new(root)?.play_all(&cases(which, seed));
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
    programs()
        .into_iter()
        .flat_map(|program| report::outcomes(program, &rows))
        .for_each(say::line);
    Ok(ExitCode::SUCCESS)
}

/// The combinations that are run, each once.
fn cases(which: &Which, seed: u64) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for case in documented::cases().into_iter().chain(random::cases(seed)) {
        if !cases.contains(&case) {
            cases.push(case);
        }
    }
    let its_turn = |number: u64| (number + seed).is_multiple_of(SHARE);
    match which {
        Which::Every => cases,
        Which::Share => (0..)
            .zip(cases)
            .filter(|(number, _)| its_turn(*number))
            .map(|(_, case)| case)
            .collect(),
        Which::Holding(words) => {
            cases.retain(|case| case.to_string().contains(words));
            cases
        }
    }
}

/// Where the combinations are played.
struct Stage<'a> {
    root: &'a Path,
    // Outside of the repository, whose own files a client would otherwise find above its project.
    scratch: Scratch,
    /// The stand-in for the vendor's hosts, or why there is none.
    vendor: Result<Vendor, String>,
}

impl<'a> Stage<'a> {
    fn new(root: &'a Path) -> Result<Self> {
        let scratch = Scratch::new(&std::env::temp_dir(), "conformance")?;
        let vendor = Vendor::start(root, &scratch.folder("vendor")?);
        let vendor = vendor.map_err(|error| format!("no stand-in: {error:#}"));
        Ok(Self {
            root,
            scratch,
            vendor,
        })
    }

    /// Plays the combinations, some at once, and gives what they came to in their order.
    fn play_all(&self, cases: &[Case]) -> Vec<Row> {
        let next = AtomicUsize::new(0);
        let rows: Mutex<Vec<(usize, Row)>> = Mutex::default();
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while let Some((number, case)) = take(&next, cases) {
                        let row = self.row(number, case);
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
        rows.into_iter().map(|(_, row)| row).collect()
    }

    fn row(&self, number: usize, case: &Case) -> Row {
        let mut row = Row {
            program: case.program,
            case: case.to_string(),
            differences: Vec::new(),
            skipped: self.why_not(case),
            record: json!({ "client": case.client() }),
        };
        if row.skipped.is_none()
            && let Err(error) = self.play(number, case, &mut row)
        {
            row.differences.push(format!("not run: {error:#}"));
        }
        for difference in &mut row.differences {
            // One line each: that is how outcomes are read back.
            *difference = difference.replace('\n', " ");
        }
        row
    }

    fn why_not(&self, case: &Case) -> Option<String> {
        let no_client = install::program_path(self.root, case.program).err();
        let needs_vendor = case.ingredients.contains(&Ingredient::VendorAnswers);
        let no_vendor = || self.vendor.as_ref().err().filter(|_| needs_vendor).cloned();
        no_client.or_else(no_vendor)
    }

    /// Asks for the prediction, then starts the client.
    fn play(&self, number: usize, case: &Case, row: &mut Row) -> Result<()> {
        let folder = self.scratch.folder(&number.to_string())?;
        let listeners = Listeners::start()?;
        let scene = Scene::set_up(case, &folder, &listeners, self.vendor.as_ref().ok())?;
        row.record["environment"] = json!(scene.environment);
        row.record["arguments"] = json!(scene.arguments);
        row.record["files"] = json!(scene.files);
        let predicted = predict(self.root, case, &scene);
        if !listeners.take().is_empty() {
            row.differences
                .push("keyreeve status asked the API".to_owned());
        }
        let observed = observe(self.root, case, &scene, &listeners)?;
        row.record["observed"] = observed.record(&scene);
        match predicted {
            Ok(predicted) => {
                row.differences
                    .extend(differences(&predicted, &observed, &scene.planted));
                row.record["predicted"] = predicted;
            }
            Err(error) => row.differences.push(format!("{error:#}")),
        }
        let _left_for_the_end = fs::remove_dir_all(&folder);
        Ok(())
    }
}

fn take<'a>(next: &AtomicUsize, cases: &'a [Case]) -> Option<(usize, &'a Case)> {
    let number = next.fetch_add(1, Ordering::SeqCst);
    Some((number, cases.get(number)?))
}

#[cfg(test)]
mod tests {
    use super::super::Which;
    use super::cases;

    #[test]
    fn the_shares_of_three_seeds_in_a_row_are_all_there_is_of_the_documented_ones() {
        let documented = super::documented::cases();
        let shares: Vec<_> = (1..4).flat_map(|seed| cases(&Which::Share, seed)).collect();
        assert!(documented.iter().all(|case| shares.contains(case)));
        assert!(cases(&Which::Share, 1).len() >= 150);
    }
}
