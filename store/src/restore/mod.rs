//! Restore: brings back the data of a backup, and only those virtual keys that still work or were named.
//!
//! Invariants: a restore overwrites nothing: a store that is replaced is moved aside; a secret of a virtual key that was
//! revoked, rotated out or unknown since the backup stays dead unless its key is named; from before the first file is
//! moved until the last one has its name, a file marks the store, which is refused by name if the restore was
//! interrupted.

mod backup_reader;
mod decision;
mod key_rows;

use std::path::Path;

use jiff::Timestamp;
use keyreeve_core::profile::Name;
use keyreeve_core::secret::Secret;
use keyreeve_os::files::SafeDir;
use keyreeve_os::lock::Lock;
use keyreeve_os::process::pid;
use rusqlite::TransactionBehavior;

use self::backup_reader::{BackupForm, DecryptedBackup, decrypt_backup};
pub use self::decision::RevivedKeys;
use self::decision::{BackupKey, ReplacedSecrets, SecretFate};
use self::key_rows::KeyWriter;
use crate::database_files::{
    PENDING_RESTORE, REPLACED_PREFIX, reject_orphaned_wal, remove_unfinished, setup_lock,
    unfinished,
};
use crate::master_key::{self, MasterKey};
use crate::open::{self, StorePaths};
use crate::row_macs::RowKey;
use crate::sealed_stream::SealedReader;
use crate::single_database::SERVE_LOCK;
use crate::sqlite::{self, Access, LEDGER_FILE, POLICY_FILE, SINGLE_FILE};
use crate::{Policy, Result, StoreError, journal, ledger_lock, schema, single_database};

/// The databases that a store or a backup can have.
const DATABASES: [&str; 3] = [POLICY_FILE, LEDGER_FILE, SINGLE_FILE];

/// The handling of a store that exists where a backup is restored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExistingStore {
    /// It is an error.
    Refuse,
    /// Its files are renamed, with the time in their names.
    MoveAside,
}

/// The way to restore a backup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestoreOptions {
    /// The handling of a store that exists already.
    pub existing: ExistingStore,
    /// The keys that work again.
    pub keys: RevivedKeys,
    /// The time of the restore.
    pub at: Timestamp,
}

/// The result of a restore.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Restored {
    /// The virtual keys of the backup that were not revoked in it, sorted by name.
    pub keys: Vec<RestoredKey>,
    /// The start of the names that the files of the replaced store have now; `None` if there was none.
    pub moved_aside: Option<String>,
}

/// A virtual key of a backup.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestoredKey {
    /// Its name.
    pub name: Name,
    /// The time it was created.
    pub created_at: Timestamp,
    /// Names of its profiles.
    pub profiles: Vec<String>,
    /// `true` if it works again.
    pub works: bool,
}

/// Restores a backup. The data has the state at the time of the backup.
///
/// # Errors
/// [`StoreError::NotEmpty`]; [`StoreError::InUse`] if a gateway serves from the store; [`StoreError::WrongPassphrase`];
/// [`StoreError::BadBackup`]; [`StoreError::NewerSchema`]; [`StoreError::NotFound`] if no key has a given name. Nothing
/// is changed in these cases.
pub fn restore(
    from: &Path,
    passphrase: &Secret,
    paths: &StorePaths,
    options: &RestoreOptions,
) -> Result<Restored> {
    let (dir, keys) = open::open_dirs(paths)?;
    let _setup = setup_lock(&dir)?;
    let locks = check_target(&dir, options.existing)?;
    let result =
        decrypt(from, passphrase, (&dir, &keys), options).and_then(|(backup, restored)| {
            mark_pending(&dir)?;
            let moved_aside = move_aside(&dir, &keys, &backup, options)?;
            // The key is written first: a database without its key cannot be opened, but a key alone does no harm.
            backup.master_key.write(&keys)?;
            // A migration acquires them itself. Whichever command comes first waits for the setup lock.
            drop(locks);
            backup.finish(&dir)?;
            dir.remove(PENDING_RESTORE)?;
            Ok(Restored {
                keys: restored,
                moved_aside,
            })
        });
    if result.is_err() {
        // The first error is the one to report; the next restore removes the leftovers, too.
        remove_all_unfinished(&dir).ok();
    }
    result
}

/// Returns the virtual keys that [`restore`] would return, without restoring anything.
///
/// # Errors
/// As [`restore`].
pub fn preview_restore(
    from: &Path,
    passphrase: &Secret,
    paths: &StorePaths,
    options: &RestoreOptions,
) -> Result<Vec<RestoredKey>> {
    let (dir, keys) = open::open_dirs(paths)?;
    let _setup = setup_lock(&dir)?;
    let _locks = check_target(&dir, options.existing)?;
    let decrypted = decrypt(from, passphrase, (&dir, &keys), options);
    remove_all_unfinished(&dir)?;
    Ok(decrypted?.1)
}

/// Decrypts the databases of a backup to their temporary names, checks them and decides about their keys.
fn decrypt(
    from: &Path,
    passphrase: &Secret,
    (dir, keys): (&SafeDir, &SafeDir),
    options: &RestoreOptions,
) -> Result<(DecryptedBackup, Vec<RestoredKey>)> {
    remove_all_unfinished(dir)?;
    let backup = decrypt_backup(from, passphrase, dir)?;
    backup.check(dir, keys)?;
    let restored = keep_dead_keys(&backup, (dir, keys), options)?;
    Ok((backup, restored))
}

fn remove_all_unfinished(dir: &SafeDir) -> Result<()> {
    for database in DATABASES {
        remove_unfinished(dir, database)?;
    }
    Ok(())
}

/// Marks the store, unless an interrupted restore did.
fn mark_pending(dir: &SafeDir) -> Result<()> {
    if !dir.contains(PENDING_RESTORE)? {
        dir.create_new(
            PENDING_RESTORE,
            b"A restore is running, or was interrupted.\n",
        )?;
    }
    Ok(())
}

/// Checks, before a passphrase is needed, that a file is a backup and can be restored here.
///
/// # Errors
/// As [`restore`].
pub fn check_restorable(from: &Path, paths: &StorePaths, existing: ExistingStore) -> Result<()> {
    SealedReader::check_header(from)?;
    let (dir, _) = open::open_dirs(paths)?;
    check_target(&dir, existing).map(drop)
}

/// Checks that nothing is overwritten, and that no process uses a store that is moved aside.
fn check_target(dir: &SafeDir, existing: ExistingStore) -> Result<Option<(Lock, Lock)>> {
    match existing {
        ExistingStore::Refuse => {
            for database in DATABASES {
                if dir.contains(database)? {
                    return Err(StoreError::NotEmpty {
                        path: dir.path().join(database),
                    });
                }
                reject_orphaned_wal(dir, database)?;
            }
            Ok(None)
        }
        ExistingStore::MoveAside => {
            let note = format!("process {}, which restores a backup", pid());
            let serve = Lock::acquire(dir, SERVE_LOCK, &note)?;
            let ledger = ledger_lock::try_exclusive(dir)?.ok_or_else(|| StoreError::InUse {
                holder: "a keyreeve command that is sending requests".to_owned(),
            })?;
            Ok(Some((serve, ledger)))
        }
    }
}

/// Renames the files of a store that exists. Each database is renamed before its log: a log without its database is
/// refused, while a database without its log would have lost revocations.
fn move_aside(
    dir: &SafeDir,
    keys: &SafeDir,
    backup: &DecryptedBackup,
    options: &RestoreOptions,
) -> Result<Option<String>> {
    if options.existing == ExistingStore::Refuse {
        return Ok(None);
    }
    let prefix = format!("{REPLACED_PREFIX}{}-", options.at.as_millisecond());
    let mut names = journal::list(dir)?;
    for database in [POLICY_FILE, LEDGER_FILE] {
        names.push(database.to_owned());
        names.extend(sqlite::wal_files(database));
    }
    let is_marker_kept = match backup.form {
        BackupForm::Split => single_database::is_marker(dir)?,
        BackupForm::Single => false,
    };
    if !is_marker_kept {
        names.push(SINGLE_FILE.to_owned());
        names.extend(sqlite::wal_files(SINGLE_FILE));
    }
    let mut has_moved = false;
    for name in names {
        if dir.contains(&name)? {
            dir.rename_new(&name, &format!("{prefix}{name}"))?;
            has_moved = true;
        }
    }
    let has_other_key = keys.contains(master_key::FILE)?
        && !MasterKey::read(keys).is_ok_and(|key| key.is_same(&backup.master_key));
    if has_other_key {
        keys.rename_new(master_key::FILE, &format!("{prefix}{}", master_key::FILE))?;
    }
    Ok(has_moved.then_some(prefix))
}

/// Kills the secrets of virtual keys that may not work again, in the database that was just decrypted, and returns the
/// keys that were not revoked in it.
fn keep_dead_keys(
    backup: &DecryptedBackup,
    (dir, own_keys): (&SafeDir, &SafeDir),
    options: &RestoreOptions,
) -> Result<Vec<RestoredKey>> {
    let database = match backup.form {
        BackupForm::Split => POLICY_FILE,
        BackupForm::Single => SINGLE_FILE,
    };
    let path = dir.path().join(unfinished(database));
    let mut connection = sqlite::connect(&path, Access::Write)?;
    let row_key = match backup.form {
        BackupForm::Split => {
            schema::POLICY.migrate(&mut connection, &path)?;
            Some(RowKey::derive(&backup.master_key))
        }
        // Its rows are signed when it is migrated.
        BackupForm::Single => None,
    };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let policy = row_key
        .as_ref()
        .map(|row_key| Policy::read(&transaction, Some(row_key)))
        .transpose()?;
    let keys = key_rows::read_keys(&transaction, policy.as_ref())?;
    check_names(&keys, &options.keys)?;
    let replaced = match options.existing {
        ExistingStore::MoveAside => key_rows::replaced_secrets(dir, own_keys).unwrap_or_default(),
        ExistingStore::Refuse => ReplacedSecrets::new(),
    };
    let writer = KeyWriter {
        connection: &transaction,
        row_key: row_key.as_ref(),
        at: options.at,
    };
    let mut restored = Vec::new();
    for key in keys {
        let fates = key.fates(&replaced, &options.keys, options.at);
        writer.write(&key, &fates)?;
        restored.push(RestoredKey {
            name: key.name,
            created_at: key.created_at,
            profiles: key.profiles,
            works: fates.iter().any(|fate| *fate != SecretFate::Dead),
        });
    }
    transaction.commit()?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(restored)
}

fn check_names(keys: &[BackupKey], revived: &RevivedKeys) -> Result<()> {
    match revived {
        RevivedKeys::All => Ok(()),
        RevivedKeys::Named(names) => {
            let exists = |name: &Name| keys.iter().any(|key| key.name == *name);
            if names.iter().all(exists) {
                Ok(())
            } else {
                Err(StoreError::NotFound {
                    what: "key in the backup",
                })
            }
        }
    }
}
