//! Runs inside the namespace: the combinations, two at a time, and what each came to.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use super::case::Case;
use super::report::{self, Row, Table};
use super::stage::{Play, Stage};
use super::{Which, documented, exec_case, programs, random};
use crate::clients::namespace;
use crate::say;

/// One combination in so many has its turn where not all are run.
const SHARE: u64 = 3;

/// Runs the combinations, and prints a line for each difference and an outcome for each client.
pub(crate) fn run(root: &Path, which: &Which) -> Result<ExitCode> {
    namespace::prepare(root)?;
    let seed = random::seed();
    say::line(format_args!("{}={seed}", random::SEED));
    let began = Instant::now();
    let rows = Stage::new(root)?.play_all(&plays(which, seed));
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
    outcomes(&rows);
    Ok(ExitCode::SUCCESS)
}

fn outcomes(rows: &[Row]) {
    for table in Table::ALL {
        for program in programs() {
            report::outcomes(table, program, rows)
                .iter()
                .for_each(say::line);
        }
    }
}

/// What is played, each once.
fn plays(which: &Which, seed: u64) -> Vec<Play> {
    let documented = documented::cases();
    let mut drawn: Vec<Case> = Vec::new();
    for case in random::cases(seed) {
        if !documented.contains(&case) && !drawn.contains(&case) {
            drawn.push(case);
        }
    }
    // The drawn ones, which may be more or fewer, come last: so the others have their turn by the seed alone.
    let exec = exec_case::cases().into_iter().map(Play::Exec);
    let mut plays: Vec<Play> = documented
        .into_iter()
        .map(Play::Status)
        .chain(exec)
        .collect();
    plays.extend(drawn.into_iter().map(Play::Status));
    match which {
        Which::Every => {}
        Which::Share => {
            let mut number = seed % SHARE;
            plays.retain(|_| {
                number += 1;
                number.is_multiple_of(SHARE)
            });
        }
        Which::Holding(words) => plays.retain(|play| play.to_string().contains(words)),
    }
    plays
}

#[cfg(test)]
mod tests {
    use super::super::Which;
    use super::{Play, documented, exec_case, plays};

    #[test]
    fn three_seeds_in_a_row_play_all_that_is_documented() {
        let named = |plays: Vec<Play>| plays.into_iter().map(|play| play.to_string());
        let shares: Vec<_> = (1..4)
            .flat_map(|seed| named(plays(&Which::Share, seed)))
            .collect();
        let wanted = documented::cases().into_iter().map(Play::Status);
        let wanted = wanted.chain(exec_case::cases().into_iter().map(Play::Exec));
        assert!(named(wanted.collect()).all(|name| shares.contains(&name)));
    }

    #[test]
    fn a_share_holds_at_least_a_hundred_and_fifty_predictions() {
        for seed in 0..3 {
            let plays = plays(&Which::Share, seed);
            let predictions = plays.iter().filter(|play| matches!(play, Play::Status(_)));
            assert!(predictions.count() >= 150);
        }
    }
}
