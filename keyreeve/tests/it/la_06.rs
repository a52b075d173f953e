//! LA-06: no secret stands among the arguments or in the environment of a process, and one that was put among our
//! arguments is refused and called burnt.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::leakscan::{self, LeakScan};
use keyreeve_testkit::skip;

use crate::case::{Case, ends};
use crate::day::{Day, Planted};
use crate::strace::Strace;

#[test]
fn la_06_no_secret_is_passed_to_a_program() {
    let strace = match Strace::of("execve,execveat") {
        Ok(strace) => strace,
        Err(why) => skip!("{why}"),
    };
    let case = Case::new();
    let planted = Planted::new("la06-calls");
    let (others, variable) = set_apart(&planted);
    let start = |arguments: &[&str]| strace.command(&case, arguments);
    let seen = Day::new(&case, &start, planted).live();
    let (scan, variable) = (
        LeakScan::of(others.iter().chain(&seen.keys)),
        LeakScan::of([&variable]),
    );
    let mut hits = Vec::new();
    for (number, trace) in strace.traces().iter().enumerate() {
        hits.extend(scan.bytes(&format!("trace {number}"), trace.as_bytes()));
        for call in trace.lines().filter(|line| line.contains("execve")) {
            // Arguments come first, then the environment, in which the day itself has put one secret.
            let arguments = call.split("], [").next().unwrap_or_default();
            hits.extend(variable.bytes(
                &format!("arguments in trace {number}"),
                arguments.as_bytes(),
            ));
        }
    }
    leakscan::assert_none(&hits);
}

#[test]
fn la_06_no_secret_is_seen_from_outside() {
    let case = Case::new();
    let planted = Planted::new("la06-seen");
    let (others, variable) = set_apart(&planted);
    let watch = Watch::start();
    let start = |arguments: &[&str]| case.command(arguments);
    let seen = Day::new(&case, &start, planted).live();
    let seen_outside = watch.end();
    assert!(
        seen_outside.len() > 20,
        "only {} were seen",
        seen_outside.len()
    );
    let (scan, variable) = (
        LeakScan::of(others.iter().chain(&seen.keys)),
        LeakScan::of([&variable]),
    );
    for Outside {
        arguments,
        environment,
    } in seen_outside
    {
        leakscan::assert_none(&scan.bytes("arguments", &arguments));
        leakscan::assert_none(&variable.bytes("arguments", &arguments));
        leakscan::assert_none(&scan.bytes("environment", &environment));
    }
}

#[test]
fn la_06_a_key_among_the_arguments_is_refused() {
    let (case, canary) = (Case::new(), Canary::api_key("la06-argument"));
    case.home.plant(&canary);
    let (secret, wrong) = (canary.value(), Canary::wrong_virtual_key("la06argument"));
    case.home.plant(&wrong);
    let assignment = format!("ANTHROPIC_API_KEY={secret}");
    let origin = format!("--origin=https://gateway.example/{secret}");
    for arguments in [
        &["profile", "add", secret][..],
        &["profile", "add", "work", secret],
        &["profile", "add", "work", "--env", secret],
        &["profile", "add", "work", "--command", "--", "echo", secret],
        &["profile", "add", "work", &origin],
        &["profile", "rename", "work", secret],
        &["key", "add", "x", "--profile", secret],
        &["connect", "curl", "--key", wrong.value()],
        &["inspect", secret],
        &["serve", "--listen", secret],
        &["store", "backup", &assignment],
        &[secret],
        &["--json", &assignment],
    ] {
        let refused = case.run(arguments).expect_code(4);
        assert!(refused.stderr.contains("rotate"), "{}", refused.stderr);
        assert_eq!(refused.stdout, "");
    }
    assert!(!case.home.keyreeve_home().exists(), "nothing was begun");
    ends(case.run(&["profile", "list"]), 0);
}

/// The planted secrets, and apart from them the one that the day puts into an environment itself.
fn set_apart(planted: &Planted) -> (Vec<Canary>, Canary) {
    let variable = planted.environment.clone();
    let others = planted.all().into_iter();
    let others = others.filter(|canary| canary.sink() != variable.sink());
    (others.cloned().collect(), variable)
}

/// What anyone may see of a process.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Outside {
    arguments: Vec<u8>,
    environment: Vec<u8>,
}

/// Looks at all that this test has started, about once a millisecond.
struct Watch {
    stop: Arc<AtomicBool>,
    looking: JoinHandle<BTreeSet<Outside>>,
}

impl Watch {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let looking = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !stopped.load(Ordering::Acquire) {
                seen.extend(descendants().into_iter().filter_map(outside));
                std::thread::sleep(Duration::from_millis(1));
            }
            seen
        });
        Self { stop, looking }
    }

    fn end(self) -> BTreeSet<Outside> {
        self.stop.store(true, Ordering::Release);
        self.looking.join().unwrap()
    }
}

/// What is hidden from us is hidden from others as well.
fn outside(process: u32) -> Option<Outside> {
    let read = |file| fs::read(format!("/proc/{process}/{file}"));
    Some(Outside {
        arguments: read("cmdline").ok()?,
        environment: read("environ").unwrap_or_default(),
    })
}

/// The processes that this one has started, and those that they have.
fn descendants() -> Vec<u32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(process) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        if let Some(parent) = parent(process) {
            parents.push((process, parent));
        }
    }
    let mut found = vec![std::process::id()];
    let mut looked_at = 0;
    while looked_at < found.len() {
        let parent = found[looked_at];
        found.extend(
            parents
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(process, _)| *process),
        );
        looked_at += 1;
    }
    found.split_off(1)
}

/// The fourth field of `stat`, behind the name in brackets, which may hold anything.
fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_whitespace().nth(1)?.parse().ok()
}
