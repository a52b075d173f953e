//! What one scenario plays on: a home of its own, `keyreeve serve --sandbox` started in it, the relay, and the client's command.

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
use super::scenario::{Act, Expected, Scenario};
use super::{handed, own_login};
use crate::environment;
use crate::scratch::Scratch;

/// The gateway may take this long until it has said where it listens.
const READY_LIMIT: Duration = Duration::from_secs(20);

/// Where the gateway's standard error goes.
const LOG: &str = "serve.log";

/// The stage; the gateway ends with it.
pub(super) struct Stage {
    root: PathBuf,
    scratch: Scratch,
    gateway: Child,
    /// The virtual key that `serve --sandbox` made.
    pub(super) key: String,
    /// Host and port of the simulated API.
    pub(super) sandbox: String,
    pub(super) relay: Relay,
    /// The gateway's own base URL.
    pub(super) gateway_url: String,
}

impl Stage {
    /// Starts the gateway with the simulated API behind it and the relay in front.
    pub(super) fn start(root: &Path, number: usize, scenario: &Scenario) -> Result<Self> {
        let scratch = Scratch::new(&environment::target(root), &format!("clients-{number}"))?;
        let mut gateway = serve(root, &scratch, (number, scenario))?;
        let ready = ready(&mut gateway).map_err(|error| {
            let _ended_already = gateway.kill();
            let log = fs::read_to_string(scratch.file(LOG)).unwrap_or_default();
            error.context(format!("keyreeve serve said: {}", log.trim()))
        })?;
        let [address, sandbox] =
            ["address", "sandbox"].map(|name| ready[name].as_str().map(authority));
        let (Some(address), Some(sandbox), Some(key)) = (address, sandbox, ready["key"].as_str())
        else {
            bail!("address, sandbox and key are wanted: {ready}");
        };
        let relay = Relay::start(
            address
                .parse()
                .with_context(|| format!("{address} is no address"))?,
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

    /// The client's command, with nothing in its environment but what the scenario is about.
    pub(super) fn client(&self, scenario: &Scenario, program: &Path) -> Result<Command> {
        if scenario.expected() == Expected::Handed {
            return handed::client(self, scenario.program, scenario.act, program);
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
                command.arg(format!("{:?}", scenario.act).to_lowercase());
            }
            // They are handed keys, or have logins of their own, above.
            Program::Typescript(_) | Program::Httpx(_) | Program::LangChain(_) => {}
            Program::ClaudeCode(_) => self.claude(scenario, &home, &mut command)?,
        }
        Ok(command)
    }

    /// The client's home.
    pub(super) fn client_home(&self) -> Result<PathBuf> {
        self.scratch.folder("client")
    }

    /// The home of who runs the gateway.
    pub(super) fn keyreeve_home(&self) -> Result<PathBuf> {
        self.scratch.folder("home")
    }

    /// The repository.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The key goes by a file, as one would do it where others can list processes.
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
        fs::write(&body, curl_body(scenario.act))?;
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
        match scenario.act {
            Act::Helper => {
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
            Act::WrongKey => {
                command.env("ANTHROPIC_AUTH_TOKEN", another(&self.key));
            }
            _ => {
                command.env("ANTHROPIC_AUTH_TOKEN", &self.key);
            }
        }
        Ok(())
    }

    /// Runs one of keyreeve's own commands in the gateway's home and reads its JSON.
    pub(super) fn keyreeve(&self, arguments: &[&str]) -> Result<Value> {
        let mut command = Command::new(super::keyreeve(&self.root));
        environment::scrub(&mut command, &self.scratch.folder("home")?);
        let output = command
            .args(arguments)
            .args(["--json", "--no-input"])
            .stdin(Stdio::null())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "keyreeve {} failed: {}",
            arguments.join(" "),
            said.trim()
        );
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("keyreeve {}", arguments.join(" ")))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ended_already = self.gateway.kill();
        let _waited_already = self.gateway.wait();
    }
}

/// Starts the gateway and the simulated API in the scenario's home.
fn serve(root: &Path, scratch: &Scratch, (number, scenario): (usize, &Scenario)) -> Result<Child> {
    let home = scratch.folder("home")?;
    let mut command = Command::new(super::keyreeve(root));
    environment::scrub(&mut command, &home);
    // A port of five digits, like those the system gives out: the relay puts it in place of its own.
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
    let log = fs::File::create(scratch.file(LOG)).context("make the gateway's log")?;
    command
        .current_dir(&home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log);
    command.spawn().context("start keyreeve serve")
}

/// Waits for the first line on standard output, which is JSON.
fn ready(gateway: &mut Child) -> Result<Value> {
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
    let Ok(line) = receiver.recv_timeout(READY_LIMIT) else {
        bail!("the gateway was not ready in {READY_LIMIT:?}");
    };
    let line = line?;
    ensure!(!line.is_empty(), "the gateway ended before it was ready");
    serde_json::from_str(&line)
        .with_context(|| format!("the gateway's first line is no JSON: {line}"))
}

fn authority(url: &str) -> &str {
    url.trim_start_matches("http://").trim_end_matches('/')
}

fn at_file(path: &Path) -> String {
    format!("@{}", path.display())
}

fn curl_body(act: Act) -> String {
    let model = if act == Act::Error {
        "claude-of-nobody"
    } else {
        "claude-opus-5-5"
    };
    let mut body = serde_json::json!({
        "model": model,
        "max_tokens": 64,
        "stream": act == Act::Stream,
        "system": [{ "type": "text", "text": "You are terse.  Two spaces stay two." }],
        "messages": [{ "role": "user", "content": "Use the tool where there is one; else say h\u{00e9}llo." }],
    });
    if act == Act::Tool {
        let schema = serde_json::json!({ "type": "object", "properties": {}, "required": [] });
        body["tools"] = serde_json::json!([{ "name": "look", "input_schema": schema }]);
        body["tool_choice"] = serde_json::json!({ "type": "tool", "name": "look" });
    }
    format!("{body:#}\n")
}

/// A key of the same look that nobody made: two characters of its random part have changed places with others.
fn another(key: &str) -> String {
    let swap = |c: char| if c == 'a' { 'b' } else { 'a' };
    let at = key.len() / 2;
    let (before, after) = key.split_at(at);
    let mut rest = after.chars();
    let changed = rest.next().map(swap);
    before.chars().chain(changed).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::{another, authority};

    #[test]
    fn another_key_has_the_same_length_and_differs() {
        let key = format!("krv_{}_{}_{}", "k".repeat(8), "a".repeat(32), "c".repeat(6));
        assert_eq!(another(&key).len(), key.len());
        assert_ne!(another(&key), key);
    }

    #[test]
    fn a_base_url_gives_host_and_port() {
        assert_eq!(authority("http://127.0.0.1:8484/"), "127.0.0.1:8484");
    }
}
