//! Encrypted backups of the store.

use std::path::Path;

use keyreeve_core::secret::Secret;
use keyreeve_store::{ExistingStore, RestoreOptions, Restored, RestoredKey, Store, StorePaths};

use super::AdminError;

/// Minimum length of a passphrase, in characters.
const MIN_PASSPHRASE_CHARS: usize = 8;

/// The passphrase of a backup, which is not too short.
pub struct Passphrase(Secret);

impl Passphrase {
    /// Checks a passphrase.
    ///
    /// # Errors
    /// [`AdminError::PassphraseTooShort`].
    pub fn new(text: &str) -> Result<Self, AdminError> {
        if text.chars().count() < MIN_PASSPHRASE_CHARS {
            return Err(AdminError::PassphraseTooShort {
                minimum: MIN_PASSPHRASE_CHARS,
            });
        }
        Ok(Self(Secret::new(text.to_owned())))
    }
}

/// Saves an encrypted backup of the store in a new file.
///
/// # Errors
/// [`AdminError::Store`] if the file exists already, or the disk is full.
pub fn back_up(store: &Store, file: &Path, passphrase: &Passphrase) -> Result<(), AdminError> {
    Ok(store.backup(file, &passphrase.0)?)
}

/// Checks, before the passphrase is known, that a file is a backup and can be restored.
///
/// # Errors
/// [`AdminError::Store`].
pub fn check_restorable(
    file: &Path,
    paths: &StorePaths,
    existing: ExistingStore,
) -> Result<(), AdminError> {
    Ok(keyreeve_store::check_restorable(file, paths, existing)?)
}

/// Returns the virtual keys that [`restore`] would return, without restoring anything.
///
/// # Errors
/// [`AdminError::Store`].
pub fn preview_restore(
    file: &Path,
    passphrase: &Passphrase,
    paths: &StorePaths,
    options: &RestoreOptions,
) -> Result<Vec<RestoredKey>, AdminError> {
    Ok(keyreeve_store::preview_restore(
        file,
        &passphrase.0,
        paths,
        options,
    )?)
}

/// Restores a backup: its data, and those virtual keys that still work or are named.
///
/// # Errors
/// [`AdminError::Store`]: nothing was restored.
pub fn restore(
    file: &Path,
    passphrase: &Passphrase,
    paths: &StorePaths,
    options: &RestoreOptions,
) -> Result<Restored, AdminError> {
    Ok(keyreeve_store::restore(
        file,
        &passphrase.0,
        paths,
        options,
    )?)
}
