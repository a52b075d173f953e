//! `cargo xtask conformance exec N SEED`: starts Claude Code through `keyreeve exec` in drawn worlds, in each way.
//!
//! Every request on every simulated host is judged: the intended credential to the intended origin, or a refusal that names
//! the place. Anything else is an exception, which is shrunk and printed.
//!
//! Invariants: a seed always gives the same worlds; keyreeve's own files are outside of what a world sets.

mod judge;
mod run;
mod way;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use self::judge::{Exception, ExceptionKind, ExecOutcome, judge};
use self::way::Way;
use super::draw::draw;
use super::grammar::{self, LOGIN};
use super::lab::{Lab, for_each_world, run_inside_namespace};
use super::setup::WorldSetup;
use super::shrink::shrink;
use super::world::DrawnWorld;
use crate::namespace;
use crate::output::{self, Outcome};
use crate::programs::{Program, client};

/// The clients; the first one runs unless another is named.
const CLIENTS: [Program; 3] = [
    Program::ClaudeCode("2.1.332"),
    Program::ClaudeCode("2.1.260"),
    Program::ClaudeCode("2.1.197"),
];

/// Maximum number of exceptions of one way and kind that are shrunk: each takes minutes.
const MAX_SHRUNK: usize = 2;

/// Name of the outcome.
const OUTCOME: &str = "keyreeve exec sends the intended credential or refuses in drawn worlds";

/// Starts clients through keyreeve in drawn worlds; the arguments are `N SEED [--client NAME@VERSION] [--from NUMBER]`.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> Result<ExitCode> {
    let Selection { program, .. } = parse(arguments)?;
    let inside = [&["conformance-exec-inside"], arguments].concat();
    run_inside_namespace(root, &[program], &inside, OUTCOME)
}

/// Runs the worlds inside the namespace, and prints the exceptions, the totals and an outcome.
pub(crate) fn run_inside(root: &Path, arguments: &[&str]) -> Result<ExitCode> {
    let selection = parse(arguments)?;
    namespace::prepare(root)?;
    let started = Instant::now();
    let worlds = selection.draw();
    let totals = ExecTable::new(root)?.run_all(&worlds);
    let mut exceptions = 0;
    for (way, totals) in &totals {
        output::print_line(format_args!(
            "{way:>12}: {} started, {} refused, {} refused by the client, {} sent nothing, {} exceptions {:?}",
            totals.started,
            totals.refused,
            totals.client_refused,
            totals.nothing_sent,
            totals.exceptions.values().sum::<usize>(),
            totals.exceptions,
        ));
        exceptions += totals.exceptions.values().sum::<usize>();
    }
    let text = format!("{} worlds, {exceptions} exceptions", worlds.len());
    output::print_line(format_args!("{text}, {} s", started.elapsed().as_secs()));
    let name = OUTCOME.to_owned();
    output::print_line(if exceptions == 0 {
        Outcome::Passed { name }
    } else {
        Outcome::Failed { name, reason: text }
    });
    Ok(ExitCode::SUCCESS)
}

/// The client, the numbers of its worlds, and the seed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Selection {
    program: Program,
    count: usize,
    seed: u64,
    /// The number of the first world.
    from: u64,
}

impl Selection {
    fn draw(self) -> Vec<DrawnWorld> {
        let numbers = (self.from..).take(self.count);
        numbers
            .map(|number| draw(self.seed, self.program, number))
            .collect()
    }
}

fn parse(arguments: &[&str]) -> Result<Selection> {
    let [count, seed, options @ ..] = arguments else {
        bail!("usage: cargo xtask conformance exec N SEED [--client NAME@VERSION] [--from NUMBER]");
    };
    let mut selection = Selection {
        program: CLIENTS[0],
        count: count.parse().context("N must be a number")?,
        seed: seed.parse().context("SEED must be a number")?,
        from: 0,
    };
    for option in options.chunks(2) {
        match option {
            ["--client", name] => {
                let mut programs = CLIENTS.into_iter();
                let program = programs.find(|program| client::client_name(*program) == *name);
                selection.program = program.with_context(|| format!("no pinned client {name}"))?;
            }
            ["--from", number] => {
                selection.from = number.parse().context("--from needs a number")?;
            }
            _ => bail!("unknown option {}", option.join(" ")),
        }
    }
    Ok(selection)
}

/// The numbers of outcomes of one way.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
struct WayTotals {
    started: usize,
    refused: usize,
    client_refused: usize,
    nothing_sent: usize,
    exceptions: BTreeMap<ExceptionKind, usize>,
}

impl WayTotals {
    fn add(&mut self, judged: &Result<ExecOutcome, Exception>) {
        match judged {
            Ok(ExecOutcome::Started) => self.started += 1,
            Ok(ExecOutcome::Refused) => self.refused += 1,
            Ok(ExecOutcome::ClientRefused) => self.client_refused += 1,
            Ok(ExecOutcome::NothingSent) => self.nothing_sent += 1,
            Err(exception) => *self.exceptions.entry(exception.kind).or_default() += 1,
        }
    }
}

/// Runs worlds in every way.
struct ExecTable<'a> {
    lab: Lab<'a>,
    totals: Mutex<BTreeMap<Way, WayTotals>>,
}

impl<'a> ExecTable<'a> {
    /// Starts the simulated hosts.
    fn new(root: &'a Path) -> Result<Self> {
        Ok(Self {
            lab: Lab::new(root, "drawn-exec")?,
            totals: Mutex::default(),
        })
    }

    /// Runs the worlds, prints the exceptions and returns the totals.
    fn run_all(self, worlds: &[DrawnWorld]) -> BTreeMap<Way, WayTotals> {
        for_each_world(worlds, |_, world| {
            for way in Way::ALL {
                self.run(&in_way(world, way), way);
            }
        });
        let totals = self.totals.into_inner();
        totals.unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a world in one way. An exception counts if it happens twice; the first of its kind are shrunk.
    fn run(&self, world: &DrawnWorld, way: Way) {
        let mut judged = self.check(world, way);
        if judged.is_err() {
            judged = self.check(world, way);
        }
        let count = self.count(way, &judged);
        let Err(mut exception) = judged else {
            return;
        };
        let mut smallest = world.clone();
        if count <= MAX_SHRUNK && exception.kind != ExceptionKind::Failed {
            smallest = shrink(world, |candidate| match self.check(candidate, way) {
                Err(other) if other.kind == exception.kind => {
                    exception = other;
                    true
                }
                Ok(_) | Err(_) => false,
            });
        }
        output::print_line(format_args!(
            "EXCEPTION {way} {:?}: {smallest}\n    {}",
            exception.kind, exception.text
        ));
    }

    /// Counts an outcome, and returns the number of exceptions of its kind so far.
    fn count(&self, way: Way, judged: &Result<ExecOutcome, Exception>) -> usize {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let totals = totals.entry(way).or_default();
        totals.add(judged);
        let kind = judged.as_ref().err().map(|exception| exception.kind);
        kind.and_then(|kind| totals.exceptions.get(&kind).copied())
            .unwrap_or_default()
    }

    fn check(&self, world: &DrawnWorld, way: Way) -> Result<ExecOutcome, Exception> {
        let run = |setup: &WorldSetup| run::run(self.lab.root, world, way, setup);
        let failed =
            |error: anyhow::Error| Exception::new(ExceptionKind::Failed, format!("{error:#}"));
        let (intent, run) = self.lab.with_world(world, run).map_err(failed)?;
        judge(&intent, &run)
    }
}

/// Returns a world for a way: most worlds have no login, so `--native` gets one, the first ingredient to be removed.
fn in_way(world: &DrawnWorld, way: Way) -> DrawnWorld {
    let mut world = world.clone();
    let has_login = world.items.iter().any(|item| item.file() == Some(LOGIN));
    match way {
        Way::Native if !has_login => world.items.insert(0, grammar::LOGIN_ITEMS[0]),
        Way::Native | Way::Profile | Way::Gateway | Way::SetupToken => {}
    }
    world
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_select_the_client() {
        let first = Selection {
            program: CLIENTS[0],
            count: 9,
            seed: 7,
            from: 0,
        };
        assert_eq!(parse(&["9", "7"]).unwrap(), first);
        let older = Selection {
            program: CLIENTS[2],
            from: 3,
            ..first
        };
        let arguments = ["9", "7", "--client", "claude-code@2.1.197", "--from", "3"];
        assert_eq!(parse(&arguments).unwrap(), older);
        assert!(parse(&["9", "7", "--from"]).is_err());
        assert!(parse(&["9", "7", "--client", "anthropic@2.14.0"]).is_err());
        assert!(parse(&["9"]).is_err());
    }

    #[test]
    fn native_worlds_have_a_login() {
        for number in 0..50 {
            let world = draw(1, CLIENTS[0], number);
            let has_login = |world: &DrawnWorld| {
                let mut files = world.items.iter().filter_map(|item| item.file());
                files.any(|file| file == LOGIN)
            };
            assert!(has_login(&in_way(&world, Way::Native)));
            assert_eq!(in_way(&world, Way::Profile), world);
        }
    }

    #[test]
    fn outcomes_are_counted_by_kind() {
        let mut totals = WayTotals::default();
        let exception = || Err(Exception::new(ExceptionKind::NotSent, "exit 1"));
        for judged in [Ok(ExecOutcome::Started), exception(), exception()] {
            totals.add(&judged);
        }
        assert_eq!((totals.started, totals.refused), (1, 0));
        assert_eq!(totals.exceptions[&ExceptionKind::NotSent], 2);
    }
}
