//! Where combinations are played: some at once, each with listeners and a folder of its own.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Result;
use serde_json::json;

use super::case::Case;
use super::exec;
use super::exec_case::ExecCase;
use super::ingredient::Ingredient;
use super::observe::observe;
use super::predict::{differences, predict};
use super::report::{Row, Table};
use super::scene::Scene;
use super::vendor::Vendor;
use crate::clients::install;
use crate::say;
use crate::scratch::Scratch;

/// How many clients run at once.
const AT_ONCE: usize = 2;

/// What is played: what a client does of itself, or started through keyreeve.
#[derive(Clone, Debug)]
pub(super) enum Play {
    Status(Case),
    Exec(ExecCase),
}

impl Play {
    fn case(&self) -> Case {
        match self {
            Self::Status(case) => case.clone(),
            Self::Exec(line) => line.case(),
        }
    }

    fn table(&self) -> Table {
        match self {
            Self::Status(_) => Table::Status,
            Self::Exec(_) => Table::Exec,
        }
    }
}

impl fmt::Display for Play {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(case) => case.fmt(f),
            Self::Exec(line) => line.fmt(f),
        }
    }
}

/// Where they are played.
pub(super) struct Stage<'a> {
    root: &'a Path,
    // Outside of the repository, whose own files a client would otherwise find above its project.
    scratch: Scratch,
    /// The stand-in for the vendor's hosts, or why there is none.
    vendor: Result<Vendor, String>,
}

impl<'a> Stage<'a> {
    /// Starts what all have in common.
    pub(super) fn new(root: &'a Path) -> Result<Self> {
        let scratch = Scratch::new(&std::env::temp_dir(), "conformance")?;
        let vendor = Vendor::start(root, &scratch.folder("vendor")?);
        let vendor = vendor.map_err(|error| format!("no stand-in: {error:#}"));
        Ok(Self {
            root,
            scratch,
            vendor,
        })
    }

    /// Plays them, some at once, and gives what they came to in their order.
    pub(super) fn play_all(&self, plays: &[Play]) -> Vec<Row> {
        let next = AtomicUsize::new(0);
        let rows: Mutex<Vec<(usize, Row)>> = Mutex::default();
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while let Some((number, play)) = take(&next, plays) {
                        let row = self.row_in_the_end(number, play);
                        row.lines().for_each(say::line);
                        rows.lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push((number, row));
                    }
                });
            }
        });
        let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
        rows.sort_by_key(|(number, _)| *number);
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// What differs is played once more: on a busy machine an older client goes on before its helper has answered.
    fn row_in_the_end(&self, number: usize, play: &Play) -> Row {
        let row = self.row(number, play);
        if row.differences.is_empty() {
            return row;
        }
        let mut again = self.row(number, play);
        again.record["differed_at_first"] = json!(row.differences);
        again
    }

    fn row(&self, number: usize, play: &Play) -> Row {
        let case = play.case();
        let mut row = Row {
            table: play.table(),
            program: case.program,
            case: play.to_string(),
            differences: Vec::new(),
            skipped: self.why_not(&case),
            record: json!({ "client": case.client() }),
        };
        if row.skipped.is_none()
            && let Err(error) = self.play(number, play, &mut row)
        {
            row.differences.push(format!("not run: {error:#}"));
        }
        for difference in &mut row.differences {
            // One line each: that is how outcomes are read back.
            *difference = difference.replace('\n', " ");
        }
        row
    }

    fn why_not(&self, case: &Case) -> Option<String> {
        let no_client = install::program_path(self.root, case.program).err();
        let needs_vendor = case.ingredients.contains(&Ingredient::VendorAnswers);
        let no_vendor = || self.vendor.as_ref().err().filter(|_| needs_vendor).cloned();
        no_client.or_else(no_vendor)
    }

    /// Sets the combination up, plays it and takes it down.
    fn play(&self, number: usize, play: &Play, row: &mut Row) -> Result<()> {
        let folder = self.scratch.folder(&number.to_string())?;
        let vendor = self.vendor.as_ref().ok();
        let scene = Scene::set_up(&play.case(), &folder, vendor)?;
        row.record["environment"] = json!(scene.environment);
        row.record["arguments"] = json!(scene.arguments);
        row.record["files"] = json!(scene.files);
        match play {
            Play::Status(case) => self.status(case, &scene, row),
            Play::Exec(line) => self.exec(line, &scene, row),
        }?;
        let _left_for_the_end = fs::remove_dir_all(&folder);
        Ok(())
    }

    /// Asks for the prediction, then starts the client.
    fn status(&self, case: &Case, scene: &Scene, row: &mut Row) -> Result<()> {
        let predicted = predict(self.root, case, scene);
        if !scene.listeners.take().is_empty() {
            row.differences
                .push("keyreeve status asked the API".to_owned());
        }
        let observed = observe(self.root, case, scene)?;
        row.record["observed"] = observed.record(scene);
        match predicted {
            Ok(predicted) => {
                row.differences
                    .extend(differences(&predicted, &observed, &scene.planted));
                row.record["predicted"] = predicted;
            }
            Err(error) => row.differences.push(format!("{error:#}")),
        }
        Ok(())
    }

    /// Starts the client through keyreeve.
    fn exec(&self, line: &ExecCase, scene: &Scene, row: &mut Row) -> Result<()> {
        let observed = exec::play(self.root, line, scene)?;
        row.record["observed"] = observed.record(scene);
        let expected = line.expected(&scene.listeners.upstream.url());
        row.differences = exec::differences(&expected, &observed, &scene.planted);
        Ok(())
    }
}

fn take<'a>(next: &AtomicUsize, plays: &'a [Play]) -> Option<(usize, &'a Play)> {
    let number = next.fetch_add(1, Ordering::SeqCst);
    Some((number, plays.get(number)?))
}
