//! `store`: create, describe, back up and restore the store.

mod restore;

use keyreeve_broker::admin::backups::{self, Passphrase};
use keyreeve_os::memory::SwapProtection;
use keyreeve_store::MasterKeyHome;
use serde::Serialize;

use crate::args::{PassphraseArgs, SecretInput, StoreCommand};
use crate::context::Context;
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
        StoreCommand::Restore(arguments) => restore::run(arguments, context),
    }
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
