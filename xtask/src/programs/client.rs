//! The client programs, each with a pinned version, and their installation in `target/clients`, with pip and npm and the
//! caller's settings.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::process::run_with_timeout;
use crate::{environment, output};

/// Time limit for one installation step, so that an unresponsive registry does not block the run.
const STEP_TIMEOUT: Duration = Duration::from_mins(3);

/// A client program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Program {
    Curl,
    /// The official Python SDK of this version.
    Python(&'static str),
    /// The official TypeScript SDK of this version, run by Node.
    Typescript(&'static str),
    /// A user's own script with httpx of this version.
    Httpx(&'static str),
    /// `langchain-core` of this version, with a user's own chat model.
    LangChain(&'static str),
    /// Claude Code of this version.
    ClaudeCode(&'static str),
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Curl => f.write_str("curl"),
            Self::Python(version) => write!(f, "python anthropic {version}"),
            Self::Typescript(version) => write!(f, "typescript anthropic {version}"),
            Self::Httpx(version) => write!(f, "python httpx {version}"),
            Self::LangChain(version) => write!(f, "langchain-core {version}"),
            Self::ClaudeCode(version) => write!(f, "claude code {version}"),
        }
    }
}

/// Returns a client's name for `keyreeve status --for`.
pub(crate) fn client_name(program: Program) -> String {
    match program {
        Program::Curl => "curl".to_owned(),
        Program::Python(version) => format!("sdk-python@{version}"),
        Program::Typescript(version) => format!("sdk-typescript@{version}"),
        Program::Httpx(version) => format!("httpx@{version}"),
        Program::LangChain(version) => format!("langchain@{version}"),
        Program::ClaudeCode(version) => format!("claude-code@{version}"),
    }
}

/// Installs the missing clients. If an installation fails, the scenarios of that client are skipped with the reason.
pub(crate) fn install_missing(root: &Path, programs: &[Program]) -> Result<()> {
    for &program in programs {
        if program_path(root, program).is_err() {
            output::print_line(format_args!("installing {program}"));
            fetch(root, program)?;
        }
    }
    Ok(())
}

/// Returns the path of a client's program, or the reason it is missing.
pub(crate) fn program_path(root: &Path, program: Program) -> Result<PathBuf, String> {
    let file = match program {
        Program::Curl => {
            return environment::find_program("curl")
                .ok_or_else(|| "curl is not installed".to_owned());
        }
        Program::Python(_) | Program::Httpx(_) | Program::LangChain(_) => {
            folder(root, program).join("bin/python")
        }
        Program::Typescript(_) => {
            return node(root, program);
        }
        Program::ClaudeCode(_) => {
            let package =
                claude_package().ok_or("Claude Code is not available for this platform")?;
            folder(root, program)
                .join("node_modules")
                .join(package)
                .join("claude")
        }
    };
    let complete = folder(root, program).join("complete").is_file() && file.is_file();
    if complete {
        Ok(file)
    } else {
        Err(format!("{program} could not be installed"))
    }
}

/// Returns the path of Node, which runs the TypeScript SDK.
fn node(root: &Path, program: Program) -> Result<PathBuf, String> {
    if !folder(root, program).join("complete").is_file() {
        return Err(format!("{program} could not be installed"));
    }
    environment::find_program("node").ok_or_else(|| "node is not installed".to_owned())
}

/// Returns the installation directory of a client.
pub(crate) fn folder(root: &Path, program: Program) -> PathBuf {
    let clients = environment::target_dir(root).join("clients");
    match program {
        Program::Curl => clients,
        Program::Python(version) => clients.join(format!("anthropic-{version}")),
        Program::Typescript(version) => clients.join(format!("anthropic-ts-{version}")),
        Program::Httpx(version) => clients.join(format!("httpx-{version}")),
        Program::LangChain(version) => clients.join(format!("langchain-core-{version}")),
        Program::ClaudeCode(version) => clients.join(format!("claude-code-{version}")),
    }
}

/// Installs a client in an empty directory and marks it complete if every step succeeds.
fn fetch(root: &Path, program: Program) -> Result<()> {
    let folder = folder(root, program);
    let steps = match program {
        Program::Curl => return Ok(()),
        Program::Python(version) => python_steps(&folder, &[&format!("anthropic=={version}")]),
        Program::Httpx(version) => python_steps(&folder, &[&format!("httpx=={version}")]),
        Program::LangChain(version) => {
            let core = format!("langchain-core=={version}");
            python_steps(&folder, &[&core, "httpx==0.28.1"])
        }
        Program::Typescript(version) => npm_steps(&folder, &format!("@anthropic-ai/sdk@{version}")),
        Program::ClaudeCode(version) => {
            let package = claude_package().unwrap_or_default();
            npm_steps(&folder, &format!("{package}@{version}"))
        }
    };
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot clear {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let succeeds = |mut step: Command| {
        step.stdin(Stdio::null());
        let output = run_with_timeout(step, STEP_TIMEOUT);
        if let Err(error) = &output {
            output::print_line(format_args!("{program}: {error:#}"));
        }
        output.is_ok_and(|output| {
            let stderr = String::from_utf8_lossy(&output.stderr);
            stderr.lines().for_each(output::print_line);
            output.status.success()
        })
    };
    if steps.into_iter().all(succeeds) {
        fs::write(folder.join("complete"), "").context("cannot mark the client complete")?;
    }
    Ok(())
}

fn python_steps(folder: &Path, packages: &[&str]) -> Vec<Command> {
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv"]).arg(folder);
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
    ]);
    pip.args(packages);
    vec![venv, pip]
}

/// Returns the npm steps. Claude Code's platform package contains a binary that needs neither Node nor install scripts.
fn npm_steps(folder: &Path, package: &str) -> Vec<Command> {
    let mut npm = Command::new("npm");
    npm.args([
        "install",
        "--no-save",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]);
    npm.arg("--prefix").arg(folder);
    npm.arg(package);
    vec![npm]
}

fn claude_package() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some("@anthropic-ai/claude-code-linux-x64"),
        ("linux", "aarch64") => Some("@anthropic-ai/claude-code-linux-arm64"),
        _ => None,
    }
}
