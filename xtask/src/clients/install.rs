//! Fetches the pinned clients under `target/clients`, once, with the ordinary package clients and the caller's settings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::inside::finish;
use super::program::Program;
use crate::{environment, say};

/// A registry that answers nothing must not hold everything up.
const STEP_LIMIT: Duration = Duration::from_mins(3);

/// Fetches each of these clients that is absent. One that cannot be had is left absent; its scenarios say so.
pub(crate) fn all(root: &Path, programs: &[Program]) -> Result<()> {
    for &program in programs {
        if program_path(root, program).is_err() {
            say::line(format_args!("installing {program}"));
            fetch(root, program)?;
        }
    }
    Ok(())
}

/// The program that a scenario starts, or why it is not there.
pub(crate) fn program_path(root: &Path, program: Program) -> Result<PathBuf, String> {
    let file = match program {
        Program::Curl => {
            return environment::find("curl").ok_or_else(|| "curl is not installed".to_owned());
        }
        Program::Python(_) | Program::Httpx(_) | Program::LangChain(_) => {
            folder(root, program).join("bin/python")
        }
        Program::Typescript(_) => {
            return node(root, program);
        }
        Program::ClaudeCode(_) => {
            let package = claude_package().ok_or("there is no Claude Code for this machine")?;
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

/// The program that runs the TypeScript SDK.
fn node(root: &Path, program: Program) -> Result<PathBuf, String> {
    if !folder(root, program).join("complete").is_file() {
        return Err(format!("{program} could not be installed"));
    }
    environment::find("node").ok_or_else(|| "node is not installed".to_owned())
}

/// Where a client is installed.
pub(crate) fn folder(root: &Path, program: Program) -> PathBuf {
    let clients = environment::target(root).join("clients");
    match program {
        Program::Curl => clients,
        Program::Python(version) => clients.join(format!("anthropic-{version}")),
        Program::Typescript(version) => clients.join(format!("anthropic-ts-{version}")),
        Program::Httpx(version) => clients.join(format!("httpx-{version}")),
        Program::LangChain(version) => clients.join(format!("langchain-core-{version}")),
        Program::ClaudeCode(version) => clients.join(format!("claude-code-{version}")),
    }
}

/// Installs into a clean folder and marks it complete only when every step went well.
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
        fs::remove_dir_all(&folder).with_context(|| format!("clear {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let went_well = |mut step: Command| {
        step.stdin(Stdio::null());
        let output = finish(step, STEP_LIMIT);
        if let Err(error) = &output {
            say::line(format_args!("{program}: {error:#}"));
        }
        output.is_ok_and(|output| {
            let said = String::from_utf8_lossy(&output.stderr);
            said.lines().for_each(say::line);
            output.status.success()
        })
    };
    if steps.into_iter().all(went_well) {
        fs::write(folder.join("complete"), "").context("mark the client complete")?;
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

/// Claude Code's package of the platform holds the binary, which needs no Node and no install script.
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
