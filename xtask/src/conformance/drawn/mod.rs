//! `cargo xtask conformance drawn N SEED`: worlds drawn from a grammar of places, values, JSON types, releases and launch
//! forms, instead of from the steps that the resolver knows.
//!
//! Each world is set up in the network namespace; `keyreeve status` predicts the request, the real client runs, and the
//! received headers are compared. A world that differs is shrunk and printed.
//!
//! Invariants: a seed always gives the same worlds; a client's environment contains nothing but the world; every token is
//! made up, and everything stays on loopback.

pub(crate) mod accounts;
mod compare;
mod draw;
pub(crate) mod exec;
mod git_files;
mod grammar;
mod lab;
mod names;
mod oddities;
mod planted;
mod proportions;
mod record;
mod run;
mod runner;
mod setup;
mod shrink;
mod values;
mod world;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use self::draw::draw;
use self::lab::run_inside_namespace;
use self::runner::{DifferingWorld, WorldRunner};
use self::world::DrawnWorld;
use crate::namespace;
use crate::output::{self, Outcome};
use crate::programs::{Program, client};

/// The clients, each with its number of worlds for 1,000 of the newest Claude Code.
const CLIENTS: [(Program, usize); 10] = [
    (Program::ClaudeCode("2.1.332"), 1000),
    (Program::ClaudeCode("2.1.260"), 200),
    (Program::ClaudeCode("2.1.197"), 200),
    (Program::Python("2.14.0"), 75),
    (Program::Python("2.11.0"), 25),
    (Program::Python("1.17.0"), 50),
    (Program::Python("0.125.0"), 25),
    (Program::Typescript("1.14.0"), 75),
    (Program::Typescript("1.11.0"), 25),
    (Program::Typescript("0.122.0"), 25),
];
/// A client that runs only if it is named.
const ONLY_NAMED: Program = Program::ClaudeCode("2.1.329");

/// Name of the outcome.
const OUTCOME: &str = "clients send what keyreeve status predicts in drawn worlds";

/// The number of worlds of each client, and the seed.
#[derive(Clone, Debug)]
struct Selection {
    worlds: Vec<(Program, usize)>,
    seed: u64,
    /// The number of each client's first world.
    from: u64,
    records: bool,
}

/// Draws worlds and runs them; the arguments are `N SEED [--client NAME@VERSION] [--from NUMBER] [--record]`.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<ExitCode> {
    let selection = parse(arguments)?;
    let programs: Vec<Program> = selection
        .worlds
        .iter()
        .map(|(program, _)| *program)
        .collect();
    let inside = [&["conformance-drawn-inside"], arguments].concat();
    run_inside_namespace(root, &programs, &inside, OUTCOME)
}

/// Runs the worlds inside the namespace, and prints the differences and an outcome.
pub(crate) fn run_inside(root: &Path, arguments: &[&str]) -> Result<ExitCode> {
    let selection = parse(arguments)?;
    namespace::prepare(root)?;
    let started = Instant::now();
    let worlds = selection.draw();
    let differing = WorldRunner::new(root)?.run_all(&worlds);
    if selection.records {
        let records: Vec<Value> = differing
            .iter()
            .map(|differing| differing.record.clone())
            .filter(|record| !record.is_null())
            .collect();
        record::append(root, &records)?;
    }
    print_kinds(&differing);
    let totals = format!("{} worlds, {} differences", worlds.len(), differing.len());
    output::print_line(format_args!("{totals}, {} s", started.elapsed().as_secs()));
    let outcome = if differing.is_empty() {
        Outcome::Passed {
            name: OUTCOME.to_owned(),
        }
    } else {
        Outcome::Failed {
            name: OUTCOME.to_owned(),
            reason: totals,
        }
    };
    output::print_line(outcome);
    Ok(ExitCode::SUCCESS)
}

/// Prints how many worlds have each kind of difference.
fn print_kinds(differing: &[DifferingWorld]) {
    let mut kinds: Vec<_> = differing
        .iter()
        .filter_map(|differing| differing.differences.first())
        .map(|difference| difference.kind)
        .collect();
    kinds.sort_unstable();
    for group in kinds.chunk_by(|one, other| one == other) {
        output::print_line(format_args!("{:>6} {:?}", group.len(), group[0]));
    }
}

fn parse(arguments: &[&str]) -> Result<Selection> {
    let [count, seed, options @ ..] = arguments else {
        bail!(
            "usage: cargo xtask conformance drawn N SEED [--client NAME@VERSION] [--from NUMBER] [--record]"
        );
    };
    let count: usize = count.parse().context("N must be a number")?;
    let seed = seed.parse().context("SEED must be a number")?;
    let newest = CLIENTS[0].1;
    let mut selection = Selection {
        worlds: CLIENTS
            .map(|(program, share)| (program, (count * share).div_ceil(newest)))
            .to_vec(),
        seed,
        from: 0,
        records: false,
    };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--record" => selection.records = true,
            "--from" => {
                let number = options.next().context("--from needs a number")?;
                selection.from = number.parse().context("--from needs a number")?;
            }
            "--client" => {
                let name = options.next().context("--client needs NAME@VERSION")?;
                let mut programs = CLIENTS
                    .iter()
                    .map(|(program, _)| *program)
                    .chain([ONLY_NAMED]);
                let program = programs.find(|program| client::client_name(*program) == *name);
                selection.worlds = vec![(
                    program.with_context(|| format!("no pinned client {name}"))?,
                    count,
                )];
            }
            option => bail!("unknown option {option}"),
        }
    }
    Ok(selection)
}

impl Selection {
    fn draw(&self) -> Vec<DrawnWorld> {
        let worlds = self.worlds.iter().flat_map(|(program, count)| {
            (self.from..)
                .take(*count)
                .map(|number| draw(self.seed, *program, number))
        });
        worlds.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn thousand_worlds_have_the_documented_shares() {
        let counts = |arguments: &[&str]| {
            let selection = parse(arguments).expect("valid arguments");
            let counts: Vec<usize> = selection.worlds.iter().map(|(_, count)| *count).collect();
            assert_eq!(selection.draw().len(), counts.iter().sum::<usize>());
            counts
        };
        let all = counts(&["1000", "7"]);
        assert_eq!(
            (&all[..3], all[3..].iter().sum()),
            (&[1000, 200, 200][..], 300)
        );
        assert_eq!(counts(&["9", "7", "--client", "claude-code@2.1.329"]), [9]);
        assert!(parse(&["9", "7", "--client", "claude-code@1.0.0"]).is_err());
        let worlds = |arguments: &[&str]| parse(arguments).expect("valid arguments").draw();
        let client = ["--client", "claude-code@2.1.329"];
        let rest = worlds(&[&["4", "7"], &client[..], &["--from", "5"]].concat());
        assert_eq!(rest, worlds(&[&["9", "7"], &client[..]].concat())[5..]);
    }
}
