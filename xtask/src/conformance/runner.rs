//! Runs combinations, several at once, each with its own listeners and directory.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Result;
use serde_json::json;

use super::anthropic_hosts::AnthropicHosts;
use super::case_setup::CaseSetup;
use super::exec;
use super::exec_case::ExecCase;
use super::ingredient::{Case, Ingredient};
use super::observe::observe;
use super::predict::{differences, predict};
use super::report::{CaseResult, CheckKind};
use crate::environment::Scratch;
use crate::output;
use crate::programs::client;

/// Maximum number of clients that run at once.
const MAX_PARALLEL: usize = 2;

/// A job: a client that starts directly, or through `keyreeve exec`.
#[derive(Clone, Debug)]
pub(super) enum Job {
    Status(Case),
    Exec(ExecCase),
}

impl Job {
    fn case(&self) -> Case {
        match self {
            Self::Status(case) => case.clone(),
            Self::Exec(case) => case.case(),
        }
    }

    fn check(&self) -> CheckKind {
        match self {
            Self::Status(_) => CheckKind::Status,
            Self::Exec(_) => CheckKind::Exec,
        }
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(case) => case.fmt(f),
            Self::Exec(case) => case.fmt(f),
        }
    }
}

/// Runs jobs with a shared scratch directory and TLS proxy.
pub(super) struct Runner<'a> {
    root: &'a Path,
    // Outside the repository, whose files a client would find in the parent directories of its project.
    scratch: Scratch,
    /// The simulated Anthropic hosts, or the reason they are not available.
    anthropic_hosts: Result<AnthropicHosts, String>,
}

impl<'a> Runner<'a> {
    /// Starts the simulated Anthropic hosts.
    pub(super) fn new(root: &'a Path) -> Result<Self> {
        let scratch = Scratch::new(&std::env::temp_dir(), "conformance")?;
        let hosts = AnthropicHosts::start(root, &scratch.folder("anthropic-hosts")?);
        let anthropic_hosts =
            hosts.map_err(|error| format!("no simulated Anthropic hosts: {error:#}"));
        Ok(Self {
            root,
            scratch,
            anthropic_hosts,
        })
    }

    /// Runs the jobs, several at once, and returns their results in the same order.
    pub(super) fn run_all(&self, jobs: &[Job]) -> Vec<CaseResult> {
        let next = AtomicUsize::new(0);
        let results: Mutex<Vec<(usize, CaseResult)>> = Mutex::default();
        thread::scope(|scope| {
            for _ in 0..MAX_PARALLEL {
                scope.spawn(|| {
                    while let Some((number, job)) = next_job(&next, jobs) {
                        let result = self.run_with_retry(number, job);
                        result.lines().for_each(output::print_line);
                        results
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push((number, result));
                    }
                });
            }
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(number, _)| *number);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// Runs a job, and once more if it has differences: on a busy machine an older client does not wait for its helper.
    fn run_with_retry(&self, number: usize, job: &Job) -> CaseResult {
        let result = self.run(number, job);
        if result.differences.is_empty() {
            return result;
        }
        let mut second = self.run(number, job);
        second.record["first_differences"] = json!(result.differences);
        second
    }

    fn run(&self, number: usize, job: &Job) -> CaseResult {
        let case = job.case();
        let mut result = CaseResult {
            check: job.check(),
            program: case.program,
            name: job.to_string(),
            differences: Vec::new(),
            skipped: self.skip_reason(&case),
            record: json!({ "client": case.client() }),
        };
        if result.skipped.is_none()
            && let Err(error) = self.run_job(number, job, &mut result)
        {
            result
                .differences
                .push(format!("the run failed: {error:#}"));
        }
        for difference in &mut result.differences {
            // Outcomes are parsed line by line.
            *difference = difference.replace('\n', " ");
        }
        result
    }

    fn skip_reason(&self, case: &Case) -> Option<String> {
        let no_client = client::program_path(self.root, case.program).err();
        let needs_hosts = case.ingredients.contains(&Ingredient::NoBaseUrl);
        let no_hosts = || {
            let error = self.anthropic_hosts.as_ref().err();
            error.filter(|_| needs_hosts).cloned()
        };
        no_client.or_else(no_hosts)
    }

    /// Sets up the combination, runs it and removes its files.
    fn run_job(&self, number: usize, job: &Job, result: &mut CaseResult) -> Result<()> {
        let folder = self.scratch.folder(&number.to_string())?;
        let hosts = self.anthropic_hosts.as_ref().ok();
        let setup = CaseSetup::create(&job.case(), &folder, hosts)?;
        result.record["environment"] = json!(setup.environment);
        result.record["arguments"] = json!(setup.arguments);
        result.record["files"] = json!(setup.files);
        match job {
            Job::Status(case) => self.run_status(case, &setup, result),
            Job::Exec(case) => self.run_exec(case, &setup, result),
        }?;
        let _removed_with_scratch = fs::remove_dir_all(&folder);
        Ok(())
    }

    /// Gets the prediction, then runs the client.
    fn run_status(&self, case: &Case, setup: &CaseSetup, result: &mut CaseResult) -> Result<()> {
        let predicted = predict(self.root, case, setup);
        if !setup.listeners.take().is_empty() {
            result
                .differences
                .push("keyreeve status sent a request".to_owned());
        }
        let observed = observe(self.root, case, setup)?;
        result.record["observed"] = observed.record(setup);
        match predicted {
            Ok(predicted) => {
                result
                    .differences
                    .extend(differences(&predicted, &observed, &setup.planted));
                result.record["predicted"] = predicted;
            }
            Err(error) => result.differences.push(format!("{error:#}")),
        }
        Ok(())
    }

    /// Runs the client through `keyreeve exec`.
    fn run_exec(&self, case: &ExecCase, setup: &CaseSetup, result: &mut CaseResult) -> Result<()> {
        let observed = exec::run(self.root, case, setup)?;
        result.record["observed"] = observed.record(setup);
        let expected = case.expected(&setup.listeners.upstream.url());
        result.differences = exec::differences(&expected, &observed, &setup.planted);
        Ok(())
    }
}

fn next_job<'a>(next: &AtomicUsize, jobs: &'a [Job]) -> Option<(usize, &'a Job)> {
    let number = next.fetch_add(1, Ordering::SeqCst);
    Some((number, jobs.get(number)?))
}
