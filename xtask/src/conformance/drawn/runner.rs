//! Runs drawn worlds inside the namespace, several at once, and shrinks those that differ.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, anyhow};
use serde_json::Value;

use super::compare::{Difference, DifferenceKind, differences};
use super::lab::{Lab, for_each_world};
use super::shrink::shrink;
use super::world::DrawnWorld;
use super::{record, run};
use crate::output;
use crate::programs::client;

/// A world that differs, shrunk.
pub(super) struct DifferingWorld {
    pub(super) world: DrawnWorld,
    pub(super) differences: Vec<Difference>,
    /// The run, for the recorded runs.
    pub(super) record: Value,
}

/// One run of a world.
struct Checked {
    differences: Vec<Difference>,
    record: Value,
}

/// Runs worlds and compares what arrives with the prediction.
pub(super) struct WorldRunner<'a>(Lab<'a>);

impl<'a> WorldRunner<'a> {
    /// Starts the simulated hosts.
    pub(super) fn new(root: &'a Path) -> Result<Self> {
        Ok(Self(Lab::new(root, "drawn")?))
    }

    /// Runs the worlds, prints each that differs, and returns these in the same order.
    pub(super) fn run_all(&self, worlds: &[DrawnWorld]) -> Vec<DifferingWorld> {
        let found: Mutex<BTreeMap<usize, DifferingWorld>> = Mutex::default();
        for_each_world(worlds, |number, world| {
            if let Some(differing) = self.run(world) {
                print_world(number, &differing);
                found
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(number, differing);
            }
        });
        found
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .into_values()
            .collect()
    }

    /// Runs a world and, if it differs twice, shrinks it. On a busy machine a client may not wait for its helper.
    fn run(&self, world: &DrawnWorld) -> Option<DifferingWorld> {
        let first = self.check(world).differences;
        let kind = first.first()?.kind;
        let confirmed = self.check(world).differences;
        let kind = confirmed
            .iter()
            .map(|difference| difference.kind)
            .find(|other| *other == kind)?;
        let mut last = None;
        let smallest = shrink(world, |candidate| {
            let checked = self.check(candidate);
            let differs = checked
                .differences
                .iter()
                .any(|difference| difference.kind == kind);
            if differs {
                last = Some(checked);
            }
            differs
        });
        let Checked {
            differences,
            record,
        } = last.unwrap_or_else(|| self.check(&smallest));
        Some(DifferingWorld {
            world: smallest,
            differences,
            record,
        })
    }

    fn check(&self, world: &DrawnWorld) -> Checked {
        self.try_check(world).unwrap_or_else(|error| Checked {
            differences: vec![Difference {
                kind: DifferenceKind::Failed,
                text: format!("{error:#}").replace('\n', " "),
            }],
            record: Value::Null,
        })
    }

    fn try_check(&self, world: &DrawnWorld) -> Result<Checked> {
        let root = self.0.root;
        client::program_path(root, world.program).map_err(|reason| anyhow!(reason))?;
        self.0.with_world(world, |setup| {
            // The client runs even if the prediction fails, so that the run can be recorded.
            let predicted = run::predict(root, world.program, setup);
            let observed = run::observe(root, world.program, setup)?;
            Ok(Checked {
                record: record::record(world, setup, &observed),
                differences: match predicted {
                    Ok(predicted) => differences(&predicted, &observed, &setup.planted),
                    Err(error) => vec![Difference {
                        kind: DifferenceKind::Failed,
                        text: format!("{error:#}").replace('\n', " "),
                    }],
                },
            })
        })
    }
}

fn print_world(number: usize, differing: &DifferingWorld) {
    output::print_line(format_args!("DIFFERS {number}: {}", differing.world));
    for difference in &differing.differences {
        output::print_line(format_args!(
            "    {:?}: {}",
            difference.kind, difference.text
        ));
    }
}
