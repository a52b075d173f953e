//! The place where the drawn worlds of one command run: the namespace, the scratch directory, the simulated hosts.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;

use super::setup::WorldSetup;
use super::world::DrawnWorld;
use crate::conformance::anthropic_hosts::AnthropicHosts;
use crate::environment::Scratch;
use crate::namespace::{NO_NAMESPACE_REASON, in_namespace};
use crate::output::{self, Outcome};
use crate::programs::{Program, build, client};
use crate::tally::Tally;

/// Maximum number of clients that run at once.
const MAX_PARALLEL: usize = 3;

/// The progress is printed after this many worlds.
const PROGRESS_INTERVAL: usize = 50;

/// The scratch directory and the simulated hosts that all worlds share.
pub(super) struct Lab<'a> {
    pub(super) root: &'a Path,
    scratch: Scratch,
    hosts: AnthropicHosts,
    folders: AtomicUsize,
}

impl<'a> Lab<'a> {
    /// Starts the simulated hosts; `name` is part of the scratch directory's.
    pub(super) fn new(root: &'a Path, name: &str) -> Result<Self> {
        let scratch = Scratch::new(&std::env::temp_dir(), name)?;
        let hosts = AnthropicHosts::start(root, &scratch.folder("anthropic-hosts")?)?;
        Ok(Self {
            root,
            scratch,
            hosts,
            folders: AtomicUsize::new(0),
        })
    }

    /// Sets up a world in a folder of its own, which is removed after `act`.
    pub(super) fn with_world<T>(
        &self,
        world: &DrawnWorld,
        act: impl FnOnce(&WorldSetup) -> Result<T>,
    ) -> Result<T> {
        let number = self.folders.fetch_add(1, Ordering::SeqCst);
        let folder = self.scratch.folder(&number.to_string())?;
        let result = act(&WorldSetup::create(world, &folder, &self.hosts)?)?;
        let _removed_with_scratch = fs::remove_dir_all(&folder);
        Ok(result)
    }
}

/// Calls `act` for each world with its number, for several at once, and prints the progress.
pub(super) fn for_each_world(worlds: &[DrawnWorld], act: impl Fn(usize, &DrawnWorld) + Sync) {
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..MAX_PARALLEL {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some(world) = worlds.get(number) else {
                        return;
                    };
                    act(number, world);
                    let done = done.fetch_add(1, Ordering::SeqCst) + 1;
                    if done.is_multiple_of(PROGRESS_INTERVAL) {
                        let all = worlds.len();
                        output::print_line(format_args!("{done} of {all} worlds"));
                    }
                }
            });
        }
    });
}

/// Installs what is missing, runs a command of xtask inside the namespace and reports its outcome, which has this name.
pub(super) fn run_inside_namespace(
    root: &Path,
    programs: &[Program],
    command: &[&str],
    outcome: &str,
) -> Result<ExitCode> {
    client::install_missing(root, programs)?;
    build(root, &["--quiet"])?;
    let outcomes = in_namespace(root, command)?.unwrap_or_else(|| {
        vec![Outcome::Skipped {
            name: outcome.to_owned(),
            reason: NO_NAMESPACE_REASON.to_owned(),
        }]
    });
    Ok(Tally::of(outcomes).report())
}
