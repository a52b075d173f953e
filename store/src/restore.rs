//! Restore: brings back the data of a backup, and only those virtual keys that still work or were named.
//!
//! Invariants: a restore is atomic; it overwrites nothing: a store that is replaced is moved aside; a secret of a virtual
//! key that was revoked, rotated out or unknown since the backup stays dead unless its key is named.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use keyreeve_core::profile::Name;
use keyreeve_core::secret::Secret;
use keyreeve_core::virtual_key::{KeyId, PublicId};
use keyreeve_os::files::SafeDir;
use keyreeve_os::lock::Lock;
use keyreeve_os::process::pid;
use rusqlite::{Connection, TransactionBehavior};
use zeroize::Zeroizing;

use crate::database_files::{
    REPLACED_PREFIX, reject_orphaned_wal, remove_unfinished, setup_lock, unfinished,
};
use crate::master_key::{self, MasterKey};
use crate::open::{self, StorePaths};
use crate::row_macs::{self, RowKey, SignedRow};
use crate::schema::{self, Schema};
use crate::sealed_stream::SealedReader;
use crate::single_database::SERVE_LOCK;
use crate::sql_types::{from_str, micros, optional, timestamp, uuid};
use crate::sqlite::{self, Access, LEDGER_FILE, POLICY_FILE, SINGLE_FILE};
use crate::{Policy, Result, StoreError, journal, ledger_lock, single_database};

/// Length of the master key in bytes.
const KEY_BYTES: usize = 32;

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

/// The virtual keys that work again, in addition to those that work in the store that is replaced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RevivedKeys {
    /// The keys with these names.
    Named(Vec<Name>),
    /// All keys of the backup.
    All,
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
    for database in DATABASES {
        remove_unfinished(&dir, database)?;
    }
    let result = decrypt_backup(from, passphrase, &dir).and_then(|backup| {
        backup.check(&dir, &keys)?;
        let restored_keys = backup.keep_dead_keys((&dir, &keys), options)?;
        let moved_aside = move_aside(&dir, &keys, &backup, options)?;
        // The key is written first: a database without its key cannot be opened, but a key alone does no harm.
        backup.master_key.write(&keys)?;
        // A migration acquires them itself. Whichever command comes first waits for the setup lock.
        drop(locks);
        backup.finish(&dir)?;
        Ok(Restored {
            keys: restored_keys,
            moved_aside,
        })
    });
    if result.is_err() {
        for database in DATABASES {
            // The first error is the one to report; the next restore removes the leftovers, too.
            remove_unfinished(&dir, database).ok();
        }
    }
    result
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

/// Renames the files of a store that exists. Each database is renamed before its log: after a crash in between, a log
/// without its database is refused, while a database without its log would have lost revocations. `ledger.db` is replaced
/// before `policy.db`, so that the next command finishes a restore that was interrupted after both.
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
    for database in [LEDGER_FILE, POLICY_FILE] {
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
        let [_, ledger_index] = sqlite::wal_files(LEDGER_FILE);
        if name == ledger_index && dir.contains(&unfinished(LEDGER_FILE))? {
            dir.rename_new(&unfinished(LEDGER_FILE), LEDGER_FILE)?;
        }
    }
    let has_other_key = keys.contains(master_key::FILE)?
        && !MasterKey::read(keys).is_ok_and(|key| key.is_same(&backup.master_key));
    if has_other_key {
        keys.rename_new(master_key::FILE, &format!("{prefix}{}", master_key::FILE))?;
    }
    Ok(has_moved.then_some(prefix))
}

/// A decrypted backup, whose databases are under their temporary names.
struct DecryptedBackup {
    master_key: MasterKey,
    form: BackupForm,
}

/// The databases of a backup.
#[derive(Clone, Copy)]
enum BackupForm {
    /// `policy.db` and `ledger.db`.
    Split,
    /// The single database of older versions.
    Single,
}

impl BackupForm {
    fn databases(self) -> &'static [(&'static str, &'static Schema)] {
        match self {
            Self::Split => &[
                (POLICY_FILE, &schema::POLICY),
                (LEDGER_FILE, &schema::LEDGER),
            ],
            Self::Single => &[(SINGLE_FILE, &schema::SINGLE)],
        }
    }
}

impl DecryptedBackup {
    /// Kills the secrets of virtual keys that may not work again, in the database that was just decrypted, and returns
    /// the keys that were not revoked in it.
    fn keep_dead_keys(
        &self,
        (dir, own_keys): (&SafeDir, &SafeDir),
        options: &RestoreOptions,
    ) -> Result<Vec<RestoredKey>> {
        let database = match self.form {
            BackupForm::Split => POLICY_FILE,
            BackupForm::Single => SINGLE_FILE,
        };
        let path = dir.path().join(unfinished(database));
        let mut connection = sqlite::connect(&path, Access::Write)?;
        let row_key = match self.form {
            BackupForm::Split => {
                schema::POLICY.migrate(&mut connection, &path)?;
                Some(RowKey::derive(&self.master_key))
            }
            // Its rows are signed when it is migrated.
            BackupForm::Single => None,
        };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut keys = read_keys(&transaction)?;
        let active = match (options.existing, self.form) {
            (ExistingStore::MoveAside, BackupForm::Split) => {
                let restored = Policy::read(&transaction, row_key.as_ref())?;
                active_secrets((dir, own_keys), &restored, options.at).unwrap_or_default()
            }
            // What the keys of an old database may do cannot be compared.
            (ExistingStore::MoveAside, BackupForm::Single) | (ExistingStore::Refuse, _) => {
                HashMap::new()
            }
        };
        check_names(&keys, &options.keys)?;
        for key in &mut keys {
            key.keep_alive(&active, &options.keys);
            write_key(&transaction, key, row_key.as_ref(), options.at)?;
        }
        transaction.commit()?;
        connection.close().map_err(|(_, error)| error)?;
        Ok(keys.into_iter().map(|key| key.key).collect())
    }

    /// Checks that the databases are undamaged, written by keyreeve and encrypted with this master key.
    fn check(&self, dir: &SafeDir, keys: &SafeDir) -> Result<()> {
        for (database, schema) in self.form.databases() {
            let path = dir.path().join(unfinished(database));
            let connection = sqlite::connect(&path, Access::Read)?;
            sqlite::check_integrity(&connection, &path)?;
            schema.needs_migration(&connection, &path)?;
            match *database {
                LEDGER_FILE => {}
                _ => {
                    open::check_master_key(&connection, &self.master_key, keys)?;
                }
            }
        }
        Ok(())
    }

    /// Gives the databases their names, and migrates an old one.
    fn finish(&self, dir: &SafeDir) -> Result<()> {
        match self.form {
            BackupForm::Split => single_database::name_databases(dir),
            BackupForm::Single => {
                dir.rename_new(&unfinished(SINGLE_FILE), SINGLE_FILE)?;
                single_database::migrate(dir)
            }
        }
    }
}

/// Writes the databases of the backup to their temporary names.
fn decrypt_backup(from: &Path, passphrase: &Secret, dir: &SafeDir) -> Result<DecryptedBackup> {
    let mut plaintext = Plaintext {
        reader: SealedReader::start(from, passphrase)?,
        pending: Zeroizing::default(),
    };
    let key: Zeroizing<Vec<u8>> = plaintext.take(KEY_BYTES)?;
    let master_key = MasterKey::from_bytes(&key)
        .ok_or_else(|| plaintext.reader.bad_backup("it is truncated"))?;
    // Until its successor is known, the first database has the name of a single one.
    plaintext.write_database(dir, SINGLE_FILE)?;
    if plaintext.is_at_end()? {
        return Ok(DecryptedBackup {
            master_key,
            form: BackupForm::Single,
        });
    }
    dir.rename_new(&unfinished(SINGLE_FILE), &unfinished(POLICY_FILE))?;
    plaintext.write_database(dir, LEDGER_FILE)?;
    if !plaintext.is_at_end()? {
        let reason = "the length of the database does not match";
        return Err(plaintext.reader.bad_backup(reason));
    }
    Ok(DecryptedBackup {
        master_key,
        form: BackupForm::Split,
    })
}

/// The decrypted content of a backup.
struct Plaintext {
    reader: SealedReader,
    pending: Zeroizing<Vec<u8>>,
}

impl Plaintext {
    /// Reads the next chunk if nothing is pending, and returns `true` if there is none.
    fn is_at_end(&mut self) -> Result<bool> {
        while self.pending.is_empty() {
            match self.reader.next()? {
                Some(chunk) => self.pending = chunk,
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Reads at most `length` bytes, and at least one.
    fn take_some(&mut self, length: usize) -> Result<Zeroizing<Vec<u8>>> {
        if self.is_at_end()? {
            return Err(self.reader.bad_backup("it is truncated"));
        }
        let length = length.min(self.pending.len());
        let rest = Zeroizing::new(self.pending.split_off(length));
        Ok(std::mem::replace(&mut self.pending, rest))
    }

    /// Reads exactly `length` bytes.
    fn take(&mut self, length: usize) -> Result<Zeroizing<Vec<u8>>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        while bytes.len() < length {
            let some = self.take_some(length - bytes.len())?;
            bytes.extend_from_slice(&some);
        }
        Ok(bytes)
    }

    /// Writes a database, which follows its length, to its temporary name.
    fn write_database(&mut self, dir: &SafeDir, database: &str) -> Result<()> {
        let length = self.take(size_of::<u64>())?;
        let length = length
            .first_chunk()
            .map_or(0, |length| u64::from_be_bytes(*length));
        let mut remaining = usize::try_from(length).unwrap_or(usize::MAX);
        let mut file = dir.start(&unfinished(database))?;
        while remaining > 0 {
            let bytes = self.take_some(remaining)?;
            file.write_all(&bytes)?;
            remaining -= bytes.len();
        }
        Ok(file.finish()?)
    }
}

/// A virtual key of a backup with its secrets.
struct BackupKey {
    id: KeyId,
    key: RestoredKey,
    secrets: Vec<BackupSecret>,
}

/// A secret of a virtual key.
struct BackupSecret {
    id: PublicId,
    valid_until: Option<Timestamp>,
    /// `true` if it works again.
    works: bool,
}

impl BackupKey {
    /// Decides which secrets work again: those that work in the replaced store, at most until they expire there, and all
    /// of a named key.
    fn keep_alive(&mut self, active: &HashMap<PublicId, Option<Timestamp>>, revived: &RevivedKeys) {
        let is_named = match revived {
            RevivedKeys::All => true,
            RevivedKeys::Named(names) => names.contains(&self.key.name),
        };
        for secret in &mut self.secrets {
            let until = active.get(&secret.id);
            secret.works = is_named || until.is_some();
            if let (false, Some(Some(until))) = (is_named, until) {
                let earlier = secret.valid_until.map_or(*until, |own| own.min(*until));
                secret.valid_until = Some(earlier);
            }
        }
        self.key.works = self.secrets.iter().any(|secret| secret.works);
    }
}

/// Returns the secrets of virtual keys that work in the store that is replaced and may do the same there as in the
/// restored one, with their expiry, or `None` if it is damaged or cannot be read.
fn active_secrets(
    (dir, keys): (&SafeDir, &SafeDir),
    restored: &Policy,
    at: Timestamp,
) -> Option<HashMap<PublicId, Option<Timestamp>>> {
    let connection = sqlite::open_checked(dir, POLICY_FILE, Access::Read).ok()?;
    sqlite::check_integrity(&connection, &dir.path().join(POLICY_FILE)).ok()?;
    let row_key = RowKey::derive(&MasterKey::read(keys).ok()?);
    let policy = Policy::read(&connection, Some(&row_key)).ok()?;
    let active = policy.key_secrets().filter_map(|(public, found)| {
        let is_valid = found.valid_until.is_none_or(|until| until > at);
        let is_verified = policy.check_key(found.key, Some(public)).is_ok();
        let has_same_row = restored.keys().contains(found.key);
        let works = is_valid && is_verified && has_same_row && found.key.refusal(at).is_none();
        works.then_some((public, found.valid_until))
    });
    Some(active.collect())
}

/// Reads the keys that were not revoked. Both forms of a backup have these columns.
fn read_keys(connection: &Connection) -> Result<Vec<BackupKey>> {
    let mut statement = connection
        .prepare("SELECT id, name, created_at FROM keys WHERE revoked_at IS NULL ORDER BY name")?;
    let keys = statement.query_map([], |row| {
        Ok(BackupKey {
            id: KeyId(uuid(row, "id")?),
            key: RestoredKey {
                name: from_str(row, "name")?,
                created_at: timestamp(row, "created_at")?,
                works: false,
            },
            secrets: Vec::new(),
        })
    })?;
    let mut keys = keys.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut statement =
        connection.prepare("SELECT public_id, valid_until FROM key_secrets WHERE key = ?1")?;
    for key in &mut keys {
        let secrets = statement.query_map([key.id.0.as_bytes()], |row| {
            Ok(BackupSecret {
                id: PublicId(row.get("public_id")?),
                valid_until: optional(row, "valid_until", timestamp)?,
                works: false,
            })
        })?;
        key.secrets = secrets.collect::<rusqlite::Result<_>>()?;
    }
    Ok(keys)
}

/// Deletes the secrets that do not work again, and revokes a key that has none left. A row that verified before it was
/// changed is signed again.
fn write_key(
    connection: &Connection,
    key: &BackupKey,
    row_key: Option<&RowKey>,
    at: Timestamp,
) -> Result<()> {
    for secret in &key.secrets {
        let row = SignedRow::Secret(secret.id);
        if !secret.works {
            connection.execute(
                "DELETE FROM key_secrets WHERE public_id = ?1",
                [secret.id.0],
            )?;
            erase(connection, row_key, row)?;
            continue;
        }
        let was_verified = match row_key {
            Some(row_key) => row_key.verifies(connection, row)?,
            None => false,
        };
        connection.execute(
            "UPDATE key_secrets SET valid_until = ?2 WHERE public_id = ?1",
            (secret.id.0, secret.valid_until.map(micros)),
        )?;
        if let (Some(row_key), true) = (row_key, was_verified) {
            row_key.sign(connection, row)?;
        }
    }
    if !key.key.works {
        connection.execute(
            "UPDATE keys SET revoked_at = ?2 WHERE id = ?1",
            (key.id.0.as_bytes(), micros(at)),
        )?;
        erase(connection, row_key, SignedRow::Key(key.id))?;
    }
    Ok(())
}

/// Takes a row's authority away, in a database that has signed rows.
fn erase(connection: &Connection, row_key: Option<&RowKey>, row: SignedRow) -> Result<()> {
    match row_key {
        Some(_) => row_macs::erase(connection, row),
        None => Ok(()),
    }
}

fn check_names(keys: &[BackupKey], revived: &RevivedKeys) -> Result<()> {
    match revived {
        RevivedKeys::All => Ok(()),
        RevivedKeys::Named(names) => {
            let exists = |name: &Name| keys.iter().any(|key| key.key.name == *name);
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
