//! A secret that is the whole content of a file, read for each lease, so that a rotation takes effect at once.
//!
//! Invariant: a file that other users could read or change, a symbolic link and a file with several hard links are
//! refused, with the command that fixes it.

use std::path::Path;

use keyreeve_core::credential::Credential;
use keyreeve_core::profile::{Profile, Provenance};
use keyreeve_os::files::{CreateDir, FileError, SafeDir};

use super::{SourceError, parse_credential};

/// Maximum size of the file: the longest possible token, with line breaks around it.
const MAX_FILE_BYTES: usize = 16_384 + 8;

pub(super) fn obtain(profile: &Profile, path: &str) -> Result<Credential, SourceError> {
    let bytes = read(Path::new(path)).map_err(SourceError::File)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => parse_credential(profile, text, Provenance::Unknown),
        Err(_) => Err(SourceError::InvalidCredential(None)),
    }
}

fn read(path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, FileError> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str()))
    else {
        return Err(FileError::InvalidName {
            name: path.display().to_string(),
        });
    };
    SafeDir::open(folder, CreateDir::Never)?.read(name, MAX_FILE_BYTES)
}
