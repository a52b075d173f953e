//! Setup of the benchmark: keyreeve and nginx as proxies in front of the same upstream.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::load::Target;
use super::nginx::Nginx;
use super::process::resident_mib;
use crate::environment::{self, Scratch};
use crate::programs::{Server, ensure_success, release_keyreeve, run_with_input};

const UPSTREAM_PORT: u16 = 18_701;
const PROXY_PORT: u16 = 18_702;
const GATEWAY_PORT: u16 = 18_703;

/// The running proxies and their upstream; all are stopped on drop.
pub(super) struct Setup {
    binary: PathBuf,
    _upstream: Nginx,
    proxy: Nginx,
    gateway: Server,
    key: String,
    pub(super) idle_mib: u64,
    /// The last field, so that the directory is removed after the processes that write to it have ended.
    scratch: Scratch,
}

impl Setup {
    /// Starts the upstream and both proxies.
    pub(super) fn start(root: &Path) -> Result<Self> {
        let scratch = Scratch::new(&environment::target_dir(root), "bench")?;
        let binary = release_keyreeve(root);
        let folder = scratch.folder("nginx")?;
        let upstream = Nginx::upstream(&folder, UPSTREAM_PORT)?;
        let proxy = Nginx::proxy(&folder, PROXY_PORT, UPSTREAM_PORT)?;
        let key = add_profile_and_key(&scratch, &binary)?;
        let gateway = start_gateway(&scratch, &binary)?;
        let idle_mib = resident_mib(gateway.id())?;
        Ok(Self {
            scratch,
            binary,
            _upstream: upstream,
            proxy,
            gateway,
            key,
            idle_mib,
        })
    }

    /// Returns a keyreeve command that uses the setup's home directory.
    pub(super) fn keyreeve(&self) -> Result<Command> {
        command(&self.scratch, &self.binary)
    }

    pub(super) fn nginx_target(&self) -> Result<Target> {
        self.target(PROXY_PORT, self.proxy.worker()?)
    }

    pub(super) fn keyreeve_target(&self) -> Result<Target> {
        self.target(GATEWAY_PORT, vec![self.gateway.id()])
    }

    fn target(&self, port: u16, processes: Vec<u32>) -> Result<Target> {
        Ok(Target {
            url: format!("http://127.0.0.1:{port}/v1/messages"),
            key: self.key.clone(),
            processes,
            folder: self.scratch.folder("load")?,
        })
    }
}

/// Returns a keyreeve command with a home directory below a scratch directory.
pub(super) fn command(scratch: &Scratch, binary: &Path) -> Result<Command> {
    let home = scratch.folder("home")?;
    let mut command = Command::new(binary);
    environment::scrub(&mut command, &home);
    command
        .env("KEYREEVE_HOME", home.join("keyreeve"))
        .arg("--no-input");
    Ok(command)
}

/// Adds a profile for the upstream and a key for it; returns the key.
fn add_profile_and_key(scratch: &Scratch, binary: &Path) -> Result<String> {
    let origin = format!("http://127.0.0.1:{UPSTREAM_PORT}");
    let mut add = command(scratch, binary)?;
    add.args(["profile", "add", "upstream", "--stdin"]);
    add.args(["--insecure-loopback", "--origin", &origin]);
    let output = run_with_input(&mut add, b"made-up-bearer-token\n")?;
    ensure_success("keyreeve profile add", &output)?;
    let output = command(scratch, binary)?
        .args(["key", "add", "load", "--profile", "upstream", "--json"])
        .output()?;
    let created: Value =
        serde_json::from_slice(&output.stdout).context("keyreeve key add printed no JSON")?;
    Ok(created["key"]
        .as_str()
        .context("keyreeve key add printed no key")?
        .to_owned())
}

/// Starts the gateway on its core.
fn start_gateway(scratch: &Scratch, binary: &Path) -> Result<Server> {
    let inner = command(scratch, binary)?;
    let mut pinned = Command::new("taskset");
    pinned.args(["-c", "0"]).arg(binary).args(inner.get_args());
    pinned.env_clear().envs(
        inner
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let address = format!("127.0.0.1:{GATEWAY_PORT}");
    start_serve(pinned.args(["serve", "--json", "--listen", &address]))
}

/// Starts `keyreeve serve --json` and waits until it reports that it is ready.
pub(super) fn start_serve(serve: &mut Command) -> Result<Server> {
    let (serve, _ready) = Server::start(serve.stderr(Stdio::null()))?;
    Ok(serve)
}
