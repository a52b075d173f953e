//! The simulated API in a thread of its own, for blocking tests.
//!
//! Invariant: it is used and controlled over HTTP only, so that a test sees what users see.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::JoinHandle;

use jiff::Timestamp;
use keyreeve_sandbox::SandboxSettings;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::canary::Canary;
use crate::wire;

/// A running sandbox; dropping it stops it.
pub struct Sandbox {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts it on a free port of 127.0.0.1.
    pub fn start() -> Self {
        let (stop, stopped) = oneshot::channel();
        let (bound, address) = mpsc::channel();
        let serving = std::thread::spawn(move || serve(&bound, stopped));
        let address = address.recv().expect("the sandbox reports its address");
        Self {
            address,
            stop: Some(stop),
            serving: Some(serving),
        }
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its base URL, `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the requests so far, from `GET /_sandbox/requests`.
    pub fn requests(&self) -> Value {
        let request = wire::request(self.address, "GET /_sandbox/requests", CLOSE, b"");
        let response = wire::send_request(self.address, &request);
        assert_eq!(response.status(), 200, "{}", response.text());
        response.json()
    }

    /// Sets the script of one key; `steps` is the body of `PUT /_sandbox/keys/{fingerprint}/script`.
    pub fn script(&self, key: &Canary, steps: &Value) {
        let line = format!("PUT /_sandbox/keys/{}/script", key.fingerprint());
        let request = wire::request(self.address, &line, CLOSE, steps.to_string().as_bytes());
        let response = wire::send_request(self.address, &request);
        assert!(
            (200..300).contains(&response.status()),
            "{}",
            response.text()
        );
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ended_already = stop.send(());
        }
        if let Some(serving) = self.serving.take() {
            let _ended = serving.join();
        }
    }
}

/// Headers for one request per connection, so that the sandbox can stop at once.
const CLOSE: &[(&str, &str)] = &[
    ("connection", "close"),
    ("content-type", "application/json"),
];

fn serve(bound: &mpsc::Sender<SocketAddr>, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built");
    runtime.block_on(async {
        let settings = SandboxSettings {
            now: Timestamp::now,
        };
        let sandbox = keyreeve_sandbox::Sandbox::bind((Ipv4Addr::LOCALHOST, 0).into(), settings)
            .await
            .expect("loopback has a free port");
        bound
            .send(sandbox.addr())
            .expect("the test waits for the address");
        let until = async { drop(stopped.await) };
        sandbox.run(until).await.expect("the sandbox serves");
    });
}
