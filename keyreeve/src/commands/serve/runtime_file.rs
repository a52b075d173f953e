//! The runtime file by which other processes find a running `serve` and verify it: mode 0600, in the state directory. It is
//! read in [`crate::running_gateway`].

use keyreeve_broker::wire::Document;
use keyreeve_os::files::{CreateDir, SafeDir};
use keyreeve_os::process;
use serde::Serialize;

use super::announce::ReadyNotice;
use crate::dirs::Dirs;
use crate::error::CommandError;
use crate::running_gateway::RUNTIME_FILE;

/// The runtime file of this `serve`.
pub(super) struct RuntimeFile {
    directory: SafeDir,
}

#[derive(Serialize)]
struct RuntimeFileFields<'a> {
    process: u32,
    address: &'a str,
    addresses: &'a [String],
    /// The secret with which `/healthz` answers a challenge, in hexadecimal.
    instance_secret: String,
}

impl RuntimeFile {
    /// Writes the file, replacing that of a killed `serve`.
    ///
    /// # Errors
    /// If the state directory or a file in it is accessible to other users.
    pub(super) fn write(
        dirs: &Dirs,
        ready: &ReadyNotice,
        secret: &[u8; 32],
    ) -> Result<Self, CommandError> {
        let directory = SafeDir::open(&dirs.state, CreateDir::IfMissing)?;
        let content = RuntimeFileFields {
            process: process::pid(),
            address: &ready.address,
            addresses: &ready.addresses,
            instance_secret: hex::encode(secret),
        };
        let json = serde_json::to_vec(&Document::new(&content)).map_err(std::io::Error::from)?;
        directory.replace(RUNTIME_FILE, &json)?;
        Ok(Self { directory })
    }

    /// Removes the file.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub(super) fn remove(self) -> Result<(), CommandError> {
        Ok(self.directory.remove(RUNTIME_FILE)?)
    }
}
