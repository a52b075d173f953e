//! The file by which others find a running `serve` and prove that it is the one: 0600, in the state directory.

use std::net::SocketAddr;

use keyreeve_broker::view::Document;
use keyreeve_os::files::{Make, SafeDir};
use keyreeve_os::process;
use keyreeve_store::{Error as StoreError, Store};
use serde::{Deserialize, Serialize};

use super::announce::Ready;
use crate::error::CommandError;
use crate::places::Places;

const FILE: &str = "serve.json";
/// No runtime file has more bytes than this.
const LIMIT: usize = 64 * 1024;

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

/// What others need of it.
#[derive(Deserialize)]
struct Found {
    process: u32,
    address: String,
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

/// The base URL of the `serve` that has this store to itself now, if there is one.
///
/// A file that is missing, not ours or not understood, and one that a killed `serve` left, count as none.
pub(in crate::commands) fn running(places: &Places, store: &Store) -> Option<String> {
    let directory = SafeDir::open(&places.state, Make::Never).ok()?;
    let bytes = directory.read(FILE, LIMIT).ok()?;
    let found: Found = serde_json::from_slice(&bytes).ok()?;
    let address: SocketAddr = found.address.strip_prefix("http://")?.parse().ok()?;
    // A claim that succeeds is let go at once: nobody had it, so the file is stale.
    match store.claim(&claim_note(process::pid())) {
        Err(StoreError::Held { holder }) if holder == claim_note(found.process) => {
            Some(format!("http://{address}"))
        }
        _ => None,
    }
}
