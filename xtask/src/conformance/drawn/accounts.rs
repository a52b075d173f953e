//! `cargo xtask conformance accounts`: the real Claude Code with two accounts, one of them bound to a directory by
//! `keyreeve protect`.
//!
//! Plain `claude` in an interactive shell must send the login of the second account in that directory, and the first
//! one's elsewhere.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};

use super::grammar::{LOGIN, LOGIN_ITEMS, MOVED_LOGIN};
use super::lab::Lab;
use super::run::is_billed;
use super::setup::WorldSetup;
use super::world::{DrawnItem, DrawnWorld};
use crate::conformance::anthropic_hosts;
use crate::namespace::{self, NO_NAMESPACE_REASON, in_namespace};
use crate::output::{self, Outcome};
use crate::programs::{Program, build, client, ensure_success, keyreeve, run_with_input};
use crate::tally::Tally;

const CLIENT: Program = Program::ClaudeCode("2.1.332");

/// Name of the outcome.
const OUTCOME: &str =
    "a directory bound by keyreeve protect uses the second account of Claude Code";

/// Runs the check alone.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    build(root, &["--quiet"])?;
    Ok(Tally::of(outcomes(root)?).report())
}

/// Installs the client, runs the check in the namespace, and returns its outcome.
pub(crate) fn outcomes(root: &Path) -> Result<Vec<Outcome>> {
    client::install_missing(root, &[CLIENT])?;
    let outcomes = in_namespace(root, &["conformance-accounts-inside"])?;
    Ok(outcomes.unwrap_or_else(|| {
        vec![Outcome::Skipped {
            name: OUTCOME.to_owned(),
            reason: NO_NAMESPACE_REASON.to_owned(),
        }]
    }))
}

/// Runs the check inside the namespace, and prints its outcome.
pub(crate) fn run_inside(root: &Path) -> Result<ExitCode> {
    namespace::prepare(root)?;
    let name = OUTCOME.to_owned();
    let mut items = LOGIN_ITEMS.to_vec();
    items.extend(LOGIN_ITEMS.iter().map(|item| match *item {
        DrawnItem::Document(_, text) => DrawnItem::Document(MOVED_LOGIN, text),
        item => item,
    }));
    let world = DrawnWorld {
        program: CLIENT,
        items,
    };
    let checked = Lab::new(root, "accounts")?.with_world(&world, |setup| check(root, setup));
    output::print_line(match checked {
        Ok(()) => Outcome::Passed { name },
        Err(error) => Outcome::Failed {
            name,
            reason: format!("{error:#}").replace('\n', " "),
        },
    });
    Ok(ExitCode::SUCCESS)
}

fn check(root: &Path, setup: &WorldSetup) -> Result<()> {
    let home = setup.folder.join("home");
    let work = setup.folder.join("project");
    let login = home.join("elsewhere");
    let mut protect = setup.command(&keyreeve(root));
    protect.args([
        "protect", "--yes", "--claude", "--bind", "work", "--shell", "bash",
    ]);
    protect
        .arg("--login")
        .arg(&login)
        .arg("--directory")
        .arg(&work);
    protect.env("PATH", path_with_client(root)?);
    let output = run_with_input(&mut protect, b"")?;
    ensure_success("keyreeve protect", &output)?;
    for (directory, place) in [(&work, MOVED_LOGIN), (&home, LOGIN)] {
        let received = tokens_received(root, setup, directory)?;
        let expected: Vec<String> = setup
            .planted
            .iter()
            .filter(|planted| planted.file.as_deref() == Some(&setup.absolute(place.path)))
            .filter_map(|planted| planted.tokens.first().cloned())
            .collect();
        ensure!(
            received == expected,
            "{}: expected {expected:?}, received {received:?}",
            directory.display()
        );
    }
    Ok(())
}

/// Returns a `PATH` that starts with the folder of the client.
fn path_with_client(root: &Path) -> Result<String> {
    let client = client::program_path(root, CLIENT).map_err(anyhow::Error::msg)?;
    let folder = client.parent().context("the client has no folder")?;
    Ok(format!("{}:/usr/bin:/bin", folder.display()))
}

/// Runs plain `claude` in an interactive shell, and returns the tokens of the billed requests, without duplicates.
fn tokens_received(root: &Path, setup: &WorldSetup, directory: &Path) -> Result<Vec<String>> {
    let mut shell = setup.command(Path::new("/bin/bash"));
    shell
        .arg("-i")
        .env("PATH", path_with_client(root)?)
        .env("HISTFILE", "/dev/null")
        .current_dir(directory);
    setup.listeners.take();
    let output = run_with_input(&mut shell, b"claude -p hi\nexit 0\n")?;
    let mut tokens = Vec::new();
    for (listener, request) in setup.listeners.take() {
        if !is_billed(&request) {
            continue;
        }
        ensure!(listener == anthropic_hosts::ORIGIN, "sent to {listener}");
        let headers = request.headers.iter();
        let mut bearer = headers.filter(|(name, _)| name == "authorization");
        let token = bearer
            .next()
            .map(|(_, value)| value.trim_start_matches("Bearer ").to_owned());
        let token = token.unwrap_or_default();
        if !tokens.contains(&token) {
            tokens.push(token);
        }
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!tokens.is_empty(), "nothing was sent: {text}");
    Ok(tokens)
}
