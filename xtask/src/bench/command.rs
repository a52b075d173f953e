//! keyreeve commands with a home directory of the benchmark's own, and the time that a command takes.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::environment::{self, Scratch};
use crate::programs::Server;

/// Returns a keyreeve command with a home directory below a scratch directory.
pub(super) fn command(scratch: &Scratch, binary: &Path) -> Result<Command> {
    Ok(command_at(&scratch.folder("home")?, binary))
}

/// Returns a keyreeve command with this home directory.
pub(super) fn command_at(home: &Path, binary: &Path) -> Command {
    let mut command = Command::new(binary);
    environment::scrub(&mut command, home);
    command
        .env("KEYREEVE_HOME", home.join("keyreeve"))
        .arg("--no-input");
    command
}

/// Starts `keyreeve serve --json` and waits until it reports that it is ready.
pub(super) fn start_serve(serve: &mut Command) -> Result<Server> {
    let (serve, _ready) = Server::start(serve.stderr(Stdio::null()))?;
    Ok(serve)
}

/// Returns the time a command takes from start to exit.
pub(super) fn time_command(command: &mut Command, input: &[u8]) -> Result<Duration> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[expect(
        clippy::disallowed_methods,
        reason = "measures another process in real time"
    )]
    let started = Instant::now();
    let mut child = command.spawn().context("cannot start the command")?;
    let mut stdin = child
        .stdin
        .take()
        .context("the command has no standard input")?;
    // `true` may exit before it is written to.
    let _exited = stdin.write_all(input);
    drop(stdin);
    ensure!(child.wait()?.success(), "the command failed");
    Ok(started.elapsed())
}
