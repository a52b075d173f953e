//! Files of other programs, which are read and never changed: what they should be is their owner's business.
//!
//! Invariants: a file is read only when it is a regular one that belongs to us or to the system; what is open to others
//! is told and not refused; whatever is there, no more than the limit is read.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::{FileError, checks, open_anywhere};

/// More names than this in one folder are not looked at.
const MOST_NAMES: usize = 1000;

/// A file that was read.
pub struct Foreign {
    /// What is in it.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Its mode, where others can read or write it.
    pub open_to_others: Option<u32>,
}

/// Reads a file of another program. Links are followed: people keep their settings elsewhere and link them.
///
/// # Errors
/// It is missing, no regular file, somebody else's, longer than `limit` bytes, or the system refuses.
pub fn read_foreign(path: &Path, limit: usize) -> Result<Foreign, FileError> {
    let (file, open_to_others) = open_foreign(path)?;
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    // Room for all of it at once: growing would leave parts behind in freed memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit.saturating_add(1)));
    file.take(most)
        .read_to_end(&mut bytes)
        .map_err(|source| FileError::System {
            doing: "read",
            path: path.to_owned(),
            source,
        })?;
    if bytes.len() > limit {
        return Err(FileError::TooLong {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(Foreign {
        bytes,
        open_to_others,
    })
}

/// Looks at a file of another program without reading it: its mode, where others can read or write it.
///
/// # Errors
/// As [`read_foreign`].
pub fn look_at_foreign(path: &Path) -> Result<Option<u32>, FileError> {
    open_foreign(path).map(|(_, open_to_others)| open_to_others)
}

/// The names in a folder, in their order; none where there is no such folder.
pub fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .take(MOST_NAMES)
        .collect();
    names.sort();
    names
}

fn open_foreign(path: &Path) -> Result<(File, Option<u32>), FileError> {
    let file = open_anywhere(path)?;
    let mode = checks::ours_or_the_systems(&file, path)?;
    Ok((file, Some(mode).filter(|mode| mode & 0o077 != 0)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "another program's file is put there"
    )]
    fn put(path: &Path, mode: u32) {
        fs::write(path, b"twelve bytes").expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode is set");
    }

    #[test]
    fn a_file_open_to_others_is_read_and_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        for (mode, told) in [(0o600, None), (0o640, Some(0o640)), (0o602, Some(0o602))] {
            put(&path, mode);
            let read = read_foreign(&path, 12).expect("read");
            assert_eq!(
                (&read.bytes[..], read.open_to_others),
                (&b"twelve bytes"[..], told)
            );
            assert_eq!(look_at_foreign(&path).expect("looked at"), told);
        }
    }

    #[test]
    fn what_is_too_long_or_no_file_is_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        put(&path, 0o600);
        assert!(matches!(
            read_foreign(&path, 11),
            Err(FileError::TooLong { limit: 11, .. })
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
        assert_eq!(names_in(folder.path()), ["file"]);
        assert!(names_in(&missing).is_empty());
    }
}
