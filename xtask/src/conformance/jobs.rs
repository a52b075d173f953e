//! Selects the jobs, runs them inside the namespace, and prints the results.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;

use super::ingredient::Case;
use super::report::{self, CaseResult, CheckKind};
use super::runner::{Job, Runner};
use super::{CaseFilter, documented, exec_case, programs, random};
use crate::{namespace, output};

/// [`CaseFilter::Share`] runs one job in this many.
const SHARE_DIVISOR: u64 = 3;

/// Runs the selected jobs, and prints a line for each difference and an outcome for each client.
pub(crate) fn run(root: &Path, filter: &CaseFilter) -> Result<ExitCode> {
    namespace::prepare(root)?;
    let seed = random::seed();
    output::print_line(format_args!("{}={seed}", random::SEED_VARIABLE));
    let started = Instant::now();
    let results = Runner::new(root)?.run_all(&select_jobs(filter, seed));
    report::write(root, seed, &results)?;
    let differing = results
        .iter()
        .filter(|result| !result.differences.is_empty())
        .count();
    output::print_line(format_args!(
        "{} combinations, {differing} differ, {} s",
        results.len(),
        started.elapsed().as_secs()
    ));
    print_outcomes(&results);
    Ok(ExitCode::SUCCESS)
}

fn print_outcomes(results: &[CaseResult]) {
    for check in CheckKind::ALL {
        for program in programs() {
            report::outcomes(check, program, results)
                .iter()
                .for_each(output::print_line);
        }
    }
}

/// Returns the selected jobs without duplicates.
fn select_jobs(filter: &CaseFilter, seed: u64) -> Vec<Job> {
    let documented = documented::cases();
    let mut random: Vec<Case> = Vec::new();
    for case in random::cases(seed) {
        if !documented.contains(&case) && !random.contains(&case) {
            random.push(case);
        }
    }
    // The number of random jobs varies, so they are last: the share of the other jobs depends on the seed alone.
    let exec = exec_case::cases().into_iter().map(Job::Exec);
    let mut jobs: Vec<Job> = documented
        .into_iter()
        .map(Job::Status)
        .chain(exec)
        .collect();
    jobs.extend(random.into_iter().map(Job::Status));
    match filter {
        CaseFilter::All => {}
        CaseFilter::Share => {
            let mut number = seed % SHARE_DIVISOR;
            jobs.retain(|_| {
                number += 1;
                number.is_multiple_of(SHARE_DIVISOR)
            });
        }
        CaseFilter::Matching(words) => jobs.retain(|job| job.to_string().contains(words)),
    }
    jobs
}

#[cfg(test)]
mod tests {
    use super::super::CaseFilter;
    use super::{Job, documented, exec_case, select_jobs};

    #[test]
    fn three_consecutive_seeds_run_every_fixed_case() {
        let names = |jobs: Vec<Job>| jobs.into_iter().map(|job| job.to_string());
        let shares: Vec<_> = (1..4)
            .flat_map(|seed| names(select_jobs(&CaseFilter::Share, seed)))
            .collect();
        let expected = documented::cases().into_iter().map(Job::Status);
        let expected = expected.chain(exec_case::cases().into_iter().map(Job::Exec));
        assert!(names(expected.collect()).all(|name| shares.contains(&name)));
    }

    #[test]
    fn share_has_at_least_150_predictions() {
        for seed in 0..3 {
            let jobs = select_jobs(&CaseFilter::Share, seed);
            let predictions = jobs.iter().filter(|job| matches!(job, Job::Status(_)));
            assert!(predictions.count() >= 150);
        }
    }
}
