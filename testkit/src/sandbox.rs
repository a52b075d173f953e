//! The simulated API in a thread of its own, for tests that block.
//!
//! Invariant: it is asked and told things over HTTP only, as a stranger would, so a test sees what people see.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::JoinHandle;

use jiff::Timestamp;
use keyreeve_sandbox::Settings;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::canary::Canary;
use crate::wire;

/// The running sandbox; it stops when it goes.
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
        let address = address.recv().expect("the sandbox tells where it listens");
        Self {
            address,
            stop: Some(stop),
            serving: Some(serving),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as a base URL, `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has arrived so far, as `GET /_sandbox/requests` tells it.
    pub fn requests(&self) -> Value {
        let request = wire::request(self.address, "GET /_sandbox/requests", CLOSE, b"");
        let answer = wire::ask(self.address, &request);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        answer.json()
    }

    /// Makes the API misbehave towards one key: `steps` as `PUT /_sandbox/keys/{fingerprint}/script` takes them.
    pub fn script(&self, key: &Canary, steps: &Value) {
        let line = format!("PUT /_sandbox/keys/{}/script", key.fingerprint());
        let request = wire::request(self.address, &line, CLOSE, steps.to_string().as_bytes());
        let answer = wire::ask(self.address, &request);
        assert!((200..300).contains(&answer.status()), "{}", answer.text());
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

/// One request a connection: nothing keeps the sandbox from stopping at once.
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
        let settings = Settings {
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
