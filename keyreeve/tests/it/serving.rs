//! A running `serve`, and requests to it.
//!
//! Invariant: every request has a connection of its own, so that no open connection delays the shutdown.

use std::net::SocketAddr;
use std::time::Duration;

use keyreeve_testkit::fixtures;
use keyreeve_testkit::process::{Daemon, ProcessOutput, Signal};
use keyreeve_testkit::upstream::{ReceivedRequest, Step, responses};
use keyreeve_testkit::wire::{self, WireResponse};
use serde_json::{Value, json};

use crate::case::Case;

/// Arguments of a gateway on a free port.
pub(crate) const SERVE: [&str; 4] = ["serve", "--json", "--listen", "127.0.0.1:0"];

/// Arguments of a gateway on a free port, with the simulated API.
pub(crate) const SERVE_SANDBOX: [&str; 5] =
    ["serve", "--sandbox", "--json", "--listen", "127.0.0.1:0"];

/// Time limit for a shutdown of `serve`.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Replies at once, or with a stream of this many pieces and a pause between two of them.
pub(crate) fn reply(request: &ReceivedRequest, pieces: usize, pause: Duration) -> Vec<Step> {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    if body["stream"] == true {
        let fixture = fixtures::bytes("success-stream.sse");
        let pieces = fixture.chunks(fixture.len() / pieces + 1);
        responses::paced(responses::stream(pieces), pause)
    } else {
        responses::json(200, &fixtures::json("success.json").to_string())
    }
}

/// A gateway that is ready.
pub(crate) struct Serving {
    running: Daemon,
    address: SocketAddr,
}

impl Serving {
    /// Starts `serve` on the case's store.
    pub(crate) fn start(case: &Case) -> Self {
        Self::new(case.home.start(&mut case.command(&SERVE)))
    }

    /// Starts `serve --sandbox` on the case's store.
    pub(crate) fn with_sandbox(case: &Case) -> Self {
        Self::new(case.home.start(&mut case.command(&SERVE_SANDBOX)))
    }

    /// Wraps a `serve` that was started in another way.
    pub(crate) fn new(running: Daemon) -> Self {
        let address = running.ready()["address"].as_str().unwrap();
        let address = address.trim_start_matches("http://").parse().unwrap();
        Self { running, address }
    }

    /// Returns the document it printed when it was ready.
    pub(crate) fn ready(&self) -> &Value {
        self.running.ready()
    }

    /// Returns the key in that document.
    pub(crate) fn key(&self) -> String {
        self.ready()["key"].as_str().unwrap().to_owned()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Sends a body to `/v1/messages` with a key and reads the whole response.
    #[track_caller]
    pub(crate) fn ask(&self, key: &str, body: &Value) -> WireResponse {
        wire::send_request(self.address, &request(self.address, key, body))
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.running.signal(signal);
    }

    /// Waits until it ends.
    pub(crate) fn wait(self) -> ProcessOutput {
        self.running.wait(SHUTDOWN_TIMEOUT)
    }

    /// Stops it, and expects a clean shutdown.
    #[track_caller]
    pub(crate) fn end(self) -> ProcessOutput {
        self.running.terminate();
        self.running.wait(SHUTDOWN_TIMEOUT).expect_code(0)
    }

    /// Kills it with a signal and returns its output. Sends the signal twice: Rust's handler of SIGSEGV and SIGBUS ignores the
    /// first one that no instruction caused, and uninstalls itself.
    pub(crate) fn crash(self, signal: Signal) -> ProcessOutput {
        self.running.signal(signal);
        std::thread::sleep(Duration::from_millis(100));
        self.running.signal(signal);
        self.running.wait(SHUTDOWN_TIMEOUT)
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(self) {
        let _killed = self.running.kill();
    }
}

/// Returns a request to `/v1/messages`.
pub(crate) fn request(address: SocketAddr, key: &str, body: &Value) -> Vec<u8> {
    let headers = [
        ("x-api-key", key),
        ("anthropic-version", "2023-06-01"),
        ("content-type", "application/json"),
        ("connection", "close"),
    ];
    wire::request(
        address,
        "POST /v1/messages",
        &headers,
        body.to_string().as_bytes(),
    )
}

/// Returns a body that requests a whole response.
pub(crate) fn message(text: &str) -> Value {
    json!({
        "model": "claude-haiku-4-5",
        "max_tokens": 64,
        "messages": [{"role": "user", "content": text}],
    })
}

/// Returns a body that requests a stream.
pub(crate) fn streamed(text: &str) -> Value {
    let mut body = message(text);
    body["stream"] = json!(true);
    body
}
