//! Simulated Anthropic hosts: a TLS proxy inside the namespace, with a certificate created for the run.
//!
//! Invariants: clients reach it through a hosts file in their own mount namespace; nothing of it remains after the run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::programs::{Server, ensure_success};

/// The origin that clients use by default.
pub(super) const ORIGIN: &str = "https://api.anthropic.com";

/// The simulated hosts: Anthropic's, and those of clouds in the regions that drawn worlds name.
const HOSTS: [&str; 8] = [
    "api.anthropic.com",
    "platform.claude.com",
    "bedrock-runtime.us-east-1.amazonaws.com",
    "bedrock-mantle.us-east-1.api.aws",
    "aws-external-anthropic.us-east-1.api.aws",
    "us-east5-aiplatform.googleapis.com",
    "claude.googleapis.com",
    "made-up.services.ai.azure.com",
];

/// Shell command that mounts a file over `/etc/hosts` and executes the program in the remaining arguments.
const WITH_HOSTS: &str = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";

/// The TLS proxy of the simulated hosts; stopped on drop.
pub(super) struct AnthropicHosts {
    _proxy: Server,
    /// The certificate that clients must trust.
    pub(super) certificate: PathBuf,
}

impl AnthropicHosts {
    /// Creates a certificate in a directory and starts the proxy.
    pub(super) fn start(root: &Path, folder: &Path) -> Result<Self> {
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.join(name));
        let names = HOSTS.map(|host| format!("DNS:{host}")).join(",");
        let mut openssl = Command::new("openssl");
        openssl
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args(["-subj", "/CN=simulated", "-addext"])
            .arg(format!("subjectAltName={names}"))
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate);
        run_command("openssl", openssl).context("cannot create a certificate")?;
        let file = folder.join("hosts");
        fs::write(&file, "")?;
        run_command("mount", with_hosts(&file, Path::new("true")))
            .context("cannot mount a hosts file")?;
        let mut proxy = Command::new("python3");
        proxy
            .arg(root.join("xtask/clients/tls_proxy.py"))
            .args([&certificate, &key]);
        let (proxy, _ready) = Server::start(&mut proxy).context("cannot start the TLS proxy")?;
        Ok(Self {
            _proxy: proxy,
            certificate,
        })
    }
}

/// Returns a hosts file that directs the simulated hosts to a listener on a port, which is encoded in the address.
pub(super) fn hosts_file(port: u16) -> String {
    let [high, low] = port.to_be_bytes();
    let localhost = "127.0.0.1 localhost".to_owned();
    let simulated = HOSTS.map(|host| format!("127.{high}.{low}.1 {host}"));
    [&[localhost], &simulated[..]].concat().join("\n") + "\n"
}

/// Returns a command that runs a program with another hosts file; arguments may follow.
pub(super) fn with_hosts(hosts_file: &Path, program: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-m", "--", "sh", "-c", WITH_HOSTS]);
    command.arg(hosts_file).arg(program);
    command
}

fn run_command(name: &str, mut command: Command) -> Result<()> {
    ensure_success(name, &command.stdin(Stdio::null()).output()?)
}
