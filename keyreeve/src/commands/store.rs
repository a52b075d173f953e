//! `store`: make it, describe it, save it, make it whole again.

use keyreeve_core::secret::Secret;
use keyreeve_os::memory::Swap;
use keyreeve_store::MasterKeyHome;
use serde::Serialize;

use crate::ask::{Question, Typed};
use crate::error::{CommandError, Exit};
use crate::output::{Format, counted};
use crate::settings::{self, Given};
use crate::wiring::{World, store_places};

/// A passphrase of fewer characters is guessed too soon.
const SHORTEST_PASSPHRASE: usize = 8;

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

pub(super) fn run(store: settings::Store, world: &World) -> Result<(), CommandError> {
    match store {
        settings::Store::Init => {
            let made = info(world)?;
            world.output.note(&format!("the store is in {}", made.data));
            tell(&made, world)
        }
        settings::Store::Info => {
            let info = info(world)?;
            tell(&info, world)
        }
        settings::Store::Backup { file, passphrase } => {
            let store = world.store()?;
            let passphrase = secret(passphrase, Typed::Twice, world)?;
            store.backup(&file, &passphrase)?;
            world.output.note(&format!(
                "everything is in {}; without its passphrase nobody can open it",
                file.display()
            ));
            Ok(())
        }
        settings::Store::Restore { file, passphrase } => {
            let places = world.places()?;
            let passphrase = secret(passphrase, Typed::Once, world)?;
            keyreeve_store::restore(&file, &passphrase, &store_places(&places))?;
            world.output.note(&format!(
                "the store is as it was when {} was made",
                file.display()
            ));
            Ok(())
        }
    }
}

fn info(world: &World) -> Result<Info, CommandError> {
    let places = world.places()?;
    let store = world.store()?;
    let policy = store.policy()?;
    let (master_key, protects_against) = match store.master_key_home() {
        MasterKeyHome::KeyFile => (
            "key-file",
            "a stolen database or backup of it; not against anyone who runs programs as you: they can open this",
        ),
    };
    Ok(Info {
        data: places.data.display().to_string(),
        master_key,
        master_key_directory: places.config.display().to_string(),
        protects_against,
        master_key_may_be_swapped: match store.master_key_swap() {
            Swap::LockedOut => false,
            Swap::Possible => true,
        },
        profiles: policy.profiles().len(),
        keys: policy.keys().len(),
    })
}

fn tell(info: &Info, world: &World) -> Result<(), CommandError> {
    if world.output.format() == Format::Json {
        return Ok(world.output.document(info)?);
    }
    for (what, value) in [
        ("database", info.data.as_str()),
        (
            "master key",
            &format!("a file in {}", info.master_key_directory),
        ),
        ("protects", &format!("against {}", info.protects_against)),
        (
            "holds",
            &format!(
                "{}, {}",
                counted(info.profiles, "profile"),
                counted(info.keys, "key")
            ),
        ),
    ] {
        world.output.line(&format!("{what:<12} {value}"))?;
    }
    if info.master_key_may_be_swapped {
        world.output.note(
            "the system did not lock the master key into memory: it may reach the swap space",
        );
    }
    Ok(())
}

fn secret(from: Given, typed: Typed, world: &World) -> Result<Secret, CommandError> {
    let question = Question {
        prompt: "Passphrase of the backup:",
        typed,
        instead: "keyreeve store backup FILE --stdin",
    };
    let text = world.asker.take(from, &question)?;
    let passphrase = text.trim_end_matches(['\r', '\n']);
    if passphrase.chars().count() < SHORTEST_PASSPHRASE {
        return Err(CommandError::new(
            Exit::Credential,
            "a passphrase has at least eight characters",
        ));
    }
    Ok(Secret::new(passphrase.to_owned()))
}
