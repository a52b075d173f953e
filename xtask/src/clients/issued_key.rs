//! Scenarios in which keyreeve issues the client's key: by `helper`, by `credential`, or by a linked profile.
//!
//! Such a client connects to the gateway without the relay, because keyreeve issues keys only for its own gateway.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::compare;
use super::fixture::Fixture;
use super::scenario::Action;
use crate::programs::{Program, client, ensure_success, keyreeve};

/// Sets up a client to which keyreeve issues a key.
pub(super) fn client(
    fixture: &Fixture,
    program: Program,
    action: Action,
    file: &Path,
) -> Result<Command> {
    let mut command = user_command(fixture, file)?;
    match (action, program) {
        (Action::Provider, Program::Typescript(_)) => {
            // Node looks for modules relative to the importing file.
            let example = client::folder(fixture.root(), program).join("example.mjs");
            fs::copy(
                fixture.root().join("examples/credential-provider.mjs"),
                &example,
            )
            .context("cannot copy the example")?;
            command.arg(example);
        }
        (Action::Provider, _) => {
            command.arg(fixture.root().join("examples/credential_provider.py"));
        }
        (Action::KeyreeveHelper, _) => {
            fixture.set_api_key_helper("keyreeve helper --profile sandbox")?;
            command
                .env("ANTHROPIC_BASE_URL", &fixture.gateway_url)
                .args(["-p", "hi"]);
        }
        (_, _) => {
            link(fixture)?;
            command.env("ANTHROPIC_PROFILE", "sandbox");
            match program {
                Program::ClaudeCode(_) => command.args(["-p", "hi"]),
                _ => command
                    .arg(fixture.root().join("xtask/clients/python_sdk.py"))
                    .arg("plain"),
            };
        }
    }
    Ok(command)
}

/// Checks that one request reached the sandbox with the profile's credential, and that the ledger names the right key.
pub(super) fn check(fixture: &Fixture, action: Action, entry: &Value) -> Result<()> {
    let received = fixture.received()?;
    compare::check_credential_replaced(&fixture.key, compare::only_success(&received)?)?;
    let key = match action {
        Action::LinkedProfile => "sdk-sandbox",
        _ => "helper-sandbox",
    };
    ensure!(
        entry["ending"] == "done" && entry["status"] == 200 && entry["key"] == key,
        "not a completed attempt of {key}: {entry}"
    );
    Ok(())
}

/// Returns a command in the environment of a user with `keyreeve` on the `PATH`.
fn user_command(fixture: &Fixture, file: &Path) -> Result<Command> {
    let mut command = fixture.client_command(file)?;
    let program = keyreeve(fixture.root());
    let folder = program.parent().context("keyreeve has no directory")?;
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(
        [folder.to_owned()]
            .into_iter()
            .chain(env::split_paths(&path)),
    )?;
    let keyreeve_home = fixture.keyreeve_home()?;
    command
        .env("PATH", path)
        .env(
            "KEYREEVE_CONFIG_DIR",
            keyreeve_home.join(".config/keyreeve"),
        )
        .env(
            "KEYREEVE_DATA_DIR",
            keyreeve_home.join(".local/share/keyreeve"),
        )
        .env(
            "KEYREEVE_STATE_DIR",
            keyreeve_home.join(".local/state/keyreeve"),
        )
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    Ok(command)
}

/// Runs `keyreeve profile link` for the client's home.
fn link(fixture: &Fixture) -> Result<()> {
    let output = user_command(fixture, &keyreeve(fixture.root()))?
        .args(["profile", "link", "sandbox", "--no-input"])
        .output()?;
    ensure_success("keyreeve profile link", &output)
}
