//! `store restore`: restores a backup, and asks which of its virtual keys work again.

use std::path::Path;

use keyreeve_broker::admin::{AdminError, backups};
use keyreeve_core::clock::Clock;
use keyreeve_core::profile::Name;
use keyreeve_os::system;
use keyreeve_store::{ExistingStore, RestoreOptions, Restored, RestoredKey, RevivedKeys};
use serde::Serialize;

use super::read_passphrase;
use crate::args::{EnvShell, PassphraseArgs, RestoreArgs};
use crate::context::{Context, store_paths};
use crate::error::CommandError;
use crate::output::{Align, Line, Table, local_time};
use crate::prompt::{Prompter, Repeat};
use crate::shell_quoting::word;

/// The reason why a key stays dead.
const MAY_BE_REVOKED: &str =
    "Keys that stay dead may have been revoked or rotated since the backup";

pub(super) fn run(arguments: RestoreArgs, context: &Context) -> Result<(), CommandError> {
    let RestoreArgs {
        backup: PassphraseArgs { file, passphrase },
        replace,
        keys,
        all_keys,
    } = arguments;
    let paths = store_paths(&context.dirs()?);
    let is_decided = all_keys || !keys.is_empty();
    let mut options = RestoreOptions {
        existing: if replace {
            ExistingStore::MoveAside
        } else {
            ExistingStore::Refuse
        },
        keys: if all_keys {
            RevivedKeys::All
        } else {
            RevivedKeys::Named(keys)
        },
        at: system::now(),
    };
    backups::check_restorable(&file, &paths, options.existing)?;
    let passphrase = read_passphrase(passphrase, Repeat::Once, "restore", context)?;
    if !is_decided {
        let preview = || backups::preview_restore(&file, &passphrase, &paths, &options);
        options.keys = RevivedKeys::Named(ask_for_keys(preview, context)?);
    }
    let restored = backups::restore(&file, &passphrase, &paths, &options)?;
    let report = RestoreReport::new(&file, &paths.data, restored);
    let clock = context.clock();
    let render = |report: &RestoreReport| restore_lines(report, &clock);
    Ok(context.output.show(&report, render)?)
}

/// Asks which of the keys that would stay dead work again; none if prompts are not possible.
fn ask_for_keys(
    preview: impl FnOnce() -> Result<Vec<RestoredKey>, AdminError>,
    context: &Context,
) -> Result<Vec<Name>, CommandError> {
    match context.prompter {
        Prompter::NonInteractive => return Ok(Vec::new()),
        Prompter::Interactive => {}
    }
    let keys = preview()?;
    let dead: Vec<RestoredKey> = keys.into_iter().filter(|key| !key.works).collect();
    if dead.is_empty() {
        return Ok(Vec::new());
    }
    let clock = context.clock();
    let choices = dead.iter().map(|key| describe(key, &clock)).collect();
    context.output.note(MAY_BE_REVOKED);
    let prompt = "Which keys work again?";
    let chosen = context.prompter.choose_some(prompt, choices)?;
    let names = dead.into_iter().enumerate();
    Ok(names
        .filter(|(index, _)| chosen.contains(index))
        .map(|(_, key)| key.name)
        .collect())
}

/// Describes a key in one line.
fn describe(key: &RestoredKey, clock: &Clock) -> String {
    let created = local_time(&key.created_at.to_string(), clock);
    let profiles = profile_list(&key.profiles);
    format!("{} (created {created}; profiles: {profiles})", key.name)
}

fn profile_list(profiles: &[String]) -> String {
    if profiles.is_empty() {
        "none".to_owned()
    } else {
        profiles.join(", ")
    }
}

/// The result of `store restore`.
#[derive(Serialize)]
struct RestoreReport {
    file: String,
    /// Directory and start of the names of the replaced store's files.
    moved_to: Option<String>,
    keys: Vec<RestoredKeyView>,
}

#[derive(Serialize)]
struct RestoredKeyView {
    name: String,
    created_at: String,
    profiles: Vec<String>,
    works: bool,
}

impl RestoreReport {
    fn new(file: &Path, data: &Path, restored: Restored) -> Self {
        Self {
            file: file.display().to_string(),
            moved_to: restored
                .moved_aside
                .map(|prefix| format!("{}*", data.join(prefix).display())),
            keys: restored
                .keys
                .into_iter()
                .map(|key| RestoredKeyView {
                    name: key.name.to_string(),
                    created_at: key.created_at.to_string(),
                    profiles: key.profiles,
                    works: key.works,
                })
                .collect(),
        }
    }
}

fn restore_lines(report: &RestoreReport, clock: &Clock) -> Vec<Line> {
    let mut lines = vec![Line::Success(format!("Restored from {}", report.file))];
    if let Some(moved_to) = &report.moved_to {
        lines.push(Line::Note(format!("The replaced store is in {moved_to}")));
    }
    if !report.keys.is_empty() {
        lines.push(Line::Table(key_table(&report.keys, clock)));
    }
    let dead = report.keys.iter().filter(|key| !key.works);
    let dead: Vec<&str> = dead.map(|key| key.name.as_str()).collect();
    if !dead.is_empty() {
        lines.push(Line::Note(MAY_BE_REVOKED.to_owned()));
        lines.push(Line::Fix(format!(
            "keyreeve store restore {} --replace --keys {}",
            word(EnvShell::Bash, &report.file),
            dead.join(",")
        )));
    }
    lines
}

fn key_table(keys: &[RestoredKeyView], clock: &Clock) -> Table {
    let columns = ["key", "now", "created", "profiles"].map(|title| (title, Align::Left));
    let mut table = Table::new(&columns);
    for key in keys {
        table.row([
            key.name.clone(),
            if key.works { "works" } else { "stays dead" }.to_owned(),
            local_time(&key.created_at, clock),
            profile_list(&key.profiles),
        ]);
    }
    table
}
