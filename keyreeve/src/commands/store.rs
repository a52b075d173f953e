//! `store`: create, describe, back up and restore the store.

use std::path::Path;

use keyreeve_broker::admin::backups::{self, Passphrase};
use keyreeve_os::memory::SwapProtection;
use keyreeve_os::system;
use keyreeve_store::{ExistingStore, MasterKeyHome, RestoreOptions, Restored, RevivedKeys};
use serde::Serialize;

use crate::args::{PassphraseArgs, RestoreArgs, SecretInput, StoreCommand};
use crate::context::{Context, store_paths};
use crate::error::CommandError;
use crate::output::{Line, pluralize};
use crate::prompt::{Repeat, SecretPrompt};

#[derive(Serialize)]
struct Info {
    data: String,
    master_key: &'static str,
    master_key_directory: String,
    protects_against: &'static str,
    master_key_may_be_swapped: bool,
    profiles: usize,
    keys: usize,
}

pub(super) fn run(store: StoreCommand, context: &Context) -> Result<(), CommandError> {
    let output = &context.output;
    match store {
        StoreCommand::Init => {
            let info = info(context)?;
            let text = format!("Created the store in {}", info.data);
            output.write(&[Line::Success(text)])?;
            Ok(output.show(&info, details)?)
        }
        StoreCommand::Info => Ok(output.show(&info(context)?, details)?),
        StoreCommand::Backup(PassphraseArgs { file, passphrase }) => {
            let store = context.open_store()?;
            let passphrase = read_passphrase(passphrase, Repeat::Twice, "backup", context)?;
            backups::back_up(&store, &file, &passphrase)?;
            let file = file.display();
            let text = format!(
                "Saved an encrypted backup to {file}. Without its passphrase it cannot be restored."
            );
            Ok(output.write(&[Line::Success(text)])?)
        }
        StoreCommand::Restore(arguments) => restore(arguments, context),
    }
}

fn restore(arguments: RestoreArgs, context: &Context) -> Result<(), CommandError> {
    let RestoreArgs {
        backup: PassphraseArgs { file, passphrase },
        replace,
        keys,
    } = arguments;
    let paths = store_paths(&context.dirs()?);
    let options = RestoreOptions {
        existing: if replace {
            ExistingStore::MoveAside
        } else {
            ExistingStore::Refuse
        },
        keys: if keys.iter().any(|name| name.as_str() == "all") {
            RevivedKeys::All
        } else {
            RevivedKeys::Named(keys)
        },
        at: system::now(),
    };
    backups::check_restorable(&file, &paths, options.existing)?;
    let passphrase = read_passphrase(passphrase, Repeat::Once, "restore", context)?;
    let restored = backups::restore(&file, &passphrase, &paths, &options)?;
    let report = RestoreReport::new(&file, &paths.data, restored);
    Ok(context.output.show(&report, restore_lines)?)
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
                    works: key.works,
                })
                .collect(),
        }
    }
}

fn restore_lines(report: &RestoreReport) -> Vec<Line> {
    let mut lines = vec![Line::Success(format!("Restored from {}", report.file))];
    if let Some(moved_to) = &report.moved_to {
        lines.push(Line::Note(format!("The replaced store is in {moved_to}")));
    }
    let names = |works: bool| -> Vec<&str> {
        let keys = report.keys.iter().filter(|key| key.works == works);
        keys.map(|key| key.name.as_str()).collect()
    };
    let (working, dead) = (names(true), names(false));
    if !working.is_empty() {
        lines.push(Line::Field("keys that work", working.join(", ")));
    }
    if !dead.is_empty() {
        lines.push(Line::Field("keys that stay dead", dead.join(", ")));
        lines.push(Line::Note(
            "They may have been revoked or rotated since the backup".to_owned(),
        ));
        lines.push(Line::Fix(format!(
            "keyreeve store restore {} --replace --keys {}",
            report.file,
            dead.join(",")
        )));
    }
    lines
}

fn info(context: &Context) -> Result<Info, CommandError> {
    let dirs = context.dirs()?;
    let store = context.open_store()?;
    let policy = store.policy()?;
    let (master_key, protects_against) = match store.master_key_home() {
        MasterKeyHome::KeyFile => (
            "key-file",
            "theft of the database or its backups, but not programs running as you",
        ),
    };
    Ok(Info {
        data: dirs.data.display().to_string(),
        master_key,
        master_key_directory: dirs.config.display().to_string(),
        protects_against,
        master_key_may_be_swapped: match store.master_key_swap_protection()? {
            SwapProtection::Locked => false,
            SwapProtection::Unlocked => true,
        },
        profiles: policy.profiles().len(),
        keys: policy.keys().len(),
    })
}

fn details(info: &Info) -> Vec<Line> {
    let contents = [
        pluralize(info.profiles, "profile"),
        pluralize(info.keys, "key"),
    ];
    let mut lines = vec![
        Line::Field("database", info.data.clone()),
        Line::Field(
            "master key",
            format!("a file in {}", info.master_key_directory),
        ),
        Line::Field("protects", format!("against {}", info.protects_against)),
        Line::Field("contains", contents.join(", ")),
    ];
    if info.master_key_may_be_swapped {
        lines.push(Line::Note(
            "The master key could not be locked into memory: it may be swapped to disk".to_owned(),
        ));
    }
    lines
}

fn read_passphrase(
    input: SecretInput,
    repeat: Repeat,
    action: &str,
    context: &Context,
) -> Result<Passphrase, CommandError> {
    let command = format!("keyreeve store {action} FILE --stdin");
    let question = SecretPrompt {
        prompt: "Passphrase of the backup:",
        repeat,
        command: &command,
    };
    let text = context.prompter.read_secret(input, &question)?;
    Ok(Passphrase::new(text.trim_end_matches(['\r', '\n']))?)
}
