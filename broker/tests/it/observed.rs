//! Resolution against what real clients were seen to send: one line a run, recorded by `cargo xtask conformance`.
//!
//! A line has the environment, the files and the arguments of a run, and which planted value arrived in which header. Tokens
//! are written `{{sk-ant-api03-name}}` and filled up here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use keyreeve_broker::gather::{Machine, gather};
use keyreeve_core::claude_code::{Arguments, Mode};
use keyreeve_core::resolve::{Client, Header, Method, Resolution, Slot, resolve};
use keyreeve_core::snapshot::{Environment, Own};
use keyreeve_os::look::{Files, Seen};
use serde::Deserialize;

const RUNS: &str = include_str!("../cases/observed.jsonl");
/// Marks a file that others may read.
const READABLE: &str = "#readable";

#[derive(Deserialize)]
struct Run {
    case: String,
    client: String,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
    sent: Option<Sent>,
}

/// What arrived; a header by the name of what was planted, such as `api_key@environment`.
#[derive(Deserialize, PartialEq, Debug)]
struct Sent {
    x_api_key: Option<String>,
    authorization: Option<String>,
    oauth_beta: bool,
    to: String,
}

/// What a planted helper does.
#[derive(Clone, Copy, PartialEq)]
enum Helper {
    Prints,
    GivesNothing,
    PrintsTwoLines,
}

impl Run {
    fn resolution(&self) -> Resolution {
        let mut arguments = Arguments::read(self.arguments.iter().map(String::as_str));
        // Every run had `-p`, which the record leaves out.
        if arguments.mode == Mode::Interactive {
            arguments.mode = Mode::Print;
        }
        let machine = Machine {
            environment: Arc::new(Environment::from_pairs(self.environment.clone())),
            directory: Some("/scene/project".to_owned()),
            files: &Files::MadeUp(self.files.iter().map(made_up).collect()),
            now: "2026-11-21T12:00:00Z".parse().unwrap(),
        };
        let snapshot = gather(machine, &arguments, Own::default());
        let client: Client = self.client.parse().unwrap();
        resolve(&snapshot, client.started_with(&arguments))
    }

    /// What resolution says will arrive, given what the planted helpers do.
    fn predicted(&self) -> Option<Sent> {
        let resolution = self.resolution();
        let is_broken = self.client == "claude-code@2.1.197"
            && self.is_helped(&resolution, Helper::PrintsTwoLines);
        if resolution.sends_nothing.is_some() || is_broken {
            return None;
        }
        let moved = resolution
            .moved
            .as_ref()
            .and_then(|moved| moved.base_url.clone());
        Some(Sent {
            x_api_key: resolution.slot(Header::XApiKey).map(|slot| self.name(slot)),
            authorization: resolution
                .slot(Header::Authorization)
                .map(|slot| self.name(slot)),
            oauth_beta: resolution.oauth_beta,
            to: moved.unwrap_or_else(|| "https://api.anthropic.com".to_owned()),
        })
    }

    fn is_helped(&self, resolution: &Resolution, by: Helper) -> bool {
        [Header::XApiKey, Header::Authorization]
            .into_iter()
            .filter_map(|header| resolution.slot(header))
            .any(|slot| slot.method == Method::Helper && self.helper(slot.place.scope()) == by)
    }

    /// The name that a recorded header has when it comes from this slot.
    fn name(&self, slot: &Slot) -> String {
        let gives_nothing =
            slot.method == Method::Helper && self.helper(slot.place.scope()) != Helper::Prints;
        if gives_nothing || slot.hint.as_deref() == Some("(empty)") {
            return "(empty)".to_owned();
        }
        format!("{}@{}", slot.method.name(), slot.place.scope())
    }

    /// What the helper of a settings file does, as the name of the case tells.
    fn helper(&self, scope: &str) -> Helper {
        let planted = |does: &str| {
            let part = format!("{scope}:apiKeyHelper={does}");
            self.case
                .split(" | ")
                .any(|it| it.eq_ignore_ascii_case(&part))
        };
        if planted("PrintsTwoLines") {
            Helper::PrintsTwoLines
        } else if ["Fails", "Missing", "PrintsNothing"]
            .into_iter()
            .any(planted)
        {
            Helper::GivesNothing
        } else {
            Helper::Prints
        }
    }
}

fn made_up((name, text): (&String, &String)) -> (PathBuf, Seen) {
    let (name, mode) = match name.strip_suffix(READABLE) {
        Some(name) => (name, 0o644),
        None => (name.as_str(), 0o600),
    };
    let path = PathBuf::from(format!("/scene/{name}"));
    (path, Seen::made_up(mode, text))
}

/// Writes out tokens, and addresses that can be read as such.
fn expanded(line: &str) -> String {
    let line = line
        .replace("{upstream}", "http://upstream.test")
        .replace("{other}", "http://other.test");
    let mut parts = line.split("{{");
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (token, after) = part.split_once("}}").unwrap();
        write!(text, "{token}{}{after}", "A".repeat(90)).unwrap();
    }
    text
}

#[test]
fn what_real_clients_sent_is_what_is_predicted() {
    let runs: Vec<Run> = RUNS
        .lines()
        .map(|line| serde_json::from_str(&expanded(line)).unwrap())
        .collect();
    let wrong: Vec<String> = runs
        .iter()
        .filter(|run| run.predicted() != run.sent)
        .map(|run| {
            format!(
                "{}: {:?}, but {:?} arrived",
                run.case,
                run.predicted(),
                run.sent
            )
        })
        .collect();
    assert!(runs.len() > 500, "{}", runs.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
