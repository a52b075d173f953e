//! Compares resolution with the recorded requests of real clients: one line per run, from `cargo xtask conformance`.
//!
//! A line has the environment, the files and the arguments of a run, and the planted value that arrived in each header.
//! Tokens are written `{{sk-ant-api03-name}}` and padded here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use keyreeve_os::environment::Environment;
use keyreeve_os::file_system::{FileState, FileSystem};
use keyreeve_resolver::claude_code::{Arguments, Mode};
use keyreeve_resolver::machine::{Machine, gather};
use keyreeve_resolver::resolve::{
    ClientProgram, CredentialHeader, Method, Resolution, Slot, resolve,
};
use keyreeve_resolver::snapshot::KeyreeveState;
use serde::Deserialize;

const RUNS: &str = include_str!("../cases/observed.jsonl");
/// Marks a file that other users may read.
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

/// The received request, with each header named by its planted value, such as `api_key@environment`.
#[derive(Deserialize, PartialEq, Debug)]
struct Sent {
    x_api_key: Option<String>,
    authorization: Option<String>,
    oauth_beta: bool,
    to: String,
}

/// Behavior of a planted helper.
#[derive(Clone, Copy, PartialEq)]
enum Helper {
    Prints,
    GivesNothing,
    PrintsTwoLines,
}

impl Run {
    fn resolution(&self) -> Resolution {
        let mut arguments = Arguments::parse(self.arguments.iter().map(String::as_str));
        // Every run had `-p`, which is not recorded.
        if arguments.mode == Mode::Interactive {
            arguments.mode = Mode::Print;
        }
        let machine = Machine {
            environment: Arc::new(Environment::from_pairs(self.environment.clone())),
            directory: Some("/scene/project".to_owned()),
            files: &FileSystem::Fake(self.files.iter().map(fake_file).collect()),
            now: "2026-11-21T12:00:00Z".parse().unwrap(),
        };
        let snapshot = gather(machine, &arguments, KeyreeveState::default());
        let client: ClientProgram = self.client.parse().unwrap();
        resolve(&snapshot, client.with_arguments(&arguments))
    }

    /// Predicts the request, given the behavior of the planted helpers.
    fn predicted(&self) -> Option<Sent> {
        let resolution = self.resolution();
        let is_broken = self.client == "claude-code@2.1.197"
            && self.uses_helper(&resolution, Helper::PrintsTwoLines);
        if resolution.sends_no_request.is_some() || is_broken {
            return None;
        }
        let base_url = resolution
            .base_url_override
            .as_ref()
            .and_then(|base_url| base_url.base_url.clone());
        Some(Sent {
            x_api_key: resolution
                .slot(CredentialHeader::XApiKey)
                .map(|slot| self.name(slot)),
            authorization: resolution
                .slot(CredentialHeader::Authorization)
                .map(|slot| self.name(slot)),
            oauth_beta: resolution.oauth_beta,
            to: base_url.unwrap_or_else(|| "https://api.anthropic.com".to_owned()),
        })
    }

    fn uses_helper(&self, resolution: &Resolution, by: Helper) -> bool {
        [CredentialHeader::XApiKey, CredentialHeader::Authorization]
            .into_iter()
            .filter_map(|header| resolution.slot(header))
            .any(|slot| slot.method == Method::Helper && self.helper(slot.location.scope()) == by)
    }

    /// Returns the recorded name of a header filled from this slot.
    fn name(&self, slot: &Slot) -> String {
        let gives_nothing =
            slot.method == Method::Helper && self.helper(slot.location.scope()) != Helper::Prints;
        if gives_nothing || slot.hint.as_deref() == Some("(empty)") {
            return "(empty)".to_owned();
        }
        format!("{}@{}", slot.method.name(), slot.location.scope())
    }

    /// Returns the behavior of a settings file's helper, from the name of the case.
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

fn fake_file((name, text): (&String, &String)) -> (PathBuf, FileState) {
    let (name, mode) = match name.strip_suffix(READABLE) {
        Some(name) => (name, 0o644),
        None => (name.as_str(), 0o600),
    };
    let path = PathBuf::from(format!("/scene/{name}"));
    (path, FileState::fake(mode, text))
}

/// Expands the placeholders for tokens and addresses.
fn expand_placeholders(line: &str) -> String {
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
fn resolution_matches_recorded_client_requests() {
    let runs: Vec<Run> = RUNS
        .lines()
        .map(|line| serde_json::from_str(&expand_placeholders(line)).unwrap())
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
