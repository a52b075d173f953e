//! LA-05: who dies in the middle of a request leaves its record and no picture of its memory.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::home::TIME_LIMIT;
use keyreeve_testkit::process::Signal;
use keyreeve_testkit::skip;
use keyreeve_testkit::upstream::{Scripted, reply};
use serde_json::Value;

use crate::case::{Case, ends};
use crate::serving::{SERVE, Serving, message, request};

/// The signals whose usual effect is a core dump.
const DEADLY: [Signal; 4] = [Signal::SEGV, Signal::ABORT, Signal::QUIT, Signal::BUS];

/// A machine with a profile whose upstream never answers.
struct Bed {
    case: Case,
    upstream: Scripted,
}

impl Bed {
    fn new() -> Self {
        let (case, canary) = (Case::new(), Canary::api_key("la05"));
        case.home.plant(&canary);
        let upstream = Scripted::start(|_| reply::silence());
        let origin = upstream.base_url();
        let add = ["profile", "add", "work", "--stdin", "--insecure-loopback"];
        let add = [&add[..], &["--origin", &origin]].concat();
        ends(case.feed(&add, canary.value()), 0);
        Self { case, upstream }
    }

    /// A command of a person who has asked for core dumps of any size.
    fn dumping(&self, arguments: &[&str]) -> Command {
        let script = format!(
            "ulimit -c unlimited; exec '{}' \"$@\"",
            env!("CARGO_BIN_EXE_keyreeve")
        );
        let mut command = self.case.home.command("/bin/sh");
        command.args(["-c", &script, "sh"]).args(arguments);
        command
    }

    /// Waits until the upstream has got this many requests.
    fn await_requests(&self, count: usize) {
        let until = Instant::now() + TIME_LIMIT;
        while self.upstream.requests().len() < count {
            assert!(Instant::now() < until, "the request never came");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Fails the test if there is a core file where one would be.
    fn assert_no_core_file(&self) {
        for entry in fs::read_dir(self.case.home.work()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.contains("core"), "{name}");
        }
    }

    fn newest(&self) -> Value {
        let newest = ["attempts", "--json", "--limit", "1"];
        self.case.run(&newest).expect_code(0).json()["attempts"][0].take()
    }
}

/// Whether this machine writes core dumps at all.
fn dumps_are_made(case: &Case) -> bool {
    let mut command = case.home.command("/bin/sh");
    command
        .args(["-c", "ulimit -c unlimited; kill -SEGV $$"])
        .current_dir(case.home.path().join("tmp"));
    let died = case.home.run(&mut command);
    died.core_dumped
}

#[test]
fn la_05_a_gateway_that_dies_in_a_request_leaves_a_record_and_no_core() {
    let bed = Bed::new();
    if !dumps_are_made(&bed.case) {
        skip!("this machine writes no core dumps");
    }
    let made = bed
        .case
        .run(&["key", "add", "laptop", "--profile", "work"])
        .expect_code(0);
    let key = made.stdout.trim();
    for (number, signal) in DEADLY.into_iter().enumerate() {
        let serving = Serving::of(bed.case.home.start(&mut bed.dumping(&SERVE)));
        let mut client = TcpStream::connect(serving.address()).unwrap();
        let body = message(&format!("request {number}"));
        client
            .write_all(&request(serving.address(), key, &body))
            .unwrap();
        bed.await_requests(number + 1);
        let died = serving.crash(signal);
        assert_eq!(died.code, 128 + signal.as_raw(), "{}", died.stderr);
        assert!(!died.core_dumped, "{signal:?}");
        let mut answer = Vec::new();
        let _cut_off = client.read_to_end(&mut answer);
        assert_eq!(answer, b"", "{signal:?}");
        let intent = bed.newest();
        assert_eq!(intent["ending"], "open", "{signal:?}: {intent}");
        let _ended = Serving::start(&bed.case).end();
        let closed = bed.newest();
        assert_eq!(
            (&closed["attempt"], &closed["ending"]),
            (&intent["attempt"], &Value::from("unknown")),
            "{signal:?}"
        );
    }
    bed.assert_no_core_file();
}

#[test]
fn la_05_a_command_that_dies_in_a_request_leaves_a_record_and_no_core() {
    let bed = Bed::new();
    if !dumps_are_made(&bed.case) {
        skip!("this machine writes no core dumps");
    }
    for (number, (arguments, signal)) in [
        (&["ask", "--profile", "work", "hi"][..], Signal::QUIT),
        (&["check", "work"], Signal::ABORT),
    ]
    .into_iter()
    .enumerate()
    {
        let asking = bed.case.home.spawn(&mut bed.dumping(arguments));
        bed.await_requests(number + 1);
        asking.signal(signal);
        let died = asking.wait(TIME_LIMIT).expect_code(128 + signal.as_raw());
        assert!(!died.core_dumped, "{arguments:?}");
        assert_eq!(bed.newest()["ending"], "open", "{arguments:?}");
    }
    bed.assert_no_core_file();
}

#[test]
fn la_05_the_master_key_is_locked_into_memory_or_it_is_said() {
    let bed = Bed::new();
    let serving = Serving::start(&bed.case);
    let status = fs::read_to_string(format!("/proc/{}/status", serving.pid())).unwrap();
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
    let locked = locked.and_then(|line| line.split_whitespace().next());
    let is_locked = locked.unwrap() != "0";
    let _ended = serving.end();
    let info = bed.case.run(&["store", "info", "--json"]).json();
    assert_eq!(info["master_key_may_be_swapped"], !is_locked, "{info}");

    // No memory may be locked by a process without this right, whose limit is nothing.
    let binary = env!("CARGO_BIN_EXE_keyreeve");
    let mut command = bed.case.home.command("prlimit");
    command.args(["--memlock=0:0", "setpriv", "--bounding-set=-ipc_lock"]);
    command.args([binary, "store", "info", "--json"]);
    if !is_root() {
        skip!("only root can take a right away");
    }
    let info = bed.case.home.run(&mut command).expect_code(0).json();
    assert_eq!(info["master_key_may_be_swapped"], true, "{info}");
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;

    fs::metadata("/proc/self").unwrap().uid() == 0
}
