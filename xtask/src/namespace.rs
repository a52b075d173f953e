//! Network namespaces: created directly as root, or within a user namespace if the kernel permits it; and the xtask
//! commands that run in one.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::output::Outcome;
use crate::{environment, output};

/// Method to create a network namespace.
#[derive(Clone, Copy)]
enum Namespace {
    /// `unshare -n`
    AsRoot,
    /// `unshare -r -n`
    AsUser,
}

/// Returns the first method that works, or `None` if none does.
fn detect() -> Option<Namespace> {
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
    fn command(self, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        match self {
            Self::AsRoot => command.arg("-n"),
            Self::AsUser => command.args(["-r", "-n"]),
        };
        command.arg("--").arg(program);
        command
    }
}

/// Skip reason of everything that needs a network namespace.
pub(crate) const NO_NAMESPACE_REASON: &str =
    "network namespaces are not permitted on this machine (unshare -n, unshare -rn)";

/// Runs an xtask command in a new namespace, prints its output and returns the outcomes in it, or `None` if
/// namespaces are not permitted.
pub(crate) fn in_namespace(root: &Path, arguments: &[&str]) -> Result<Option<Vec<Outcome>>> {
    let Some(namespace) = detect() else {
        return Ok(None);
    };
    let mut command = namespace.command(&std::env::current_exe()?);
    command
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .context("cannot enter the network namespace")?;
    let mut outcomes = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            output::print_line(&line);
            outcomes.extend(Outcome::parse(&line));
        }
    }
    let status = child.wait()?;
    ensure!(status.success(), "{} failed", arguments.join(" "));
    Ok(Some(outcomes))
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
