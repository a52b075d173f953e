//! F-28: the signals of `serve`, at a terminal, without one, and under `nohup`.

use std::process::Command;
use std::time::{Duration, Instant};

use keyreeve_testkit::process::Signal;
use keyreeve_testkit::terminal::ClosableTerminal;
use keyreeve_testkit::upstream::Scripted;
use keyreeve_testkit::wire::{Exchange, WireResponse};
use serde_json::Value;

use crate::case::Case;
use crate::check::add_profile;
use crate::serving::{SERVE, Serving, message, reply, request, streamed};

/// Pause between two parts of a stream.
const PAUSE: Duration = Duration::from_millis(250);

/// A machine whose upstream sends slow streams.
struct SignalTest {
    case: Case,
    upstream: Scripted,
    key: String,
}

impl SignalTest {
    fn new() -> Self {
        let case = Case::new();
        let upstream = Scripted::start(|received| reply(received, 6, PAUSE));
        add_profile(&case, "work", &upstream.base_url(), &[]);
        let added = case.run(&["key", "add", "app", "--profile", "work"]);
        let key = added.expect_code(0).stdout.trim().to_owned();
        Self {
            case,
            upstream,
            key,
        }
    }

    /// Starts `serve` through another program, which replaces itself with it.
    fn start(&self, through: &[&str], at: Option<&ClosableTerminal>) -> Serving {
        let (program, arguments) = through.split_first().unwrap();
        let mut command: Command = self.case.home.command(program);
        command
            .args(arguments)
            .arg(env!("CARGO_BIN_EXE_keyreeve"))
            .args(SERVE);
        if let Some(terminal) = at {
            command.stdin(terminal.stream());
        }
        let serving = Serving::new(self.case.home.start(&mut command));
        let status = status(&serving);
        assert!(status.starts_with("Name:\tkeyreeve\n"), "{status}");
        serving
    }

    /// Starts a stream, and returns once its first part has arrived.
    fn begin_stream(&self, serving: &Serving) -> Exchange {
        let mut exchange = Exchange::open(serving.address());
        exchange.write(&request(serving.address(), &self.key, &streamed("hello")));
        assert_eq!(exchange.head().unwrap().status(), 200);
        assert!(exchange.next_event().is_some());
        exchange
    }

    #[track_caller]
    fn assert_serves(&self, serving: &Serving) {
        let response: WireResponse = serving.ask(&self.key, &message("hello"));
        assert_eq!(response.status(), 200, "{}", response.text());
    }

    /// Returns the ending of each attempt in the ledger.
    fn endings(&self) -> Vec<String> {
        let listed = self.case.run(&["requests", "--attempts", "--json"]);
        let listed = listed.expect_code(0).json();
        let attempts = listed["attempts"].as_array().unwrap();
        let ending = |attempt: &Value| attempt["ending"].as_str().unwrap().to_owned();
        attempts.iter().map(ending).collect()
    }
}

/// Fails the test unless a stream that was started goes on to its end.
#[track_caller]
fn assert_whole(stream: Exchange) {
    let rest = stream.drain();
    let rest = String::from_utf8_lossy(&rest);
    assert!(rest.contains("message_stop"), "{rest}");
    assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
}

/// Returns `/proc/PID/status`.
fn status(serving: &Serving) -> String {
    std::fs::read_to_string(format!("/proc/{}/status", serving.pid())).unwrap()
}

/// F-28: a closed terminal drains: its running stream ends whole, also if a session manager sends SIGTERM with it.
#[test]
fn closed_terminal_drains() {
    let test = SignalTest::new();
    let terminal = ClosableTerminal::open();
    let serving = test.start(&["setsid", "--ctty"], Some(&terminal));
    let stream = test.begin_stream(&serving);
    terminal.close();
    std::thread::sleep(Duration::from_millis(50));
    serving.signal(Signal::TERM);
    serving.signal(Signal::HUP);
    assert_whole(stream);
    let log = serving.wait().expect_code(0).stderr;
    assert!(log.contains("cause=\"the terminal was closed\""), "{log}");
    assert_eq!(test.endings(), ["done"]);
    assert_eq!(test.upstream.requests().len(), 1);
}

/// F-28: SIGHUP without a terminal cuts no stream, logs that nothing is reloaded, and `serve` goes on.
#[test]
fn hangup_without_a_terminal_keeps_serving() {
    let test = SignalTest::new();
    let serving = test.start(&["setsid"], None);
    let stream = test.begin_stream(&serving);
    serving.signal(Signal::HUP);
    test.assert_serves(&serving);
    serving.signal(Signal::HUP);
    assert_whole(stream);
    test.assert_serves(&serving);
    let log = serving.end().stderr;
    assert!(log.contains("SIGHUP: nothing is reloaded"), "{log}");
    assert_eq!(test.endings(), ["done", "done", "done"]);
}

/// F-28: under `nohup`, SIGHUP stays ignored, and a closed terminal changes nothing.
#[test]
fn nohup_keeps_hangup_ignored() {
    let test = SignalTest::new();
    let terminal = ClosableTerminal::open();
    let serving = test.start(&["setsid", "--ctty", "nohup"], Some(&terminal));
    let stream = test.begin_stream(&serving);
    terminal.close();
    serving.signal(Signal::HUP);
    assert_whole(stream);
    test.assert_serves(&serving);
    let status = status(&serving);
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = u64::from_str_radix(ignored.unwrap().trim(), 16).unwrap();
    assert_eq!(ignored & 1, 1, "{status}");
    let log = serving.end().stderr;
    assert!(!log.contains("SIGHUP"), "{log}");
    assert!(log.contains("cause=\"SIGTERM or SIGINT\""), "{log}");
}

/// F-28: the first SIGTERM or SIGINT drains, and the second one cuts what still runs and ends with 130.
#[test]
fn second_signal_ends_at_once() {
    for second in [Signal::TERM, Signal::INT] {
        let test = SignalTest::new();
        let serving = test.start(&["setsid"], None);
        let mut stream = test.begin_stream(&serving);
        serving.signal(Signal::TERM);
        // Two signals of a kind in one instant are one.
        std::thread::sleep(PAUSE);
        assert!(
            stream.next_event().is_some(),
            "the first signal cut the stream"
        );
        let started = Instant::now();
        serving.signal(second);
        let ended = serving.wait().expect_code(130);
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{:?}",
            started.elapsed()
        );
        assert!(
            ended.stderr.contains("stopped immediately"),
            "{}",
            ended.stderr
        );
        let rest = stream.drain();
        assert!(
            !rest.ends_with("0\r\n\r\n".as_bytes()),
            "the stream went on"
        );
        assert_ne!(test.endings(), ["done"]);
    }
}
