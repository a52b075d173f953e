//! Starts the real client on a scene and tells what arrived.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::case::Case;
use super::scene::{Planted, Scene};
use super::upstream::{Listeners, is_message};
use crate::clients::http::Request;
use crate::clients::program::Program;
use crate::clients::{finish, install};

/// A client may take this long.
const CLIENT_LIMIT: Duration = Duration::from_secs(15);

/// The beta that goes with an OAuth token.
const OAUTH_BETA: &str = "oauth-2025-04-20";

/// What arrived, and what the client said.
#[derive(Clone, Debug, Default)]
pub(super) struct Observed {
    /// The requests somebody would pay for; those that are alike, once.
    pub(super) sent: Vec<Sent>,
    /// All other requests.
    pub(super) asked: Vec<Sent>,
    pub(super) exit: Option<i32>,
    pub(super) said: String,
    /// The helpers that were run, in order.
    pub(super) helper_runs: Vec<String>,
}

/// The credential headers of one request. A value is there though it may be empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sent {
    /// The base URL of the listener.
    pub(super) to: String,
    pub(super) path: String,
    pub(super) x_api_key: Option<String>,
    pub(super) authorization: Vec<String>,
    pub(super) oauth_beta: bool,
}

/// Starts the client and runs it to its end.
pub(super) fn observe(root: &Path, case: &Case, scene: &Scene) -> Result<Observed> {
    let program = install::program_path(root, case.program).map_err(anyhow::Error::msg)?;
    let mut command = scene.command(&program);
    command.args(arguments(root, case.program, scene));
    Ok(run(command, scene))
}

/// Runs a command to its end, or to the limit, and tells what arrived meanwhile.
pub(super) fn run(command: Command, scene: &Scene) -> Observed {
    let mut observed = Observed::default();
    match finish(command, CLIENT_LIMIT) {
        Ok(output) => {
            observed.exit = output.status.code();
            let text = [output.stdout, output.stderr].concat();
            String::from_utf8_lossy(&text)
                .trim()
                .clone_into(&mut observed.said);
        }
        Err(error) => observed.said = format!("{error:#}"),
    }
    observed.take(&scene.listeners);
    let runs = fs::read_to_string(scene.helper_runs()).unwrap_or_default();
    observed.helper_runs = runs.lines().map(str::to_owned).collect();
    observed
}

/// The client's arguments, with which it asks for one message.
pub(super) fn arguments(root: &Path, program: Program, scene: &Scene) -> Vec<OsString> {
    let script = |name: &str| root.join("xtask/clients").join(name).into_os_string();
    match program {
        Program::ClaudeCode(_) => scene
            .arguments
            .iter()
            .map(String::as_str)
            .chain(["-p", "hi"])
            .map(OsString::from)
            .collect(),
        Program::Typescript(_) => vec![
            script("typescript_sdk_once.cjs"),
            install::folder(root, program).into_os_string(),
        ],
        Program::Python(_) | Program::Httpx(_) | Program::LangChain(_) | Program::Curl => {
            vec![script("python_sdk_once.py")]
        }
    }
}

fn sent(request: &Request, to: String) -> Sent {
    let values = |wanted: &'static str| {
        request
            .headers
            .iter()
            .filter(move |(name, _)| name == wanted)
            .map(|(_, value)| value.clone())
    };
    Sent {
        to,
        path: request.path().to_owned(),
        x_api_key: values("x-api-key").next(),
        authorization: values("authorization").collect(),
        oauth_beta: values("anthropic-beta").any(|betas| betas.contains(OAUTH_BETA)),
    }
}

/// Says which planted value arrived: `method@scope`, or the value itself where it is none of them.
pub(super) fn label(planted: &[Planted], value: &str) -> String {
    // No key begins with this word but one that was planted so, which is then found as it stands.
    let bare = value.strip_prefix("Bearer").unwrap_or(value).trim();
    if bare.is_empty() {
        return "(empty)".to_owned();
    }
    if value.starts_with("AWS4-HMAC-SHA256") {
        return "aws signature".to_owned();
    }
    let name = |planted: &Planted| format!("{}@{}", planted.method, planted.scope);
    let there = || planted.iter().filter(|planted| !planted.value.is_empty());
    let exact = there().find(|planted| [bare, value].contains(&planted.value.trim()));
    let inside = || there().find(|planted| bare.contains(planted.value.trim()));
    exact
        .map(name)
        .or_else(|| inside().map(|planted| format!("{}, changed: {value}", name(planted))))
        .unwrap_or_else(|| format!("unknown: {value}"))
}

impl Observed {
    fn take(&mut self, listeners: &Listeners) {
        for (to, request) in listeners.take() {
            let sent = sent(&request, to);
            if request.method != "POST" || !is_message(request.path()) {
                self.asked.push(sent);
            } else if !self.sent.contains(&sent) {
                self.sent.push(sent);
            }
        }
    }

    /// For the record, with the labels in place of values.
    pub(super) fn record(&self, scene: &Scene) -> Value {
        let short = |text: &str| {
            let text = text.replace(&scene.folder.display().to_string(), "{scene}");
            let text = text.replace(&scene.url("{upstream}"), "{upstream}");
            text.replace(&scene.url("{other}"), "{other}")
        };
        let label = |value: &String| label(&scene.planted, value);
        let sent = |sent: &Sent| {
            json!({
                "to": short(&sent.to),
                "path": sent.path,
                "x_api_key": sent.x_api_key.as_ref().map(label),
                "authorization": sent.authorization.iter().map(label).collect::<Vec<_>>(),
                "oauth_beta": sent.oauth_beta,
            })
        };
        json!({
            "sends": if self.sent.is_empty() { "nothing" } else { "request" },
            "requests": self.sent.iter().map(sent).collect::<Vec<_>>(),
            "also_asked": self.asked.iter().map(sent).collect::<Vec<_>>(),
            "exit": self.exit,
            "said": short(&self.said),
            "helper_runs": self.helper_runs,
        })
    }
}
