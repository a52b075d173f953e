//! Runs keyreeve and the real client in a drawn world.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::setup::WorldSetup;
use crate::conformance::anthropic_hosts;
use crate::conformance::observe::{SentRequest, from_request};
use crate::conformance::upstream::{is_exchange, is_message};
use crate::http::Request;
use crate::programs::{Program, client, ensure_success, keyreeve, run_with_timeout};

/// Time limit for keyreeve and for the client, also on a busy machine.
const RUN_TIMEOUT: Duration = Duration::from_mins(1);

/// Received requests and output of a client.
#[derive(Clone, Debug, Default)]
pub(super) struct WorldRun {
    /// Requests that would be billed, without duplicates.
    pub(super) paid: Vec<SentRequest>,
    /// Last line of the client's output.
    pub(super) last_line: String,
}

/// Runs `keyreeve status`. It must neither send a request nor start a helper.
pub(super) fn predict(root: &Path, program: Program, setup: &WorldSetup) -> Result<Value> {
    let mut command = setup.command(&keyreeve(root));
    command.args(["status", "--json", "--for", &client::client_name(program)]);
    if let Program::ClaudeCode(_) = program {
        command.arg("--").args(&setup.arguments).args(["-p", "hi"]);
    }
    let output = run_with_timeout(command, RUN_TIMEOUT)?;
    ensure_success("keyreeve status", &output)?;
    ensure!(
        !setup.helper_runs().exists(),
        "keyreeve status started the helper"
    );
    ensure!(
        setup.listeners.take().is_empty(),
        "keyreeve status sent a request"
    );
    serde_json::from_slice(&output.stdout).context("keyreeve status printed no JSON")
}

/// Returns `true` for a request that would be billed, also if an odd base URL moves its path into the query
/// or the fragment.
pub(super) fn is_billed(request: &Request) -> bool {
    let is_moved = request.target.contains("/v1/messages") || request.path() == "/";
    let is_message = is_message(request.path()) || is_moved;
    let is_other = request.target.contains("/count_tokens") || is_exchange(request);
    request.method == "POST" && is_message && !is_other
}

/// Runs the client until it exits or times out.
pub(super) fn observe(root: &Path, program: Program, setup: &WorldSetup) -> Result<WorldRun> {
    let path = client::program_path(root, program).map_err(anyhow::Error::msg)?;
    let mut command = setup.command(&path);
    let script = |name: &str| root.join("xtask/clients").join(name);
    match program {
        Program::ClaudeCode(_) => command.args(&setup.arguments).args(["-p", "hi"]),
        Program::Typescript(_) => command
            .arg(script("typescript_sdk_once.cjs"))
            .arg(client::folder(root, program)),
        Program::Python(_) | Program::Httpx(_) | Program::LangChain(_) | Program::Curl => {
            command.arg(script("python_sdk_once.py"))
        }
    };
    let text = match run_with_timeout(command, RUN_TIMEOUT) {
        Ok(output) => {
            ensure!(
                output.status.code() != Some(120),
                "the world's files cannot be mounted"
            );
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
        }
        Err(error) => format!("{error:#}"),
    };
    Ok(WorldRun {
        paid: billed_requests(setup),
        last_line: text
            .lines()
            .rfind(|line| !line.trim().is_empty())
            .unwrap_or_default()
            .to_owned(),
    })
}

/// Takes the received requests that would be billed, without duplicates.
fn billed_requests(setup: &WorldSetup) -> Vec<SentRequest> {
    let mut billed = Vec::new();
    for (listener, request) in setup.listeners.take() {
        if !is_billed(&request) {
            continue;
        }
        let sent = from_request(&request, origin_of(listener, &request));
        if !billed.contains(&sent) {
            billed.push(sent);
        }
    }
    billed
}

/// Returns the origin that received a request: the listener's, or that of the simulated host.
pub(super) fn origin_of(listener: String, request: &Request) -> String {
    let host = request.headers.iter().find(|(name, _)| name == "host");
    match host {
        Some((_, host)) if listener == anthropic_hosts::ORIGIN => format!("https://{host}"),
        _ => listener,
    }
}
