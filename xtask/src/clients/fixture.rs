//! The fixture of one scenario: new home directories, `keyreeve serve --sandbox`, and the relay.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::relay::Relay;
use super::scenario::{Expected, Scenario};
use crate::environment::{self, Scratch};
use crate::http;
use crate::programs::{Server, ensure_success, keyreeve};

/// File for the gateway's standard error.
const LOG_FILE: &str = "serve.log";

/// The fixture of one scenario; the gateway is stopped on drop.
pub(super) struct Fixture {
    root: PathBuf,
    _gateway: Server,
    /// The virtual key created by `serve --sandbox`.
    pub(super) key: String,
    /// Host and port of the sandbox.
    sandbox: String,
    pub(super) relay: Relay,
    /// The gateway's base URL, without the relay.
    pub(super) gateway_url: String,
    /// The last field, so that the directory is removed after the process that writes to it has ended.
    pub(super) scratch: Scratch,
}

impl Fixture {
    /// Starts the gateway with the sandbox as its upstream, and the relay in front of it.
    pub(super) fn start(root: &Path, number: usize, scenario: &Scenario) -> Result<Self> {
        let scratch = Scratch::new(&environment::target_dir(root), &format!("clients-{number}"))?;
        let (gateway, ready) =
            start_gateway(root, &scratch, (number, scenario)).map_err(|error| {
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
            _gateway: gateway,
            key,
            sandbox,
            relay,
        })
    }

    /// Returns the command of a client in its home directory, without variables of the caller.
    pub(super) fn client_command(&self, program: &Path) -> Result<Command> {
        let home = self.client_home()?;
        let mut command = Command::new(program);
        environment::scrub(&mut command, &home);
        command.current_dir(home).stdin(Stdio::null());
        Ok(command)
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

    /// Makes Claude Code get its key from a helper.
    pub(super) fn set_api_key_helper(&self, helper: &str) -> Result<()> {
        let settings = self.scratch.folder("client/.claude")?.join("settings.json");
        let text = serde_json::json!({ "apiKeyHelper": helper }).to_string();
        fs::write(settings, text).context("cannot write the settings")
    }

    /// Returns the requests that the sandbox received.
    pub(super) fn received(&self) -> Result<Vec<Value>> {
        let mut received = http::get(&self.sandbox, "/_sandbox/requests")?;
        let requests = received["data"].as_array_mut();
        Ok(requests.map(std::mem::take).unwrap_or_default())
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
        let name = format!("keyreeve {}", arguments.join(" "));
        ensure_success(&name, &output)?;
        serde_json::from_slice(&output.stdout).with_context(|| format!("{name} printed no JSON"))
    }
}

/// Starts the gateway and the sandbox in the scenario's home, and returns the notice that they are ready.
fn start_gateway(
    root: &Path,
    scratch: &Scratch,
    (number, scenario): (usize, &Scenario),
) -> Result<(Server, Value)> {
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
    let (gateway, ready) = Server::start(command.current_dir(&home).stderr(log))?;
    let ready = serde_json::from_str(&ready)
        .with_context(|| format!("the gateway's first line is not JSON: {ready}"))?;
    Ok((gateway, ready))
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
