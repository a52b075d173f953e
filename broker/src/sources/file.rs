//! A secret that is all there is in a file, read for each lease: whoever rotates it needs to tell nobody.
//!
//! Invariant: a file that others could read or change, a link and a file with a second name are refused, with the command
//! that mends it.

use std::path::Path;

use keyreeve_core::credential::Credential;
use keyreeve_core::profile::Profile;
use keyreeve_os::files::{FileError, Make, SafeDir};

use super::{SourceError, fetched};

/// The longest token there is, and line breaks around it.
const LONGEST: usize = 16_384 + 8;

pub(super) fn obtain(profile: &Profile, path: &str) -> Result<Credential, SourceError> {
    let bytes = read(Path::new(path)).map_err(SourceError::File)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => fetched(profile, text),
        Err(_) => Err(SourceError::NotACredential(None)),
    }
}

fn read(path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, FileError> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str()))
    else {
        return Err(FileError::BadName {
            name: path.display().to_string(),
        });
    };
    SafeDir::open(folder, Make::Never)?.read(name, LONGEST)
}
