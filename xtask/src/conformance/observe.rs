//! Runs the real client of a combination and records its requests.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::case_setup::{CaseSetup, PlantedCredential};
use super::ingredient::Case;
use super::upstream::{Listeners, is_message};
use crate::http::Request;
use crate::programs::{Program, client, run_with_timeout};

/// Time limit for a client run.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(15);

/// The beta value sent with an OAuth token.
const OAUTH_BETA: &str = "oauth-2025-04-20";

/// One run of a client: the received requests and the client's output.
#[derive(Clone, Debug, Default)]
pub(super) struct ClientRun {
    /// Requests that would be billed, without duplicates.
    pub(super) paid_requests: Vec<SentRequest>,
    /// All other requests.
    pub(super) other_requests: Vec<SentRequest>,
    pub(super) exit: Option<i32>,
    pub(super) output: String,
    /// The scopes of the helpers that were run, in order.
    pub(super) helper_runs: Vec<String>,
}

/// The credential headers of one request. A value that is present may be empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SentRequest {
    /// Base URL of the listener that received it.
    pub(super) to: String,
    pub(super) path: String,
    pub(super) x_api_key: Option<String>,
    pub(super) authorization: Vec<String>,
    pub(super) oauth_beta: bool,
}

/// Runs the client until it exits or times out.
pub(super) fn observe(root: &Path, case: &Case, setup: &CaseSetup) -> Result<ClientRun> {
    let program = client::program_path(root, case.program).map_err(anyhow::Error::msg)?;
    let mut command = setup.command(&program);
    command.args(arguments(root, case.program, setup));
    Ok(run(command, setup))
}

/// Runs a command until it exits or times out, and returns the received requests.
pub(super) fn run(command: Command, setup: &CaseSetup) -> ClientRun {
    let mut observed = ClientRun::default();
    match run_with_timeout(command, CLIENT_TIMEOUT) {
        Ok(output) => {
            observed.exit = output.status.code();
            let text = [output.stdout, output.stderr].concat();
            String::from_utf8_lossy(&text)
                .trim()
                .clone_into(&mut observed.output);
        }
        Err(error) => observed.output = format!("{error:#}"),
    }
    observed.collect(&setup.listeners);
    let runs = fs::read_to_string(setup.helper_runs()).unwrap_or_default();
    observed.helper_runs = runs.lines().map(str::to_owned).collect();
    observed
}

/// Returns the client's arguments for one message.
pub(super) fn arguments(root: &Path, program: Program, setup: &CaseSetup) -> Vec<OsString> {
    let script = |name: &str| root.join("xtask/clients").join(name).into_os_string();
    match program {
        Program::ClaudeCode(_) => setup
            .arguments
            .iter()
            .map(String::as_str)
            .chain(["-p", "hi"])
            .map(OsString::from)
            .collect(),
        Program::Typescript(_) => vec![
            script("typescript_sdk_once.cjs"),
            client::folder(root, program).into_os_string(),
        ],
        Program::Python(_) | Program::Httpx(_) | Program::LangChain(_) | Program::Curl => {
            vec![script("python_sdk_once.py")]
        }
    }
}

/// Returns the credential headers of a request.
pub(super) fn from_request(request: &Request, to: String) -> SentRequest {
    let values = |header: &'static str| {
        request
            .headers
            .iter()
            .filter(move |(name, _)| name == header)
            .map(|(_, value)| value.clone())
    };
    SentRequest {
        to,
        path: request.path().to_owned(),
        x_api_key: values("x-api-key").next(),
        authorization: values("authorization").collect(),
        oauth_beta: values("anthropic-beta").any(|betas| betas.contains(OAUTH_BETA)),
    }
}

/// Returns the label `method@scope` of a planted value, or a text with the value itself if it was not planted.
pub(super) fn label(planted: &[PlantedCredential], value: &str) -> String {
    // Only a value that was planted with this prefix contains it; such a value is found unchanged below.
    let token = value.strip_prefix("Bearer").unwrap_or(value).trim();
    if token.is_empty() {
        return "(empty)".to_owned();
    }
    if value.starts_with("AWS4-HMAC-SHA256") {
        return "aws signature".to_owned();
    }
    let name = |planted: &PlantedCredential| format!("{}@{}", planted.method, planted.scope);
    let candidates = || planted.iter().filter(|planted| !planted.value.is_empty());
    let exact = candidates().find(|planted| [token, value].contains(&planted.value.trim()));
    let inside = || candidates().find(|planted| token.contains(planted.value.trim()));
    exact
        .map(name)
        .or_else(|| inside().map(|planted| format!("{}, changed: {value}", name(planted))))
        .unwrap_or_else(|| format!("unknown: {value}"))
}

impl ClientRun {
    fn collect(&mut self, listeners: &Listeners) {
        for (to, request) in listeners.take() {
            let sent = from_request(&request, to);
            if request.method != "POST" || !is_message(request.path()) {
                self.other_requests.push(sent);
            } else if !self.paid_requests.contains(&sent) {
                self.paid_requests.push(sent);
            }
        }
    }

    /// Returns the record of the run, with labels in place of values.
    pub(super) fn record(&self, setup: &CaseSetup) -> Value {
        let short = |text: &str| {
            let text = text.replace(&setup.folder.display().to_string(), "{scene}");
            let text = text.replace(&setup.url("{upstream}"), "{upstream}");
            text.replace(&setup.url("{other}"), "{other}")
        };
        let label = |value: &String| label(&setup.planted, value);
        let sent = |sent: &SentRequest| {
            json!({
                "to": short(&sent.to),
                "path": sent.path,
                "x_api_key": sent.x_api_key.as_ref().map(label),
                "authorization": sent.authorization.iter().map(label).collect::<Vec<_>>(),
                "oauth_beta": sent.oauth_beta,
            })
        };
        json!({
            "sends": if self.paid_requests.is_empty() { "nothing" } else { "request" },
            "requests": self.paid_requests.iter().map(sent).collect::<Vec<_>>(),
            "other_requests": self.other_requests.iter().map(sent).collect::<Vec<_>>(),
            "exit": self.exit,
            "output": short(&self.output),
            "helper_runs": self.helper_runs,
        })
    }
}
