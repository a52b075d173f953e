//! The fixture of one scenario: new home directories, `keyreeve serve --sandbox`, the relay, and the client's command.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::program::Program;
use super::relay::Relay;
use super::scenario::{Action, Expected, Scenario};
use super::{issued_key, own_login};
use crate::environment;
use crate::scratch::Scratch;

/// Time limit for the gateway to report its address.
const READY_TIMEOUT: Duration = Duration::from_secs(20);

/// File for the gateway's standard error.
const LOG_FILE: &str = "serve.log";

/// The fixture of one scenario; the gateway is stopped on drop.
pub(super) struct Fixture {
    root: PathBuf,
    scratch: Scratch,
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

    /// Returns the client's command, with only the scenario's variables in its environment.
    pub(super) fn client(&self, scenario: &Scenario, program: &Path) -> Result<Command> {
        if scenario.expected() == Expected::IssuedKey {
            return issued_key::client(self, scenario.program, scenario.action, program);
        }
        if scenario.expected() == Expected::PassedThrough {
            return own_login::client(self, scenario, program);
        }
        let home = self.client_home()?;
        let mut command = Command::new(program);
        environment::scrub(&mut command, &home);
        command.current_dir(&home).stdin(Stdio::null());
        match scenario.program {
            Program::Curl => self.curl(scenario, &mut command)?,
            Program::Python(_) => {
                command
                    .env("ANTHROPIC_BASE_URL", self.relay.url())
                    .env("ANTHROPIC_API_KEY", &self.key);
                command.arg(self.root.join("xtask/clients/python_sdk.py"));
                command.arg(format!("{:?}", scenario.action).to_lowercase());
            }
            // Handled above: they get an issued key or send their own login.
            Program::Typescript(_) | Program::Httpx(_) | Program::LangChain(_) => {}
            Program::ClaudeCode(_) => self.claude(scenario, &home, &mut command)?,
        }
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

    /// Sets up curl with the key in a file, because other users can list its arguments.
    fn curl(&self, scenario: &Scenario, command: &mut Command) -> Result<()> {
        let headers = self.scratch.file("headers");
        let body = self.scratch.file("body");
        fs::write(
            &headers,
            format!(
                "x-api-key: {}\nanthropic-version: 2023-06-01\ncontent-type: application/json\n",
                self.key
            ),
        )?;
        fs::write(&body, curl_request(scenario.action))?;
        command
            .args(["-sS", "-N", "--max-time", "20", "--header"])
            .arg(at_file(&headers));
        command.arg("--data-binary").arg(at_file(&body));
        command.arg(format!("{}{}?made=up", self.relay.url(), scenario.path()));
        Ok(())
    }

    fn claude(&self, scenario: &Scenario, home: &Path, command: &mut Command) -> Result<()> {
        command.env("ANTHROPIC_BASE_URL", self.relay.url());
        command
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .args(["-p", "hi"]);
        match scenario.action {
            Action::Helper => {
                let helper = home.join("helper.sh");
                fs::write(
                    &helper,
                    format!("#!/bin/sh\nprintf '%s\\n' '{}'\n", self.key),
                )?;
                fs::set_permissions(&helper, fs::Permissions::from_mode(0o700))?;
                fs::create_dir_all(home.join(".claude"))?;
                let settings = serde_json::json!({ "apiKeyHelper": helper });
                fs::write(home.join(".claude/settings.json"), settings.to_string())?;
            }
            Action::WrongKey => {
                command.env("ANTHROPIC_AUTH_TOKEN", altered_key(&self.key));
            }
            _ => {
                command.env("ANTHROPIC_AUTH_TOKEN", &self.key);
            }
        }
        Ok(())
    }

    /// Runs a keyreeve command in the gateway's home and parses its JSON.
    pub(super) fn keyreeve(&self, arguments: &[&str]) -> Result<Value> {
        let mut command = Command::new(super::keyreeve(&self.root));
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
    let mut command = Command::new(super::keyreeve(root));
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

fn at_file(path: &Path) -> String {
    format!("@{}", path.display())
}

fn curl_request(action: Action) -> String {
    let model = if action == Action::Error {
        "claude-unknown"
    } else {
        "claude-opus-5-5"
    };
    let mut body = serde_json::json!({
        "model": model,
        "max_tokens": 64,
        "stream": action == Action::Stream,
        "system": [{ "type": "text", "text": "You are terse.  Two spaces stay two." }],
        "messages": [{ "role": "user", "content": "Use the tool if there is one, otherwise say h\u{00e9}llo." }],
    });
    if action == Action::Tool {
        let schema = serde_json::json!({ "type": "object", "properties": {}, "required": [] });
        body["tools"] = serde_json::json!([{ "name": "lookup", "input_schema": schema }]);
        body["tool_choice"] = serde_json::json!({ "type": "tool", "name": "lookup" });
    }
    format!("{body:#}\n")
}

/// Returns a key of the same form that does not exist: one character is changed.
fn altered_key(key: &str) -> String {
    let swap = |c: char| if c == 'a' { 'b' } else { 'a' };
    let (before, after) = key.split_at(key.len() / 2);
    let mut rest = after.chars();
    let changed = rest.next().map(swap);
    before.chars().chain(changed).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::{altered_key, authority};

    #[test]
    fn altered_key_differs_in_content_only() {
        let key = format!("krv_{}_{}_{}", "k".repeat(8), "a".repeat(32), "c".repeat(6));
        assert_eq!(altered_key(&key).len(), key.len());
        assert_ne!(altered_key(&key), key);
    }

    #[test]
    fn base_url_is_reduced_to_host_and_port() {
        assert_eq!(authority("http://127.0.0.1:8484/"), "127.0.0.1:8484");
    }
}
