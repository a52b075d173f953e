//! LA-05: a process that crashes during a request leaves a ledger entry and no core dump.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::home::COMMAND_TIMEOUT;
use keyreeve_testkit::process::Signal;
use keyreeve_testkit::skip;
use keyreeve_testkit::upstream::{Scripted, responses};
use serde_json::Value;

use crate::case::{Case, assert_exit};
use crate::serving::{SERVE, Serving, message, request};

/// Signals whose default action is a core dump.
const CRASH_SIGNALS: [Signal; 4] = [Signal::SEGV, Signal::ABORT, Signal::QUIT, Signal::BUS];

/// A machine with a profile whose upstream never responds.
struct CrashTest {
    case: Case,
    upstream: Scripted,
}

impl CrashTest {
    fn new() -> Self {
        let (case, canary) = (Case::new(), Canary::api_key("la05"));
        case.home.plant(&canary);
        let upstream = Scripted::start(|_| responses::hang());
        let origin = upstream.base_url();
        let add = ["profile", "add", "work", "--stdin", "--insecure-loopback"];
        let add = [&add[..], &["--origin", &origin]].concat();
        assert_exit(case.feed(&add, canary.value()), 0);
        Self { case, upstream }
    }

    /// Returns a command that runs with core dumps of any size enabled.
    fn command_with_core_dumps(&self, arguments: &[&str]) -> Command {
        let script = format!(
            "ulimit -c unlimited; exec '{}' \"$@\"",
            env!("CARGO_BIN_EXE_keyreeve")
        );
        let mut command = self.case.home.command("/bin/sh");
        command.args(["-c", &script, "sh"]).args(arguments);
        command
    }

    /// Waits until the upstream has received this many requests.
    fn wait_for_requests(&self, count: usize) {
        let until = Instant::now() + COMMAND_TIMEOUT;
        while self.upstream.requests().len() < count {
            assert!(Instant::now() < until, "the request did not arrive");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Fails the test if there is a core file in the working directory.
    fn assert_no_core_file(&self) {
        for entry in fs::read_dir(self.case.home.work()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.contains("core"), "{name}");
        }
    }

    fn newest(&self) -> Value {
        let newest = ["requests", "--attempts", "--json", "--limit", "1"];
        self.case.run(&newest).expect_code(0).json()["attempts"][0].take()
    }
}

/// Returns `true` if this machine writes core dumps.
fn writes_core_dumps(case: &Case) -> bool {
    let mut command = case.home.command("/bin/sh");
    command
        .args(["-c", "ulimit -c unlimited; kill -SEGV $$"])
        .current_dir(case.home.path().join("tmp"));
    let died = case.home.run(&mut command);
    died.core_dumped
}

/// LA-05: a gateway that crashes during a request leaves a ledger entry and no core dump.
#[test]
fn gateway_crash_leaves_a_record_and_no_core_dump() {
    let test = CrashTest::new();
    if !writes_core_dumps(&test.case) {
        skip!("this machine writes no core dumps");
    }
    let added = test
        .case
        .run(&["key", "add", "laptop", "--profile", "work"])
        .expect_code(0);
    let key = added.stdout.trim();
    for (number, signal) in CRASH_SIGNALS.into_iter().enumerate() {
        let serving = Serving::new(
            test.case
                .home
                .start(&mut test.command_with_core_dumps(&SERVE)),
        );
        let mut client = TcpStream::connect(serving.address()).unwrap();
        let body = message(&format!("request {number}"));
        client
            .write_all(&request(serving.address(), key, &body))
            .unwrap();
        test.wait_for_requests(number + 1);
        let died = serving.crash(signal);
        assert_eq!(died.code, 128 + signal.as_raw(), "{}", died.stderr);
        assert!(!died.core_dumped, "{signal:?}");
        let mut response = Vec::new();
        let _cut_off = client.read_to_end(&mut response);
        assert_eq!(response, b"", "{signal:?}");
        let intent = test.newest();
        assert_eq!(intent["ending"], "open", "{signal:?}: {intent}");
        let _ended = Serving::start(&test.case).end();
        let closed = test.newest();
        assert_eq!(
            (&closed["attempt"], &closed["ending"]),
            (&intent["attempt"], &Value::from("unknown")),
            "{signal:?}"
        );
    }
    test.assert_no_core_file();
}

/// LA-05: a command that crashes during a request leaves a ledger entry and no core dump.
#[test]
fn command_crash_leaves_a_record_and_no_core_dump() {
    let test = CrashTest::new();
    if !writes_core_dumps(&test.case) {
        skip!("this machine writes no core dumps");
    }
    for (number, (arguments, signal)) in [
        (&["ask", "--profile", "work", "hi"][..], Signal::QUIT),
        (&["check", "work"], Signal::ABORT),
    ]
    .into_iter()
    .enumerate()
    {
        let asking = test
            .case
            .home
            .spawn(&mut test.command_with_core_dumps(arguments));
        test.wait_for_requests(number + 1);
        asking.signal(signal);
        let died = asking
            .wait(COMMAND_TIMEOUT)
            .expect_code(128 + signal.as_raw());
        assert!(!died.core_dumped, "{arguments:?}");
        assert_eq!(test.newest()["ending"], "open", "{arguments:?}");
    }
    test.assert_no_core_file();
}

/// LA-05: the master key is locked in memory, or `store info` reports that it is not.
#[test]
fn master_key_is_locked_in_memory_or_reported() {
    let test = CrashTest::new();
    let serving = Serving::start(&test.case);
    let status = fs::read_to_string(format!("/proc/{}/status", serving.pid())).unwrap();
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
    let locked = locked.and_then(|line| line.split_whitespace().next());
    let is_locked = locked.unwrap() != "0";
    let _ended = serving.end();
    let info = test.case.run(&["store", "info", "--json"]).json();
    assert_eq!(info["master_key_may_be_swapped"], !is_locked, "{info}");

    // Without this capability and with a limit of 0, a process cannot lock memory.
    let binary = env!("CARGO_BIN_EXE_keyreeve");
    let mut command = test.case.home.command("prlimit");
    command.args(["--memlock=0:0", "setpriv", "--bounding-set=-ipc_lock"]);
    command.args([binary, "store", "info", "--json"]);
    if !is_root() {
        skip!("only root can drop the capability");
    }
    let info = test.case.home.run(&mut command).expect_code(0).json();
    assert_eq!(info["master_key_may_be_swapped"], true, "{info}");
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;

    fs::metadata("/proc/self").unwrap().uid() == 0
}
