//! LA-06: no secret is in the arguments or the environment of a process, and a key in keyreeve's own arguments is refused with
//! the advice to rotate it.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::leakscan::{self, LeakScan};
use keyreeve_testkit::skip;

use crate::case::{Case, assert_exit};
use crate::full_session::{FullSession, SessionSecrets};
use crate::strace::Strace;

/// LA-06: no secret is in the arguments or the environment of a program that keyreeve starts.
#[test]
fn no_secret_is_passed_to_a_program() {
    let strace = match Strace::new("execve,execveat") {
        Ok(strace) => strace,
        Err(why) => skip!("{why}"),
    };
    let case = Case::new();
    let planted = SessionSecrets::new("la06-calls");
    let (others, variable) = split_environment_secret(&planted);
    let start = |arguments: &[&str]| strace.command(&case, arguments);
    let seen = FullSession::new(&case, &start, planted).run_all();
    let (scan, variable) = (
        LeakScan::new(others.iter().chain(&seen.keys)),
        LeakScan::new([&variable]),
    );
    let mut hits = Vec::new();
    for (number, trace) in strace.traces().iter().enumerate() {
        hits.extend(scan.bytes(&format!("trace {number}"), trace.as_bytes()));
        for call in trace.lines().filter(|line| line.contains("execve")) {
            // The arguments come first, then the environment, in which the session itself has put one secret.
            let arguments = call.split("], [").next().unwrap_or_default();
            hits.extend(variable.bytes(
                &format!("arguments in trace {number}"),
                arguments.as_bytes(),
            ));
        }
    }
    leakscan::assert_no_leaks(&hits);
}

/// LA-06: no secret is in the arguments or the environment that other processes can see.
#[test]
fn no_secret_is_visible_to_other_processes() {
    let case = Case::new();
    let planted = SessionSecrets::new("la06-seen");
    let (others, variable) = split_environment_secret(&planted);
    let watch = ProcessWatch::start();
    let start = |arguments: &[&str]| case.command(arguments);
    let seen = FullSession::new(&case, &start, planted).run_all();
    let seen_outside = watch.end();
    assert!(
        seen_outside.len() > 20,
        "only {} were seen",
        seen_outside.len()
    );
    let (scan, variable) = (
        LeakScan::new(others.iter().chain(&seen.keys)),
        LeakScan::new([&variable]),
    );
    for VisibleProcess {
        arguments,
        environment,
    } in seen_outside
    {
        leakscan::assert_no_leaks(&scan.bytes("arguments", &arguments));
        leakscan::assert_no_leaks(&variable.bytes("arguments", &arguments));
        leakscan::assert_no_leaks(&scan.bytes("environment", &environment));
    }
}

/// LA-06: a key in the arguments is refused, with the advice to rotate it.
#[test]
fn key_in_the_arguments_is_refused() {
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
    assert!(!case.home.keyreeve_home().exists(), "nothing was created");
    assert_exit(case.run(&["profile", "list"]), 0);
}

/// Splits the planted secrets into the one that the session puts into an environment, and the others.
fn split_environment_secret(planted: &SessionSecrets) -> (Vec<Canary>, Canary) {
    let variable = planted.environment.clone();
    let others = planted.all().into_iter();
    let others = others.filter(|canary| canary.label() != variable.label());
    (others.cloned().collect(), variable)
}

/// The parts of a process that other processes can see.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct VisibleProcess {
    arguments: Vec<u8>,
    environment: Vec<u8>,
}

/// Samples all processes that this test has started, about once per millisecond.
struct ProcessWatch {
    stop: Arc<AtomicBool>,
    looking: JoinHandle<BTreeSet<VisibleProcess>>,
}

impl ProcessWatch {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let looking = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !stopped.load(Ordering::Acquire) {
                seen.extend(descendants().into_iter().filter_map(visible_process));
                std::thread::sleep(Duration::from_millis(1));
            }
            seen
        });
        Self { stop, looking }
    }

    fn end(self) -> BTreeSet<VisibleProcess> {
        self.stop.store(true, Ordering::Release);
        self.looking.join().unwrap()
    }
}

/// Reads what is visible of a process; what is hidden from us is hidden from other users as well.
fn visible_process(process: u32) -> Option<VisibleProcess> {
    let read = |file| fs::read(format!("/proc/{process}/{file}"));
    Some(VisibleProcess {
        arguments: read("cmdline").ok()?,
        environment: read("environ").unwrap_or_default(),
    })
}

/// Returns all descendants of this process.
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

/// Returns the parent: the fourth field of `stat`, after the name in parentheses, which may contain anything.
fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_whitespace().nth(1)?.parse().ok()
}
