//! The fixture of one scenario: new home directories, `keyreeve serve --sandbox`, and the relay.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::relay::Relay;
use super::scenario::{Expected, Scenario};
use crate::environment::{self, Scratch};
use crate::programs::keyreeve;

/// Time limit for the gateway to report its address.
const READY_TIMEOUT: Duration = Duration::from_secs(20);

/// File for the gateway's standard error.
const LOG_FILE: &str = "serve.log";

/// The fixture of one scenario; the gateway is stopped on drop.
pub(super) struct Fixture {
    root: PathBuf,
    pub(super) scratch: Scratch,
    gateway: Child,
    /// The virtual key created by `serve --sandbox`.
    pub(super) key: String,
    /// Host and port of the sandbox.
    pub(super) sandbox: String,
    pub(super) relay: Relay,
    /// The gateway's base URL, without the relay.
    pub(super) gateway_url: String,
}

impl Fixture {
    /// Starts the gateway with the sandbox as its upstream, and the relay in front of it.
    pub(super) fn start(root: &Path, number: usize, scenario: &Scenario) -> Result<Self> {
        let scratch = Scratch::new(&environment::target_dir(root), &format!("clients-{number}"))?;
        let mut gateway = start_gateway(root, &scratch, (number, scenario))?;
        let ready = wait_until_ready(&mut gateway).map_err(|error| {
            let _already_ended = gateway.kill();
            let log = fs::read_to_string(scratch.file(LOG_FILE)).unwrap_or_default();
            error.context(format!("standard error of keyreeve serve: {}", log.trim()))
        })?;
        let [address, sandbox] =
            ["address", "sandbox"].map(|name| ready[name].as_str().map(authority));
        let (Some(address), Some(sandbox), Some(key)) = (address, sandbox, ready["key"].as_str())
        else {
            bail!("the ready notice lacks address, sandbox or key: {ready}");
        };
        let relay = Relay::start(
            address
                .parse()
                .with_context(|| format!("{address} is not an address"))?,
        )?;
        let (key, sandbox) = (key.to_owned(), sandbox.to_owned());
        let gateway_url = format!("http://{address}");
        Ok(Self {
            gateway_url,
            root: root.to_owned(),
            scratch,
            gateway,
            key,
            sandbox,
            relay,
        })
    }

    /// Returns the client's home directory.
    pub(super) fn client_home(&self) -> Result<PathBuf> {
        self.scratch.folder("client")
    }

    /// Returns the home directory of the gateway's user.
    pub(super) fn keyreeve_home(&self) -> Result<PathBuf> {
        self.scratch.folder("home")
    }

    /// Returns the root of the repository.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Runs a keyreeve command in the gateway's home and parses its JSON.
    pub(super) fn keyreeve(&self, arguments: &[&str]) -> Result<Value> {
        let mut command = Command::new(keyreeve(&self.root));
        environment::scrub(&mut command, &self.scratch.folder("home")?);
        let output = command
            .args(arguments)
            .args(["--json", "--no-input"])
            .stdin(Stdio::null())
            .output()?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "keyreeve {} failed: {}",
            arguments.join(" "),
            stderr.trim()
        );
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("keyreeve {} printed no JSON", arguments.join(" ")))
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _already_ended = self.gateway.kill();
        let _already_reaped = self.gateway.wait();
    }
}

/// Starts the gateway and the sandbox in the scenario's home.
fn start_gateway(
    root: &Path,
    scratch: &Scratch,
    (number, scenario): (usize, &Scenario),
) -> Result<Child> {
    let home = scratch.folder("home")?;
    let mut command = Command::new(keyreeve(root));
    environment::scrub(&mut command, &home);
    // Five digits, like an ephemeral port: the relay replaces its own port with this one.
    let listen = format!("127.0.0.1:{}", 18_000 + number);
    command.args([
        "serve",
        "--sandbox",
        "--json",
        "--no-input",
        "--listen",
        &listen,
    ]);
    if scenario.expected() == Expected::PassedThrough {
        command.arg("--pass-through");
    }
    let log =
        fs::File::create(scratch.file(LOG_FILE)).context("cannot create the gateway's log")?;
    command
        .current_dir(&home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log);
    command.spawn().context("cannot start keyreeve serve")
}

/// Waits for the gateway's ready notice, its first line on standard output.
fn wait_until_ready(gateway: &mut Child) -> Result<Value> {
    let stdout = gateway
        .stdout
        .take()
        .context("the gateway has no standard output")?;
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        sender.send(read.map(|_| line))
    });
    let Ok(line) = receiver.recv_timeout(READY_TIMEOUT) else {
        bail!("the gateway was not ready after {READY_TIMEOUT:?}");
    };
    let line = line?;
    ensure!(!line.is_empty(), "the gateway exited before it was ready");
    serde_json::from_str(&line)
        .with_context(|| format!("the gateway's first line is not JSON: {line}"))
}

fn authority(url: &str) -> &str {
    url.trim_start_matches("http://").trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::authority;

    #[test]
    fn base_url_is_reduced_to_host_and_port() {
        assert_eq!(authority("http://127.0.0.1:8484/"), "127.0.0.1:8484");
    }
}
