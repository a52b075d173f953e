//! Checks the syntax of a changed shell file with the shell that reads it, without running anything in it.
//!
//! Invariants: the shell reads the text from a pipe and reads no start-up file of the user; it has an empty environment
//! and a time limit; the text, which may contain a secret, is in no argument and in no other file.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use keyreeve_os::deadline::Deadline;
use keyreeve_os::programs;
use keyreeve_resolver::finding::ScriptKind;
use zeroize::Zeroizing;

/// Timeout of a check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);

/// Poll interval while a shell checks a text.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The result of a check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ShellCheck {
    /// A shell accepts the text.
    Accepted,
    /// No shell accepts the text; this one would read the file.
    Refused(&'static str),
    /// No shell for such a file is installed.
    NotChecked,
}

/// Checks a text with the shells that read files of this kind. One of them must accept it.
pub(crate) fn check(text: &str, kind: ScriptKind, path: &str) -> ShellCheck {
    let mut result = ShellCheck::NotChecked;
    for shell in kind.interpreters() {
        match programs::find(shell, path).map(|program| accepts(&program, shell, text)) {
            Some(true) => return ShellCheck::Accepted,
            Some(false) if result == ShellCheck::NotChecked => {
                result = ShellCheck::Refused(shell);
            }
            Some(false) | None => {}
        }
    }
    result
}

/// Returns the options by which a shell parses its standard input, runs nothing and reads no start-up file.
fn options(shell: &str) -> &'static [&'static str] {
    match shell {
        // Patterns of `extglob` are common, and without the option they are errors.
        "bash" => &["--norc", "--noprofile", "-O", "extglob", "-n", "-s"],
        "zsh" => &["-f", "-n", "-s"],
        "fish" => &["--no-config", "--no-execute"],
        _ => &["-n", "-s"],
    }
}

fn accepts(program: &Path, shell: &str, text: &str) -> bool {
    let spawned = Command::new(program)
        .args(options(shell))
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        // Its messages quote the text, and with it a secret.
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = spawned else {
        return false;
    };
    let input = child.stdin.take();
    let text = Zeroizing::new(text.to_owned());
    // The shell may stop reading early, or never start.
    let writer = std::thread::spawn(move || {
        if let Some(mut input) = input {
            let _read_or_not = input.write_all(text.as_bytes());
        }
    });
    let accepted = wait(&mut child);
    let _ended = writer.join();
    accepted
}

fn wait(child: &mut Child) -> bool {
    let deadline = Deadline::after(CHECK_TIMEOUT);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if deadline.sleep(POLL_INTERVAL) => {}
            Ok(None) | Err(_) => {
                let _already_ended = child.kill();
                let _status = child.wait();
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/usr/bin:/bin";

    /// F-08: the real shell judges a changed file without running it.
    #[test]
    fn shell_parses_without_running_anything() {
        let folder = tempfile::tempdir().unwrap();
        let marker = folder.path().join("ran");
        let runs = format!("touch {}\n", marker.display());
        assert_eq!(check(&runs, ScriptKind::Bash, PATH), ShellCheck::Accepted);
        assert!(!marker.exists());
        let empty_block = "if true; then\n# export A=b\nfi\n";
        assert_eq!(
            check(empty_block, ScriptKind::Bash, PATH),
            ShellCheck::Refused("bash")
        );
        let null_command = "if true; then\n: # export A=b\nfi\n";
        assert_eq!(
            check(null_command, ScriptKind::Sh, PATH),
            ShellCheck::Accepted
        );
        let only_in_bash = "a=(1 2)\nf() { echo \"${a[0]}\"; }\n";
        assert_eq!(
            check(only_in_bash, ScriptKind::Sh, PATH),
            ShellCheck::Accepted
        );
        for (kind, path) in [(ScriptKind::Bash, "/nowhere"), (ScriptKind::Nu, PATH)] {
            assert_eq!(check(empty_block, kind, path), ShellCheck::NotChecked);
        }
    }
}
