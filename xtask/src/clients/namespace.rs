//! Makes the network namespace: as root directly, as another user inside a user namespace, where the kernel allows it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::environment;

/// How this machine lets us make one.
#[derive(Clone, Copy)]
pub(crate) enum Namespace {
    /// `unshare -n`
    AsRoot,
    /// `unshare -r -n`
    AsUser,
}

/// Tries which way works; none where neither does.
pub(crate) fn kind() -> Option<Namespace> {
    [Namespace::AsRoot, Namespace::AsUser]
        .into_iter()
        .find(|kind| {
            let mut command = kind.command(Path::new("true"));
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        })
}

impl Namespace {
    /// The command that runs a program inside a new one.
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

/// Inside: brings loopback up, and makes sure that there is nothing else.
pub(crate) fn prepare(root: &Path) -> Result<()> {
    let mut up = if let Some(ip) = environment::find("ip") {
        let mut command = Command::new(ip);
        command.args(["link", "set", "lo", "up"]);
        command
    } else {
        let mut command = Command::new("python3");
        command.arg(root.join("xtask/clients/loopback_up.py"));
        command
    };
    ensure!(
        up.status().context("bring loopback up")?.success(),
        "loopback does not come up"
    );
    let interfaces = fs::read_to_string("/proc/net/dev").context("list the interfaces")?;
    let names: Vec<&str> = interfaces
        .lines()
        .filter_map(|line| Some(line.split_once(':')?.0.trim()))
        .collect();
    ensure!(
        names.contains(&"lo") && routes()? == 0,
        "not alone here: {names:?}"
    );
    let listener = TcpListener::bind("127.0.0.1:0").context("listen on loopback")?;
    TcpStream::connect(listener.local_addr()?).context("reach loopback")?;
    Ok(())
}

/// How many routes lead out: the lines of the table below its heading.
fn routes() -> Result<usize> {
    let table = fs::read_to_string("/proc/net/route").context("list the routes")?;
    Ok(table.lines().skip(1).count())
}
