//! Runs a test again in a process whose system calls fail or kill it, by `strace`.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Returns a command that runs a program under `strace` with these arguments.
fn command(arguments: &[&str], program: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-qq", "-o", "/dev/null"]);
    command.args(arguments).arg(program).stdin(Stdio::null());
    command
}

/// Returns the reason for which this machine cannot trace processes.
pub(crate) fn unavailable() -> Option<String> {
    match command(&["-e", "trace=fsync"], Path::new("true")).output() {
        Err(error) => Some(format!("cannot start strace: {error}")),
        Ok(Output { status, .. }) => (!status.success()).then(|| "strace is not allowed".into()),
    }
}

/// Runs an ignored test of this binary under `strace`, with this variable set.
pub(crate) fn run_test(arguments: &[&str], test: &str, variable: (&str, &Path)) -> Output {
    let program = Path::new("/proc/self/exe").canonicalize().unwrap();
    command(arguments, &program)
        .args(["--exact", test, "--ignored"])
        .env(variable.0, variable.1)
        .output()
        .unwrap()
}
