//! The proxies that are measured, each in a process of its own and with the same upstream.

use std::fs::{self, OpenOptions};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::super::command::command_at;
use super::super::process::{Memory, cpu_micros, memory_mib};
use super::nginx::{Buffering, ForwardTo, Nginx, Place};
use super::pinned::pinned;
use super::{CREDENTIAL, PROXY_CORE};
use crate::programs::{Server, ensure_success, run_with_input};

/// The key that clients of nginx and of the minimal proxy send; as long as keyreeve's.
const KEY: &str = "made-up-client-key-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// A thing with its name in the tables.
pub(super) type Named<T> = (String, T);

/// A running proxy; stopped on drop.
pub(super) struct Proxy {
    pub(super) port: u16,
    /// The key that its clients send.
    pub(super) key: String,
    process: Process,
}

enum Process {
    Nginx(Nginx),
    Other(Server),
}

impl Proxy {
    /// Returns the CPU time so far of the processes that serve, in microseconds.
    pub(super) fn cpu_micros(&self) -> Result<f64> {
        self.pids()?.into_iter().map(cpu_micros).sum()
    }

    /// Returns the memory of the processes that serve, in MiB.
    pub(super) fn memory_mib(&self, memory: Memory) -> Result<f64> {
        let pids = self.pids()?;
        pids.into_iter().map(|pid| memory_mib(pid, memory)).sum()
    }

    fn pids(&self) -> Result<Vec<u32>> {
        match &self.process {
            Process::Nginx(nginx) => nginx.worker(),
            Process::Other(server) => Ok(vec![server.id()]),
        }
    }
}

/// The upstream of a proxy, on 127.0.0.1.
#[derive(Clone, Copy)]
pub(super) struct Upstream<'a> {
    pub(super) port: u16,
    /// PEM file of its certificate authority, if it is reached with TLS.
    pub(super) ca_file: Option<&'a Path>,
    pub(super) buffering: Buffering,
}

impl Upstream<'_> {
    fn origin(self) -> String {
        match self.ca_file {
            None => format!("http://127.0.0.1:{}", self.port),
            Some(_) => format!("https://localhost:{}", self.port),
        }
    }
}

/// Starts nginx.
pub(super) fn start_nginx(folder: &Path, upstream: Upstream<'_>) -> Result<Proxy> {
    let port = free_port()?;
    let place = Place {
        folder,
        name: &format!("proxy-{port}"),
        port,
        core: PROXY_CORE,
    };
    let to = ForwardTo {
        port: upstream.port,
        ca_file: upstream.ca_file,
        buffering: upstream.buffering,
    };
    Ok(Proxy {
        port,
        key: KEY.to_owned(),
        process: Process::Nginx(Nginx::proxy(place, KEY, to)?),
    })
}

/// Starts the minimal proxy.
pub(super) fn start_minimal(programs: &Path, upstream: Upstream<'_>) -> Result<Proxy> {
    let port = free_port()?;
    let mut command = pinned(PROXY_CORE, programs);
    command.env_clear().arg("minimal-proxy");
    command.args(["--port", &port.to_string(), "--key", KEY]);
    command.args(["--credential", CREDENTIAL, "--upstream", &upstream.origin()]);
    if let Some(file) = upstream.ca_file {
        command.arg("--ca-file").arg(file);
    }
    let (server, _ready) = Server::start(&mut command)?;
    Ok(Proxy {
        port,
        key: KEY.to_owned(),
        process: Process::Other(server),
    })
}

/// A home directory of keyreeve with a profile for the upstream and a key.
pub(super) struct Home {
    folder: PathBuf,
    binary: PathBuf,
    key: String,
}

impl Home {
    /// Creates the store in an empty folder.
    pub(super) fn create(folder: PathBuf, binary: &Path, upstream: Upstream<'_>) -> Result<Self> {
        let mut home = Self {
            folder,
            binary: binary.to_owned(),
            key: String::new(),
        };
        if let Some(file) = upstream.ca_file {
            let config = home.folder.join("keyreeve/config");
            fs::create_dir_all(&config).context("cannot create the configuration")?;
            let text = format!("[upstream]\nca_file = '{}'\n", file.display());
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut file = options.open(config.join("config.toml"))?;
            std::io::Write::write_all(&mut file, text.as_bytes())?;
        }
        home.add_profile("upstream", upstream)?;
        home.key = home.add_key("load", "upstream")?;
        Ok(home)
    }

    /// Adds a profile for the upstream.
    pub(super) fn add_profile(&self, name: &str, upstream: Upstream<'_>) -> Result<()> {
        let mut add = self.command();
        add.args(["profile", "add", name, "--stdin"]);
        add.args(["--origin", &upstream.origin()]);
        if upstream.ca_file.is_none() {
            add.arg("--insecure-loopback");
        }
        let output = run_with_input(&mut add, format!("{CREDENTIAL}\n").as_bytes())?;
        ensure_success("keyreeve profile add", &output)
    }

    /// Adds a key for a profile and returns it.
    pub(super) fn add_key(&self, name: &str, profile: &str) -> Result<String> {
        let output = self
            .command()
            .args(["key", "add", name, "--profile", profile, "--json"])
            .output()?;
        ensure_success("keyreeve key add", &output)?;
        let created: Value =
            serde_json::from_slice(&output.stdout).context("keyreeve key add printed no JSON")?;
        let key = created["key"].as_str();
        Ok(key.context("keyreeve key add printed no key")?.to_owned())
    }

    /// Returns the directory that keyreeve has for itself.
    pub(super) fn keyreeve_folder(&self) -> PathBuf {
        self.folder.join("keyreeve")
    }

    /// Returns a keyreeve command with this home directory.
    pub(super) fn command(&self) -> Command {
        command_at(&self.folder, &self.binary)
    }

    /// Starts `keyreeve serve` on these cores, with its log in a file that only its owner can read.
    pub(super) fn serve(&self, cores: &str) -> Result<Proxy> {
        let port = free_port()?;
        let inner = self.command();
        let mut command = pinned(cores, &self.binary);
        command.args(inner.get_args());
        let variables = inner.get_envs();
        command
            .env_clear()
            .envs(variables.filter_map(|(name, value)| Some((name, value?))));
        command.args(["serve", "--json", "--listen", &format!("127.0.0.1:{port}")]);
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(self.folder.join("serve.log"))
            .context("cannot create the log")?;
        let (server, _ready) = Server::start(command.stderr(log))?;
        Ok(Proxy {
            port,
            key: self.key.clone(),
            process: Process::Other(server),
        })
    }
}

/// Returns a port that is free now.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    Ok(listener.local_addr()?.port())
}
