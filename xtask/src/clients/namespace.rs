//! Network namespaces: created directly as root, or within a user namespace if the kernel permits it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::environment;

/// Method to create a network namespace.
#[derive(Clone, Copy)]
pub(crate) enum Namespace {
    /// `unshare -n`
    AsRoot,
    /// `unshare -r -n`
    AsUser,
}

/// Returns the first method that works, or `None` if none does.
pub(crate) fn detect() -> Option<Namespace> {
    [Namespace::AsRoot, Namespace::AsUser]
        .into_iter()
        .find(|namespace| {
            let mut command = namespace.command(Path::new("true"));
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        })
}

impl Namespace {
    /// Returns a command that runs a program in a new namespace.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        match self {
            Self::AsRoot => command.arg("-n"),
            Self::AsUser => command.args(["-r", "-n"]),
        };
        command.arg("--").arg(program);
        command
    }
}

/// Prepares the current namespace: enables loopback and checks that there is no other network.
pub(crate) fn prepare(root: &Path) -> Result<()> {
    let mut up = if let Some(ip) = environment::find_program("ip") {
        let mut command = Command::new(ip);
        command.args(["link", "set", "lo", "up"]);
        command
    } else {
        let mut command = Command::new("python3");
        command.arg(root.join("xtask/clients/loopback_up.py"));
        command
    };
    ensure!(
        up.status().context("cannot enable loopback")?.success(),
        "cannot enable loopback"
    );
    let interfaces =
        fs::read_to_string("/proc/net/dev").context("cannot list the network interfaces")?;
    let names: Vec<&str> = interfaces
        .lines()
        .filter_map(|line| Some(line.split_once(':')?.0.trim()))
        .collect();
    ensure!(
        names.contains(&"lo") && routes()? == 0,
        "the namespace has other networks: {names:?}"
    );
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen on loopback")?;
    TcpStream::connect(listener.local_addr()?).context("cannot connect to loopback")?;
    Ok(())
}

/// Returns the number of routes: the lines of the routing table without its heading.
fn routes() -> Result<usize> {
    let table = fs::read_to_string("/proc/net/route").context("cannot read the routing table")?;
    Ok(table.lines().skip(1).count())
}
