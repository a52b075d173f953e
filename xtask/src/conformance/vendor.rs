//! Stands in for the vendor's own hosts: ends TLS inside the namespace with a certificate made for the run.
//!
//! Invariants: a client is led there by a hosts file of its own, in a mount namespace of its own; nothing of it outlasts
//! the run.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::upstream::Upstream;

/// The origin that clients use of themselves.
pub(super) const ORIGIN: &str = "https://api.anthropic.com";

/// The hosts that are led here.
const HOSTS: [&str; 2] = ["api.anthropic.com", "platform.claude.com"];

/// Puts a file in the place of the hosts file and becomes the program that is given behind it.
const WITH_HOSTS: &str = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";

/// The stand-in; it ends with its owner.
pub(super) struct Vendor {
    server: Child,
    /// What clients must trust.
    pub(super) certificate: PathBuf,
}

impl Vendor {
    /// Makes a certificate in a folder and starts the stand-in.
    pub(super) fn start(root: &Path, folder: &Path) -> Result<Self> {
        let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.join(name));
        let names = HOSTS.map(|host| format!("DNS:{host}")).join(",");
        let mut openssl = Command::new("openssl");
        openssl
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args(["-subj", "/CN=stand-in", "-addext"])
            .arg(format!("subjectAltName={names}"))
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate);
        run(openssl).context("make a certificate")?;
        let hosts = folder.join("hosts");
        fs::write(&hosts, "")?;
        run(with_hosts(&hosts, Path::new("true"))).context("give a client its own hosts file")?;
        let mut server = Command::new("python3")
            .arg(root.join("xtask/clients/tls_stand_in.py"))
            .args([&certificate, &key])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("start the stand-in")?;
        let mut ready = String::new();
        if let Some(stdout) = server.stdout.take() {
            BufReader::new(stdout).read_line(&mut ready)?;
        }
        let vendor = Self {
            server,
            certificate,
        };
        ensure!(ready.trim() == "ready", "the stand-in ended at once");
        Ok(vendor)
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        let _ended_already = self.server.kill();
        let _waited_already = self.server.wait();
    }
}

/// A hosts file that leads the vendor's hosts to a listener: its port is written as an address.
pub(super) fn hosts(upstream: &Upstream) -> String {
    let [high, low] = upstream.port().to_be_bytes();
    let own = "127.0.0.1 localhost".to_owned();
    let led = HOSTS.map(|host| format!("127.{high}.{low}.1 {host}"));
    [&[own], &led[..]].concat().join("\n") + "\n"
}

/// The command that runs a program with a hosts file of its own; arguments may follow.
pub(super) fn with_hosts(hosts: &Path, program: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-m", "--", "sh", "-c", WITH_HOSTS]);
    command.arg(hosts).arg(program);
    command
}

fn run(mut command: Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", said.trim());
    Ok(())
}
