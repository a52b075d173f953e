//! The open store: its connections, its writer thread and its master key. Creates the store if there is none yet.
//!
//! Invariants: a database is created under a temporary name and renamed when it is complete, so an empty or truncated
//! one is never valid; creating never overwrites a file.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyreeve_core::profile::Profile;
use keyreeve_core::secret::Secret;
use keyreeve_os::files::{CreateDir, FileError, SafeDir};
use keyreeve_os::lock::{Lock, LockError};
use keyreeve_os::memory::SwapProtection;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use crate::ledger_lock::LedgerLock;
use crate::master_key::{MasterKey, MasterKeyHome};
use crate::policy::{LeaseSnapshot, Policy, PolicyReader};
use crate::seal::{self, RecordKind, SealContext};
use crate::sql_enum::SqlEnum as _;
use crate::sql_types::sql_enum;
use crate::sqlite::{self, Access, Checkpointer};
use crate::writer::{Durability, Writer};
use crate::{Result, StoreError, schema};

/// The oldest SQLite version allowed: the one that fixed a race in resetting the write-ahead log.
const MIN_SQLITE_VERSION: i32 = 3_051_003;

/// File name of the lock held while the database is created, migrated, backed up or restored.
const SETUP_LOCK: &str = "setup.lock";

/// File name of the lock held by the gateway that serves from the store.
const SERVE_LOCK: &str = "serve.lock";

/// Temporary file name of a database that is being created or restored.
pub(crate) const UNFINISHED: &str = "keyreeve.db.new";

/// The two directories of a store, which must be different.
#[derive(Clone, Debug)]
pub struct StorePaths {
    /// Directory of the database, `…/data`.
    pub data: PathBuf,
    /// Directory of the master key file, `…/config`.
    pub keys: PathBuf,
}

/// An open store. Cheap to share; all writes go through its one writer thread.
///
/// Dropping it commits everything queued.
pub struct Store {
    reader: Mutex<PolicyReader>,
    pub(crate) writer: Writer,
    master_key: Arc<MasterKey>,
    master_key_home: MasterKeyHome,
    dir: SafeDir,
    ledger_lock: LedgerLock,
}

impl Store {
    /// Returns `true` if there is a store, without creating one. Also `true` if this cannot be checked: then opening it
    /// reports the problem, so that bindings and rules are never silently ignored.
    pub fn exists(paths: &StorePaths) -> bool {
        paths.data.join(sqlite::FILE).try_exists().unwrap_or(true)
    }

    /// Opens the store. Creates it, with its master key, if there is none yet; migrates an older one.
    ///
    /// # Errors
    /// A file or directory with unsafe permissions; a damaged or newer database; or a master key that is missing,
    /// truncated or another store's.
    pub fn open(paths: &StorePaths, durability: Durability) -> Result<Self> {
        let (dir, keys) = open_dirs(paths)?;
        let path = dir.path().join(sqlite::FILE);
        if !dir.contains(sqlite::FILE)? {
            let _setup = setup_lock(&dir)?;
            create(&dir, &keys)?;
        }
        sqlite::check_files(&dir, sqlite::FILE)?;
        let mut connection = sqlite::connect(&path, Access::Write)?;
        if schema::needs_migration(&connection, &path)? {
            let _setup = setup_lock(&dir)?;
            schema::migrate(&mut connection, &path)?;
        }
        let master_key = MasterKey::read(&keys)?;
        check_master_key(&connection, &master_key, &keys)?;
        let master_key_home =
            connection.query_row("SELECT master_key_home FROM meta", [], |row| {
                sql_enum(row, "master_key_home")
            })?;
        let checkpointer = Checkpointer::start(&path, &mut connection)?;
        let writer = Writer::start(connection, checkpointer, durability)
            .map_err(FileError::system("start a thread for", &path))?;
        Ok(Self {
            reader: Mutex::new(PolicyReader::new(sqlite::connect(&path, Access::Read)?)),
            writer,
            master_key: Arc::new(master_key),
            master_key_home,
            dir,
            ledger_lock: LedgerLock::default(),
        })
    }

    /// Returns the current policy: the same `Arc` while nothing changed (`PRAGMA data_version`, then a generation
    /// counter).
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn policy(&self) -> Result<Arc<Policy>> {
        Ok(self.lease_snapshot()?.policy)
    }

    /// Returns the current policy and health, with one query if nothing changed.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn lease_snapshot(&self) -> Result<LeaseSnapshot> {
        self.reader().snapshot()
    }

    /// Acquires the serve lock: one gateway at a time serves from a store.
    ///
    /// `note` describes the holder to other processes: a process id and an address.
    ///
    /// # Errors
    /// [`StoreError::InUse`] with the holder's note.
    pub fn acquire_serve_lock(&self, note: &str) -> Result<Lock> {
        Ok(Lock::acquire(&self.dir, SERVE_LOCK, note)?)
    }

    /// Checks the whole database for damage. Takes milliseconds per megabyte.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] with the first damage found.
    pub fn verify(&self) -> Result<()> {
        let path = self.dir.path().join(sqlite::FILE);
        sqlite::check_integrity(&sqlite::connect(&path, Access::Read)?, &path)
    }

    /// Decrypts a profile's sealed secret.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no sealed secret for it; [`StoreError::Tampered`] if the secret was not
    /// sealed for this profile and this base URL.
    pub fn unseal(&self, profile: &Profile) -> Result<Secret> {
        let (generation, sealed): (i64, Vec<u8>) = self
            .reader()
            .connection
            .prepare_cached("SELECT generation, sealed FROM sealed WHERE profile = ?1")?
            .query_row([profile.id.0.into_bytes()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?
            .ok_or(StoreError::NotFound {
                what: "encrypted secret",
            })?;
        let base_url = profile.base_url.to_string();
        let context = SealContext {
            id: profile.id.0.into_bytes(),
            kind: RecordKind::Profile,
            generation: generation.unsigned_abs(),
            base_url: &base_url,
        };
        let tampered = || StoreError::Tampered {
            record: profile.id.to_string(),
        };
        let mut plaintext =
            seal::open(&self.master_key, context, &sealed).map_err(|_| tampered())?;
        let text = String::from_utf8(std::mem::take(&mut *plaintext)).map_err(|_| tampered())?;
        Ok(Secret::new(text))
    }

    /// Returns the location of the master key.
    pub fn master_key_home(&self) -> MasterKeyHome {
        self.master_key_home
    }

    /// Returns whether the master key in memory is protected from being swapped out.
    pub fn master_key_swap_protection(&self) -> SwapProtection {
        self.master_key.swap_protection()
    }

    pub(crate) fn reader(&self) -> MutexGuard<'_, PolicyReader> {
        // A reader that panics leaves a connection without an open transaction: still usable.
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connect(&self, access: Access) -> Result<Connection> {
        sqlite::connect(&self.dir.path().join(sqlite::FILE), access)
    }

    pub(crate) fn ledger_lock(&self) -> &LedgerLock {
        &self.ledger_lock
    }

    pub(crate) fn dir(&self) -> &SafeDir {
        &self.dir
    }

    pub(crate) fn master_key(&self) -> Arc<MasterKey> {
        Arc::clone(&self.master_key)
    }

    /// Runs a policy write in a separate, synced transaction, with rollback on an error. Increments the generation, so
    /// that every reader notices the change.
    pub(crate) fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.execute(move |connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.execute("UPDATE meta SET generation = generation + 1", [])?;
            transaction.commit()?;
            Ok(value)
        })
    }
}

/// Opens both directories, creating those that are missing.
pub(crate) fn open_dirs(paths: &StorePaths) -> Result<(SafeDir, SafeDir)> {
    let found = rusqlite::version_number();
    if found < MIN_SQLITE_VERSION {
        return Err(StoreError::SqliteTooOld {
            found: rusqlite::version(),
        });
    }
    let data = SafeDir::open(&paths.data, CreateDir::IfMissing)?;
    let keys = SafeDir::open(&paths.keys, CreateDir::IfMissing)?;
    if data.path() == keys.path() {
        return Err(StoreError::SameDirectory {
            path: data.path().to_owned(),
        });
    }
    Ok((data, keys))
}

/// Acquires the setup lock. Waits up to five seconds for a process that is creating, migrating or restoring the store.
pub(crate) fn setup_lock(dir: &SafeDir) -> Result<Lock> {
    for _ in 0..500 {
        match Lock::acquire(
            dir,
            SETUP_LOCK,
            &format!("process {}", keyreeve_os::process::pid()),
        ) {
            Err(LockError::Held { .. }) => std::thread::sleep(Duration::from_millis(10)),
            result => return Ok(result?),
        }
    }
    Err(StoreError::Busy)
}

/// Rejects a write-ahead log without its database: SQLite would apply it to a new database.
pub(crate) fn reject_orphaned_wal(dir: &SafeDir) -> Result<()> {
    let [log, _] = sqlite::wal_files(sqlite::FILE);
    if dir.contains(&log)? {
        let path = dir.path().join(log);
        return Err(StoreError::Corrupt {
            path,
            what: "the database of this write-ahead log is missing".to_owned(),
        });
    }
    Ok(())
}

/// Creates an empty database, unless another process just did.
fn create(dir: &SafeDir, keys: &SafeDir) -> Result<()> {
    if dir.contains(sqlite::FILE)? {
        return Ok(());
    }
    reject_orphaned_wal(dir)?;
    let master_key = MasterKey::read_or_create(keys)?;
    let path = remove_unfinished(dir)?;
    dir.create_new(UNFINISHED, b"")?;
    let mut connection = sqlite::connect(&path, Access::Write)?;
    schema::migrate(&mut connection, &path)?;
    let check = seal::seal(&master_key, CHECK_CONTEXT, b"")?;
    connection.execute(
        "INSERT INTO meta (one, master_key_home, master_key_check, generation) VALUES (1, ?1, ?2, 0)",
        (MasterKeyHome::KeyFile.word(), check),
    )?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(dir.rename_new(UNFINISHED, sqlite::FILE)?)
}

/// Deletes the files of an unfinished database after a crash, and returns the path to create the next one at.
pub(crate) fn remove_unfinished(dir: &SafeDir) -> Result<PathBuf> {
    let [log, index] = sqlite::wal_files(UNFINISHED);
    for name in [UNFINISHED, &log, &index, &format!("{UNFINISHED}-journal")] {
        dir.remove(name)?;
    }
    Ok(dir.path().join(UNFINISHED))
}

/// The context of the check value, which belongs to the store as a whole.
const CHECK_CONTEXT: SealContext<'static> = SealContext {
    id: [0; 16],
    kind: RecordKind::Check,
    generation: 0,
    base_url: "",
};

/// Checks the master key with the check value, so that a wrong key is reported as such and not as a tampered record.
pub(crate) fn check_master_key(
    connection: &Connection,
    master_key: &MasterKey,
    keys: &SafeDir,
) -> Result<()> {
    let check: Vec<u8> =
        connection.query_row("SELECT master_key_check FROM meta", [], |row| row.get(0))?;
    match seal::open(master_key, CHECK_CONTEXT, &check) {
        Ok(_) => Ok(()),
        Err(seal::UnsealError) => Err(wrong_master_key(keys.path())),
    }
}

fn wrong_master_key(keys: &Path) -> StoreError {
    StoreError::MasterKeyWrong {
        path: keys.join(crate::master_key::FILE),
    }
}
