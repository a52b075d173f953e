//! Scenarios in which the client gets its key from keyreeve itself: by `helper`, by `credential`, by a linked profile.
//!
//! Such a client goes straight to the gateway: keyreeve hands nothing to one that goes by way of the relay.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::compare;
use super::http;
use super::program::Program;
use super::scenario::Act;
use super::stage::Stage;
use crate::environment;

/// Sets up a client that is handed its key.
pub(super) fn client(stage: &Stage, program: Program, act: Act, file: &Path) -> Result<Command> {
    let home = stage.client_home()?;
    let mut command = Command::new(file);
    prepare(&mut command, stage, &home)?;
    match (act, program) {
        (Act::Provider, Program::Typescript(_)) => {
            // A module is looked for beside the file that wants it.
            let example = super::install::folder(stage.root(), program).join("example.mjs");
            fs::copy(
                stage.root().join("examples/credential-provider.mjs"),
                &example,
            )
            .context("copy the example")?;
            command.arg(example);
        }
        (Act::Provider, _) => {
            command.arg(stage.root().join("examples/credential_provider.py"));
        }
        (Act::OwnHelper, _) => {
            let settings =
                serde_json::json!({ "apiKeyHelper": "keyreeve helper --profile sandbox" });
            fs::create_dir_all(home.join(".claude"))?;
            fs::write(home.join(".claude/settings.json"), settings.to_string())?;
            command
                .env("ANTHROPIC_BASE_URL", &stage.gateway_url)
                .args(["-p", "hi"]);
        }
        (_, _) => {
            link(stage, &home)?;
            command.env("ANTHROPIC_PROFILE", "sandbox");
            match program {
                Program::ClaudeCode(_) => command.args(["-p", "hi"]),
                _ => command
                    .arg(stage.root().join("xtask/clients/python_sdk.py"))
                    .arg("plain"),
            };
        }
    }
    Ok(command)
}

/// Checks that one request came through with the profile's credential, and under whose key it stands.
pub(super) fn check(stage: &Stage, act: Act, row: &Value) -> Result<()> {
    let arrived = http::get(&stage.sandbox, "/_sandbox/requests")?;
    let arrived: Vec<&Value> = arrived["data"].as_array().into_iter().flatten().collect();
    ensure!(
        arrived.len() == 1 && arrived[0]["status"] == 200,
        "not one good answer: {arrived:?}"
    );
    compare::credential_was_exchanged(&stage.key, arrived[0])?;
    let key = match act {
        Act::Linked => "sdk-sandbox",
        _ => "helper-sandbox",
    };
    ensure!(
        row["ending"] == "done" && row["status"] == 200 && row["key"] == key,
        "not a finished row of {key}: {row}"
    );
    Ok(())
}

/// The environment of a person who has `keyreeve` on their path.
fn prepare(command: &mut Command, stage: &Stage, home: &Path) -> Result<()> {
    environment::scrub(command, home);
    let own = super::keyreeve(stage.root());
    let folder = own.parent().context("keyreeve lies in a folder")?;
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(
        [folder.to_owned()]
            .into_iter()
            .chain(env::split_paths(&path)),
    )?;
    let kept = stage.keyreeve_home()?;
    command
        .env("PATH", path)
        .env("KEYREEVE_CONFIG_DIR", kept.join(".config/keyreeve"))
        .env("KEYREEVE_DATA_DIR", kept.join(".local/share/keyreeve"))
        .env("KEYREEVE_STATE_DIR", kept.join(".local/state/keyreeve"))
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
        .current_dir(home)
        .stdin(Stdio::null());
    Ok(())
}

/// Has keyreeve write the profile into the client's home.
fn link(stage: &Stage, home: &Path) -> Result<()> {
    let mut command = Command::new(super::keyreeve(stage.root()));
    prepare(&mut command, stage, home)?;
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
