//! Runs inside the namespace: the combinations, two at a time, and the record of each.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::case::Case;
use super::observe::observe;
use super::scene::Scene;
use super::upstream::Upstream;
use super::{documented, random};
use crate::clients::namespace;
use crate::scratch::Scratch;
use crate::{environment, say};

/// How many clients run at once.
const AT_ONCE: usize = 2;

/// Runs every combination.
pub(crate) fn run(root: &Path) -> Result<ExitCode> {
    namespace::prepare(root)?;
    let seed = random::seed();
    say::line(format_args!("{}={seed}", random::SEED));
    let mut cases = documented::cases();
    cases.extend(random::cases(seed));
    let began = Instant::now();
    let rows = play_all(root, &cases)?;
    let folder = environment::target(root).join("conformance");
    fs::create_dir_all(&folder).context("make the folder of the record")?;
    let lines: Vec<String> = rows.iter().map(ToString::to_string).collect();
    let file = folder.join("observed.jsonl");
    fs::write(&file, lines.join("\n") + "\n").context("write the record")?;
    say::line(format_args!(
        "{} combinations in {:?}",
        rows.len(),
        began.elapsed()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Plays the combinations, some at once, and gives their rows in their order.
fn play_all(root: &Path, cases: &[Case]) -> Result<Vec<Value>> {
    // Outside of the repository, whose own files a client would otherwise find above its project.
    let scratch = Scratch::new(&std::env::temp_dir(), "conformance")?;
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(vec![Value::Null; cases.len()]);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((number, case)) = take(&next, cases) {
                    let row = play(root, &scratch, number, case)
                        .unwrap_or_else(|error| json!({ "failed": format!("{error:#}") }));
                    rows.lock().unwrap_or_else(PoisonError::into_inner)[number] = row;
                }
            });
        }
    });
    Ok(rows.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn take<'a>(next: &AtomicUsize, cases: &'a [Case]) -> Option<(usize, &'a Case)> {
    let number = next.fetch_add(1, Ordering::SeqCst);
    Some((number, cases.get(number)?))
}

fn play(root: &Path, scratch: &Scratch, number: usize, case: &Case) -> Result<Value> {
    let [upstream, other] = [Upstream::start()?, Upstream::start()?];
    let folder = scratch.folder(&number.to_string())?;
    let scene = Scene::set_up(case, &folder, &upstream, &other)?;
    let observed = observe(root, case, &scene, [&upstream, &other])?;
    let _left_for_the_end = fs::remove_dir_all(&folder);
    Ok(json!({
        "number": number,
        "case": case.to_string(),
        "client": case.client(),
        "environment": scene.environment,
        "arguments": scene.arguments,
        "files": scene.files,
        "observed": observed.record(&scene),
    }))
}
