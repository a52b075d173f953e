//! The file by which others find a running `serve` and prove that it is the one: 0600, in the state directory. It is
//! read in [`crate::running`].

use std::path::PathBuf;

use keyreeve_broker::view::Document;
use keyreeve_os::files::{Make, SafeDir};
use keyreeve_os::process;
use keyreeve_store::Store;
use serde::Serialize;

use super::announce::Ready;
use crate::error::CommandError;
use crate::places::Places;
use crate::running::FILE;

/// The file, for as long as we serve.
pub(super) struct RuntimeFile {
    directory: SafeDir,
}

#[derive(Serialize)]
struct Content<'a> {
    process: u32,
    address: &'a str,
    addresses: &'a [String],
    /// What `/healthz` answers a challenge with, in hexadecimal.
    instance_secret: String,
}

impl RuntimeFile {
    /// Writes it; what a killed `serve` left there is replaced.
    ///
    /// # Errors
    /// Where the state directory or what lies there is not ours alone.
    pub(super) fn write(
        places: &Places,
        ready: &Ready,
        secret: &[u8; 32],
    ) -> Result<Self, CommandError> {
        let directory = SafeDir::open(&places.state, Make::IfAbsent)?;
        let content = Content {
            process: process::pid(),
            address: &ready.address,
            addresses: &ready.addresses,
            instance_secret: hex::encode(secret),
        };
        let json = serde_json::to_vec(&Document::of(&content)).map_err(std::io::Error::from)?;
        directory.replace(FILE, &json)?;
        Ok(Self { directory })
    }

    /// Removes it.
    ///
    /// # Errors
    /// Where the system refuses.
    pub(super) fn remove(self) -> Result<(), CommandError> {
        Ok(self.directory.remove(FILE)?)
    }
}

/// What a `serve` leaves as its note where it claims the store.
pub(super) fn claim_note(process: u32) -> String {
    format!("keyreeve serve, process {process}")
}

/// The file, where it is there and nobody serves who could have written it.
pub(in crate::commands) fn stale_runtime_file(places: &Places, store: &Store) -> Option<PathBuf> {
    let directory = SafeDir::open(&places.state, Make::Never).ok()?;
    let is_there = directory.contains(FILE).ok()?;
    // A claim that succeeds is let go at once.
    let is_stale = is_there && store.claim(&claim_note(process::pid())).is_ok();
    is_stale.then(|| places.state.join(FILE))
}

/// Removes the file that a killed `serve` left.
///
/// # Errors
/// Where the system refuses.
pub(in crate::commands) fn remove_runtime_file(places: &Places) -> Result<(), CommandError> {
    Ok(SafeDir::open(&places.state, Make::Never)?.remove(FILE)?)
}
