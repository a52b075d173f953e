//! Scenarios in which keyreeve issues the client's key: by `helper`, by `credential`, or by a linked profile.
//!
//! Such a client connects to the gateway without the relay, because keyreeve issues keys only for its own gateway.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::compare;
use super::fixture::Fixture;
use super::scenario::Action;
use crate::programs::{Program, install, keyreeve};
use crate::{environment, http};

/// Sets up a client to which keyreeve issues a key.
pub(super) fn client(
    fixture: &Fixture,
    program: Program,
    action: Action,
    file: &Path,
) -> Result<Command> {
    let home = fixture.client_home()?;
    let mut command = Command::new(file);
    prepare(&mut command, fixture, &home)?;
    match (action, program) {
        (Action::Provider, Program::Typescript(_)) => {
            // Node looks for modules relative to the importing file.
            let example = install::folder(fixture.root(), program).join("example.mjs");
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
            let settings =
                serde_json::json!({ "apiKeyHelper": "keyreeve helper --profile sandbox" });
            fs::create_dir_all(home.join(".claude"))?;
            fs::write(home.join(".claude/settings.json"), settings.to_string())?;
            command
                .env("ANTHROPIC_BASE_URL", &fixture.gateway_url)
                .args(["-p", "hi"]);
        }
        (_, _) => {
            link(fixture, &home)?;
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
    let requests = http::get(&fixture.sandbox, "/_sandbox/requests")?;
    let requests: Vec<&Value> = requests["data"].as_array().into_iter().flatten().collect();
    ensure!(
        requests.len() == 1 && requests[0]["status"] == 200,
        "not exactly one successful request: {requests:?}"
    );
    compare::check_credential_replaced(&fixture.key, requests[0])?;
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

/// Sets the environment of a user with `keyreeve` on the `PATH`.
fn prepare(command: &mut Command, fixture: &Fixture, home: &Path) -> Result<()> {
    environment::scrub(command, home);
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
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .current_dir(home)
        .stdin(Stdio::null());
    Ok(())
}

/// Runs `keyreeve profile link` for the client's home.
fn link(fixture: &Fixture, home: &Path) -> Result<()> {
    let mut command = Command::new(keyreeve(fixture.root()));
    prepare(&mut command, fixture, home)?;
    let output = command
        .args(["profile", "link", "sandbox", "--no-input"])
        .output()?;
    ensure!(
        output.status.success(),
        "keyreeve profile link failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
