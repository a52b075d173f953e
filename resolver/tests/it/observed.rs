//! Compares resolution with the recorded requests of real clients: one line per run, from `cargo xtask conformance`.
//!
//! A line has the environment, the files and the arguments of a run, and the planted value that arrived in each header.
//! Tokens are written `{{sk-ant-api03-name}}` and padded here.
//!
//! A run of `cargo xtask conformance drawn` also has its working directory and the files of its broken helpers. A header
//! is named by the place of its value, as displayed, so that a record does not depend on our names of scopes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use keyreeve_os::environment::Environment;
use keyreeve_os::file_system::{FileState, FileSystem};
use keyreeve_resolver::claude_code::{Arguments, Mode};
use keyreeve_resolver::machine::{Machine, gather};
use keyreeve_resolver::resolve::{
    ClientProgram, CredentialHeader, Method, PayerClass, Resolution, Slot, resolve,
};
use keyreeve_resolver::snapshot::KeyreeveState;
use serde::Deserialize;

const RUNS: &str = include_str!("../cases/observed.jsonl");
/// Recorded name of a token that the client got for an identity token, of a profile or of the federation variables.
const EXCHANGED: &str = "exchanged identity";
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
    /// The working directory of a drawn run.
    directory: Option<String>,
    /// The settings files of a drawn run whose helper prints no usable token.
    #[serde(default)]
    broken_helpers: Vec<String>,
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
            directory: Some(
                self.directory
                    .as_deref()
                    .unwrap_or("/scene/project")
                    .to_owned(),
            ),
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
        if self.directory.is_some() && self.sends_nothing_at_run_time(&resolution) {
            return None;
        }
        let base_url = resolution
            .base_url_override
            .as_ref()
            .and_then(|base_url| base_url.base_url.clone())
            .map(|url| {
                if self.directory.is_some() {
                    origin(&url)
                } else {
                    url
                }
            });
        Some(Sent {
            x_api_key: resolution
                .slot(CredentialHeader::XApiKey)
                .map(|slot| self.name(slot)),
            authorization: resolution
                .slot(CredentialHeader::Authorization)
                .map(|slot| self.name(slot)),
            oauth_beta: resolution.oauth_beta,
            to: base_url.unwrap_or_else(|| self.default_origin(&resolution)),
        })
    }

    /// Returns `true` if the reason that nothing was sent is known only when the client runs: a helper that prints
    /// nothing, or a cloud's credentials, which are not recorded.
    fn sends_nothing_at_run_time(&self, resolution: &Resolution) -> bool {
        let slots = || {
            [&resolution.x_api_key, &resolution.authorization]
                .into_iter()
                .flatten()
        };
        let is_cloud = resolution.payer.class == PayerClass::Cloud && slots().next().is_none();
        self.sent.is_none() && (is_cloud || slots().any(|slot| self.is_broken(slot)))
    }

    /// Returns the origin of requests without a base URL. That of a cloud is not predicted, so the recorded one is
    /// used.
    fn default_origin(&self, resolution: &Resolution) -> String {
        match &self.sent {
            Some(sent)
                if self.directory.is_some() && resolution.payer.class == PayerClass::Cloud =>
            {
                sent.to.clone()
            }
            _ => "https://api.anthropic.com".to_owned(),
        }
    }

    fn uses_helper(&self, resolution: &Resolution, by: Helper) -> bool {
        [CredentialHeader::XApiKey, CredentialHeader::Authorization]
            .into_iter()
            .filter_map(|header| resolution.slot(header))
            .any(|slot| slot.method == Method::Helper && self.helper(slot.location.scope()) == by)
    }

    /// Returns the recorded name of a header filled from this slot.
    fn name(&self, slot: &Slot) -> String {
        if self.directory.is_some() {
            return self.drawn_name(slot);
        }
        let gives_nothing =
            slot.method == Method::Helper && self.helper(slot.location.scope()) != Helper::Prints;
        if gives_nothing || slot.hint.as_deref() == Some("(empty)") {
            return "(empty)".to_owned();
        }
        format!("{}@{}", slot.method.name(), slot.location.scope())
    }

    /// Returns the recorded name of a header of a drawn run: the place as displayed, without the line.
    fn drawn_name(&self, slot: &Slot) -> String {
        let is_exchanged = matches!(slot.method, Method::Federation | Method::SdkProfile);
        if self.is_broken(slot) || slot.hint.as_deref() == Some("(empty)") {
            return "(empty)".to_owned();
        }
        let sent = self
            .sent
            .as_ref()
            .and_then(|sent| sent.authorization.as_deref());
        if is_exchanged && sent == Some(EXCHANGED) {
            return EXCHANGED.to_owned();
        }
        let place = slot.location.to_string();
        let line = slot.location.line().map(|line| format!(":{line}"));
        line.and_then(|line| Some(place.strip_suffix(&line)?.to_owned()))
            .unwrap_or(place)
    }

    fn is_broken(&self, slot: &Slot) -> bool {
        let file = slot.location.file();
        slot.method == Method::Helper
            && self
                .broken_helpers
                .iter()
                .any(|broken| Some(broken.as_str()) == file)
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
    let path = PathBuf::from("/scene").join(name);
    (path, FileState::fake(mode, text))
}

/// Returns the origin of a URL.
fn origin(url: &str) -> String {
    let (scheme, rest) = url.trim().split_once(':').unwrap_or(("", url));
    let rest = rest.trim_start_matches('/');
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.strip_suffix(":443").unwrap_or(host);
    format!("{scheme}://{host}").to_ascii_lowercase()
}

/// Expands the placeholders for tokens and addresses, which were on this machine.
fn expand_placeholders(line: &str) -> String {
    let line = line
        .replace("{upstream}", "http://127.0.0.1:8001")
        .replace("{other}", "http://127.0.0.1:8002")
        .replace("upstream.test", "127.0.0.1:8001")
        .replace("other.test", "127.0.0.1:8002");
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
