//! What is measured: keyreeve in a home of its own and nginx, both in front of the same upstream.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::load::Target;
use super::nginx::Nginx;
use super::process::resident_mib;
use crate::environment;
use crate::scratch::Scratch;

const UPSTREAM: u16 = 18_701;
const PROXY: u16 = 18_702;
const GATEWAY: u16 = 18_703;

/// The stage; everything on it ends with it.
pub(super) struct Stage {
    binary: PathBuf,
    _upstream: Nginx,
    proxy: Nginx,
    gateway: Child,
    key: String,
    pub(super) idle_mib: u64,
    /// Last, so that it goes when nobody writes in it any more.
    scratch: Scratch,
}

impl Stage {
    /// Starts everything.
    pub(super) fn set(root: &Path) -> Result<Self> {
        let target = environment::target(root);
        let scratch = Scratch::new(&target, "bench")?;
        let binary = target.join("release/keyreeve");
        let folder = scratch.folder("nginx")?;
        let upstream = Nginx::upstream(&folder, UPSTREAM)?;
        let proxy = Nginx::proxy(&folder, PROXY, UPSTREAM)?;
        let key = fill(&scratch, &binary)?;
        let gateway = serve(&scratch, &binary)?;
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

    /// One of keyreeve's commands, in the stage's home.
    pub(super) fn keyreeve(&self) -> Result<Command> {
        command(&self.scratch, &self.binary)
    }

    pub(super) fn nginx_target(&self) -> Result<Target> {
        self.target(PROXY, self.proxy.worker()?)
    }

    pub(super) fn keyreeve_target(&self) -> Result<Target> {
        self.target(GATEWAY, vec![self.gateway.id()])
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

impl Drop for Stage {
    fn drop(&mut self) {
        let _ended_already = self.gateway.kill();
        let _waited_already = self.gateway.wait();
    }
}

/// One of keyreeve's commands, in a home below a scratch folder.
pub(super) fn command(scratch: &Scratch, binary: &Path) -> Result<Command> {
    let home = scratch.folder("home")?;
    let mut command = Command::new(binary);
    environment::scrub(&mut command, &home);
    command
        .env("KEYREEVE_HOME", home.join("keyreeve"))
        .arg("--no-input");
    Ok(command)
}

/// Adds a profile that leads to the upstream, and a key for it.
fn fill(scratch: &Scratch, binary: &Path) -> Result<String> {
    let mut adding = command(scratch, binary)?
        .args([
            "profile",
            "add",
            "upstream",
            "--stdin",
            "--insecure-loopback",
            "--origin",
        ])
        .arg(format!("http://127.0.0.1:{UPSTREAM}"))
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    adding
        .stdin
        .take()
        .context("no standard input")?
        .write_all(b"made-up-bearer-token\n")?;
    ensure!(adding.wait()?.success(), "keyreeve profile add failed");
    let output = command(scratch, binary)?
        .args(["key", "add", "load", "--profile", "upstream", "--json"])
        .output()?;
    let made: Value = serde_json::from_slice(&output.stdout).context("keyreeve key add")?;
    Ok(made["key"]
        .as_str()
        .context("keyreeve key add printed no key")?
        .to_owned())
}

/// Starts the gateway on its core and waits until it says that it is ready.
fn serve(scratch: &Scratch, binary: &Path) -> Result<Child> {
    let inner = command(scratch, binary)?;
    let mut pinned = Command::new("taskset");
    pinned.args(["-c", "0"]).arg(binary).args(inner.get_args());
    pinned.env_clear().envs(
        inner
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let mut gateway = pinned
        .args([
            "serve",
            "--json",
            "--listen",
            &format!("127.0.0.1:{GATEWAY}"),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("start keyreeve serve")?;
    let mut line = String::new();
    let stdout = gateway.stdout.take().context("no standard output")?;
    BufReader::new(stdout).read_line(&mut line)?;
    ensure!(!line.is_empty(), "keyreeve serve ended before it was ready");
    Ok(gateway)
}
