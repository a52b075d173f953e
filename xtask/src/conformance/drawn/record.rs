//! Records a world and its received request in the format of `resolver/tests/cases/observed.jsonl`.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::compare::received_names;
use super::planted::{self, PlantedValue};
use super::run::WorldRun;
use super::setup::{SCRIPT, WorldSetup};
use super::world::DrawnWorld;
use crate::conformance::observe::SentRequest;
use crate::conformance::token;
use crate::programs::client;

/// The recorded runs.
const RUNS: &str = "resolver/tests/cases/observed.jsonl";

/// Returns the record of a run.
pub(super) fn record(world: &DrawnWorld, setup: &WorldSetup, run: &WorldRun) -> Value {
    let [working, ..] = setup.directory.paths();
    let text = |text: &String| with_placeholders(text, setup);
    let files: BTreeMap<String, String> = setup
        .files
        .iter()
        .filter(|(path, _)| !path.ends_with(SCRIPT))
        .map(|(path, content)| {
            let path = path
                .strip_prefix("etc/")
                .map_or_else(|| path.clone(), |rest| format!("/etc/{rest}"));
            (path, text(content))
        })
        .collect();
    let environment: BTreeMap<&String, String> = setup
        .environment
        .iter()
        .map(|(name, value)| (name, text(value)))
        .collect();
    let broken: Vec<&String> = setup
        .planted
        .iter()
        .filter(|planted| planted.is_broken_helper)
        .filter_map(|planted| planted.file.as_ref())
        .collect();
    json!({
        "case": format!("drawn: {world}"),
        "client": client::client_name(world.program),
        "arguments": setup.arguments.iter().map(text).collect::<Vec<_>>(),
        "directory": format!("/scene/{working}"),
        "environment": environment,
        "files": files,
        "broken_helpers": broken.into_iter().map(text).collect::<Vec<_>>(),
        "sent": run.paid.first().map(|sent| sent_record(sent, setup)),
    })
}

fn sent_record(sent: &SentRequest, setup: &WorldSetup) -> Value {
    let name = |header: &str| {
        let names = received_names(sent, header, &setup.planted);
        names
            .first()
            .map(|names| with_placeholders(&place_name(&names[0], &setup.planted), setup))
    };
    json!({
        "x_api_key": name("x_api_key"),
        "authorization": name("authorization"),
        "oauth_beta": sent.oauth_beta,
        "to": with_placeholders(&sent.to, setup),
    })
}

/// Returns the name of the place of a planted value, as keyreeve displays it without the line.
fn place_name(name: &str, planted: &[PlantedValue]) -> String {
    let Some(planted) = planted.iter().find(|planted| planted.name == name) else {
        return name.to_owned();
    };
    if planted.key.contains("IDENTITY") || planted.name.starts_with("identity:") {
        return "exchanged identity".to_owned();
    }
    let Some(file) = planted.file.as_deref() else {
        return planted.key.clone();
    };
    if file.ends_with(".credentials.json") {
        return format!("the login in {file}");
    }
    let in_store = ["/credentials/", "/configs/"]
        .into_iter()
        .find_map(|folder| file.split_once(folder));
    match in_store {
        Some((store, profile)) => {
            let profile = profile.trim_end_matches(".json");
            format!("the SDK profile {profile} in {store}")
        }
        None => format!("{} in {file}", planted.key),
    }
}

fn with_placeholders(text: &str, setup: &WorldSetup) -> String {
    let mut text = text.replace(&setup.folder.display().to_string(), "/scene");
    for (listener, name) in [
        (&setup.listeners.upstream, "upstream"),
        (&setup.listeners.other, "other"),
    ] {
        let url = listener.url();
        text = text.replace(&url, &format!("{{{name}}}"));
        text = text.replace(url.trim_start_matches("http://"), &format!("{name}.test"));
        text = text.replace(
            &format!("localhost:{}", listener.port()),
            &format!("{name}.test"),
        );
    }
    let tokens = setup.planted.iter().flat_map(|planted| &planted.tokens);
    for token in tokens.filter(|token| token.contains("AAAA")) {
        text = text.replace(token, &planted::recorded_form(token));
    }
    let refresh = token::refresh_token("login");
    text.replace(&refresh, &planted::recorded_form(&refresh))
}

/// Appends records to the recorded runs.
pub(super) fn append(root: &Path, records: &[Value]) -> Result<()> {
    let path = root.join(RUNS);
    let mut file = OpenOptions::new()
        .append(true)
        .open(&path)
        .with_context(|| format!("cannot open {RUNS}"))?;
    for record in records {
        writeln!(file, "{record}")?;
    }
    Ok(())
}
