//! A running `serve`, and the requests that tests send it.
//!
//! Invariant: every request has a connection of its own, so that nothing a test holds keeps the gateway from ending.

use std::net::SocketAddr;
use std::time::Duration;

use keyreeve_testkit::process::{Output, Running, Signal};
use keyreeve_testkit::wire::{self, Answer};
use serde_json::{Value, json};

use crate::case::Case;

/// The arguments of a gateway on a free port.
pub(crate) const SERVE: [&str; 4] = ["serve", "--json", "--listen", "127.0.0.1:0"];

/// The same with the simulated API beside it.
pub(crate) const SERVE_SANDBOX: [&str; 5] =
    ["serve", "--sandbox", "--json", "--listen", "127.0.0.1:0"];

/// `serve` may take this long to end when it is asked to.
const END_LIMIT: Duration = Duration::from_secs(10);

/// A gateway that is ready.
pub(crate) struct Serving {
    running: Running,
    address: SocketAddr,
}

impl Serving {
    /// Starts `serve` on the case's store.
    pub(crate) fn start(case: &Case) -> Self {
        Self::of(case.home.start(&mut case.command(&SERVE)))
    }

    /// Starts `serve --sandbox` on the case's store.
    pub(crate) fn with_sandbox(case: &Case) -> Self {
        Self::of(case.home.start(&mut case.command(&SERVE_SANDBOX)))
    }

    /// Takes a `serve` that was started in another way.
    pub(crate) fn of(running: Running) -> Self {
        let address = running.ready()["address"].as_str().unwrap();
        let address = address.trim_start_matches("http://").parse().unwrap();
        Self { running, address }
    }

    /// What it announced.
    pub(crate) fn ready(&self) -> &Value {
        self.running.ready()
    }

    /// The key it announced, where it did.
    pub(crate) fn key(&self) -> String {
        self.ready()["key"].as_str().unwrap().to_owned()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Sends a body to `/v1/messages` with a key and reads the whole answer.
    #[track_caller]
    pub(crate) fn ask(&self, key: &str, body: &Value) -> Answer {
        wire::ask(self.address, &request(self.address, key, body))
    }

    /// Asks it to end, and expects that it does so in good order.
    #[track_caller]
    pub(crate) fn end(self) -> Output {
        self.running.terminate();
        self.running.wait(END_LIMIT).expect_code(0)
    }

    /// Sends it a signal of which it dies, and gives what it left. Rust's own handler of SIGSEGV and SIGBUS lets the
    /// first one pass that no instruction caused, and is gone for the second.
    pub(crate) fn crash(self, signal: Signal) -> Output {
        self.running.signal(signal);
        std::thread::sleep(Duration::from_millis(100));
        self.running.signal(signal);
        self.running.wait(END_LIMIT)
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(self) {
        let _killed = self.running.kill();
    }
}

/// A request to `/v1/messages`.
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

/// A body that asks for a whole answer.
pub(crate) fn message(text: &str) -> Value {
    json!({
        "model": "claude-haiku-4-5",
        "max_tokens": 64,
        "messages": [{"role": "user", "content": text}],
    })
}

/// A body that asks for a stream.
pub(crate) fn streamed(text: &str) -> Value {
    let mut body = message(text);
    body["stream"] = json!(true);
    body
}
