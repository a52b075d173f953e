//! `store`: create, describe, back up and restore the store.

use keyreeve_core::secret::Secret;
use keyreeve_os::memory::SwapProtection;
use keyreeve_store::MasterKeyHome;
use serde::Serialize;

use crate::args::{PassphraseArgs, SecretInput, StoreCommand};
use crate::context::{Context, store_paths};
use crate::error::{CommandError, Exit};
use crate::output::{Format, pluralize};
use crate::prompt::{Repeat, SecretPrompt};

/// Minimum length of a backup's passphrase.
const MIN_PASSPHRASE_CHARS: usize = 8;

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
    match store {
        StoreCommand::Init => {
            let info = info(context)?;
            context
                .output
                .success(&format!("Created the store in {}", info.data));
            print(&info, context)
        }
        StoreCommand::Info => {
            let info = info(context)?;
            print(&info, context)
        }
        StoreCommand::Backup(PassphraseArgs { file, passphrase }) => {
            let store = context.open_store()?;
            let passphrase = read_passphrase(passphrase, Repeat::Twice, "backup", context)?;
            store.backup(&file, &passphrase)?;
            context.output.success(&format!(
                "Saved an encrypted backup to {}. Without its passphrase it cannot be restored.",
                file.display()
            ));
            Ok(())
        }
        StoreCommand::Restore(PassphraseArgs { file, passphrase }) => {
            let dirs = context.dirs()?;
            let passphrase = read_passphrase(passphrase, Repeat::Once, "restore", context)?;
            keyreeve_store::restore(&file, &passphrase, &store_paths(&dirs))?;
            context
                .output
                .success(&format!("Restored from {}", file.display()));
            Ok(())
        }
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
        master_key_may_be_swapped: match store.master_key_swap_protection() {
            SwapProtection::Locked => false,
            SwapProtection::Unlocked => true,
        },
        profiles: policy.profiles().len(),
        keys: policy.keys().len(),
    })
}

fn print(info: &Info, context: &Context) -> Result<(), CommandError> {
    if context.output.format() == Format::Json {
        return Ok(context.output.document(info)?);
    }
    for (label, value) in [
        ("database", info.data.as_str()),
        (
            "master key",
            &format!("a file in {}", info.master_key_directory),
        ),
        ("protects", &format!("against {}", info.protects_against)),
        (
            "contains",
            &format!(
                "{}, {}",
                pluralize(info.profiles, "profile"),
                pluralize(info.keys, "key")
            ),
        ),
    ] {
        context.output.field(label, value)?;
    }
    if info.master_key_may_be_swapped {
        context
            .output
            .note("The master key could not be locked into memory: it may be swapped to disk");
    }
    Ok(())
}

fn read_passphrase(
    input: SecretInput,
    repeat: Repeat,
    action: &str,
    context: &Context,
) -> Result<Secret, CommandError> {
    let command = format!("keyreeve store {action} FILE --stdin");
    let question = SecretPrompt {
        prompt: "Passphrase of the backup:",
        repeat,
        command: &command,
    };
    let text = context.prompter.read_secret(input, &question)?;
    let passphrase = text.trim_end_matches(['\r', '\n']);
    if passphrase.chars().count() < MIN_PASSPHRASE_CHARS {
        return Err(CommandError::new(
            Exit::Credential,
            "the passphrase must have at least 8 characters",
        ));
    }
    Ok(Secret::new(passphrase.to_owned()))
}
