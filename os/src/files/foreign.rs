//! Reads files of other programs, without changing them.
//!
//! Invariants: only a regular file owned by this user or by root is read; one that is open to others is reported, not
//! refused, since its permissions are that program's decision; never more than the limit is read.

use std::fs::{self, File};
use std::path::Path;

use zeroize::Zeroizing;

use super::directory::{open_anywhere, read_whole};
use super::{FileError, checks};

/// Maximum number of names listed from one directory.
const MAX_NAMES: usize = 1000;

/// A file of another program that was read.
pub struct ForeignFile {
    /// Its content.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Its mode if others can read or write it.
    pub exposed_mode: Option<u32>,
}

/// Reads a file of another program. Links are followed: people often link their settings to another directory.
///
/// # Errors
/// If it is missing, is not a regular file, is owned by another user, is larger than `limit` bytes, or cannot be read.
pub fn read_foreign(path: &Path, limit: usize) -> Result<ForeignFile, FileError> {
    let (file, exposed_mode) = open_foreign(path)?;
    Ok(ForeignFile {
        bytes: read_whole(file, path, limit)?,
        exposed_mode,
    })
}

/// Checks a file of another program without reading it; returns its mode if others can read or write it.
///
/// # Errors
/// As [`read_foreign`].
pub fn check_foreign(path: &Path) -> Result<Option<u32>, FileError> {
    open_foreign(path).map(|(_, exposed_mode)| exposed_mode)
}

/// Lists the names in a directory in sorted order; the list is empty if there is no such directory.
pub fn list_names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .take(MAX_NAMES)
        .collect();
    names.sort();
    names
}

fn open_foreign(path: &Path) -> Result<(File, Option<u32>), FileError> {
    let file = open_anywhere(path)?;
    let mode = checks::owned_by_user_or_root(&file, path)?;
    Ok((file, Some(mode).filter(|mode| mode & 0o077 != 0)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "the test writes another program's file"
    )]
    fn put(path: &Path, mode: u32) {
        fs::write(path, b"twelve bytes").expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode is set");
    }

    #[test]
    fn exposed_file_is_read_and_reported() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        for (mode, exposed) in [(0o600, None), (0o640, Some(0o640)), (0o602, Some(0o602))] {
            put(&path, mode);
            let read = read_foreign(&path, 12).expect("read");
            assert_eq!(
                (&read.bytes[..], read.exposed_mode),
                (&b"twelve bytes"[..], exposed)
            );
            assert_eq!(check_foreign(&path).expect("checked"), exposed);
        }
    }

    #[test]
    fn too_large_or_not_a_file_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        put(&path, 0o600);
        assert!(matches!(
            read_foreign(&path, 11),
            Err(FileError::TooLarge { limit: 11, .. })
        ));
        assert!(matches!(
            read_foreign(folder.path(), 11),
            Err(FileError::NotAFile { .. })
        ));
        let missing = folder.path().join("missing");
        assert!(matches!(
            read_foreign(&missing, 11),
            Err(FileError::Missing { .. })
        ));
        assert_eq!(list_names(folder.path()), ["file"]);
        assert!(list_names(&missing).is_empty());
    }
}
