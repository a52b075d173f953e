//! The open store: its two databases and its master key. Creates the store if there is none yet.
//!
//! Invariants: a database is created under a temporary name and renamed when it is complete, so an empty or truncated
//! one is never valid; creating never overwrites a file; `policy.db` gets its name last, so that a store exists
//! completely or not at all.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use keyreeve_core::profile::Profile;
use keyreeve_core::secret::Secret;
use keyreeve_os::files::{CreateDir, SafeDir};
use keyreeve_os::lock::Lock;
use keyreeve_os::memory::SwapProtection;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::database_files::{
    PENDING_RESTORE, REPLACED_PREFIX, build, open_database, reject_orphaned_wal, setup_lock,
    unfinished,
};
use crate::ledger_lock::LedgerLock;
use crate::ledger_writer::LedgerWriter;
use crate::master_key::{MasterKey, MasterKeyHome};
use crate::mutex::lock;
use crate::policy::{LeaseSnapshot, Policy, PolicyReader};
use crate::policy_writer::PolicyWriter;
use crate::row_macs::RowKey;
use crate::schema;
use crate::seal::{self, RecordKind, SealContext};
use crate::sql_enum::SqlEnum as _;
use crate::sql_types::sql_enum;
use crate::sqlite::{self, Access, LEDGER_FILE, POLICY_FILE, SINGLE_FILE};
use crate::{Durability, Result, StoreError, single_database};

/// The oldest SQLite version allowed: the one that fixed a race in resetting the write-ahead log.
const MIN_SQLITE_VERSION: i32 = 3_051_003;

/// The two directories of a store, which must be different.
#[derive(Clone, Debug)]
pub struct StorePaths {
    /// Directory of the databases, `…/data`.
    pub data: PathBuf,
    /// Directory of the master key file, `…/config`.
    pub keys: PathBuf,
}

/// An open store. Cheap to share.
///
/// Dropping it commits everything queued.
pub struct Store {
    reader: Mutex<PolicyReader>,
    pub(crate) policy_writer: PolicyWriter,
    pub(crate) ledger: LedgerWriter,
    /// `None` if the master key is missing or wrong: then authority can only be taken away.
    authority: Option<Authority>,
    master_key_home: MasterKeyHome,
    dir: SafeDir,
    keys: SafeDir,
    pub(crate) ledger_lock: LedgerLock,
}

/// The master key, and the key derived from it that signs rows of policy.
struct Authority {
    master_key: Arc<MasterKey>,
    row_key: Arc<RowKey>,
}

/// The need for a master key when a store is opened.
#[derive(Clone, Copy)]
enum MasterKeyNeed {
    Required,
    /// Only to take authority away.
    Optional,
}

impl Store {
    /// Returns `true` if there is a store, without creating one. Also `true` if this cannot be checked: then opening it
    /// reports the problem, so that bindings and rules are never silently ignored.
    pub fn exists(paths: &StorePaths) -> bool {
        [POLICY_FILE, SINGLE_FILE, PENDING_RESTORE]
            .iter()
            .any(|file| paths.data.join(file).try_exists().unwrap_or(true))
    }

    /// Opens the store. Creates it, with its master key, if there is none yet; migrates an older one.
    ///
    /// # Errors
    /// A file or directory with unsafe permissions; a damaged or newer database; a master key that is missing,
    /// truncated or another store's; or an older store that another process uses.
    pub fn open(paths: &StorePaths, durability: Durability) -> Result<Self> {
        Self::open_with(paths, durability, MasterKeyNeed::Required)
    }

    /// Opens the store like [`Store::open`], but also if the master key is missing, damaged or wrong. Then no row
    /// verifies, nothing is decrypted, and authority can only be taken away: keys revoked, profiles removed, paused or
    /// drained, secrets expired.
    ///
    /// # Errors
    /// See [`Store::open`].
    pub fn open_to_take_away(paths: &StorePaths, durability: Durability) -> Result<Self> {
        Self::open_with(paths, durability, MasterKeyNeed::Optional)
    }

    fn open_with(paths: &StorePaths, durability: Durability, need: MasterKeyNeed) -> Result<Self> {
        let (dir, keys) = open_dirs(paths)?;
        if !is_complete(&dir)? {
            let _setup = setup_lock(&dir)?;
            complete(&dir, &keys)?;
        }
        let connection = open_database(&dir, POLICY_FILE, &schema::POLICY, Access::Read)?;
        let authority = match (Authority::read(&connection, &dir, &keys), need) {
            (Ok(authority), _) => Some(authority),
            (
                Err(
                    StoreError::MasterKeyMissing { .. }
                    | StoreError::MasterKeyDamaged { .. }
                    | StoreError::MasterKeyWrong { .. },
                ),
                MasterKeyNeed::Optional,
            ) => None,
            (Err(error), _) => return Err(error),
        };
        let row_key = authority
            .as_ref()
            .map(|authority| Arc::clone(&authority.row_key));
        let master_key_home =
            connection.query_row("SELECT master_key_home FROM meta", [], |row| {
                sql_enum(row, "master_key_home")
            })?;
        Ok(Self {
            reader: Mutex::new(PolicyReader::new(connection, &dir, row_key)?),
            policy_writer: PolicyWriter::new(dir.path().join(POLICY_FILE)),
            ledger: LedgerWriter::new(dir.try_clone()?, durability),
            authority,
            master_key_home,
            dir,
            keys,
            ledger_lock: LedgerLock::default(),
        })
    }

    /// Returns the current policy: the same `Arc` while nothing changed.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn policy(&self) -> Result<Arc<Policy>> {
        Ok(self.lease_snapshot()?.policy)
    }

    /// Returns the current policy and health, as any process last committed them; without a query if nothing changed.
    ///
    /// # Errors
    /// If the database cannot be read, or was replaced.
    pub fn lease_snapshot(&self) -> Result<LeaseSnapshot> {
        self.ledger.check_files()?;
        self.reader()
            .snapshot()
            .map_err(|error| error.with_path(&self.dir.path().join(POLICY_FILE)))
    }

    /// Acquires the serve lock: one gateway at a time serves from a store.
    ///
    /// `note` describes the holder to other processes: a process id and an address.
    ///
    /// # Errors
    /// [`StoreError::InUse`] with the holder's note.
    pub fn acquire_serve_lock(&self, note: &str) -> Result<Lock> {
        Ok(Lock::acquire(&self.dir, single_database::SERVE_LOCK, note)?)
    }

    /// Checks both databases for damage. Takes milliseconds per megabyte.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] with the first damage found.
    pub fn verify(&self) -> Result<()> {
        for (file, schema) in [
            (POLICY_FILE, &schema::POLICY),
            (LEDGER_FILE, &schema::LEDGER),
        ] {
            let connection = open_database(&self.dir, file, schema, Access::Read)?;
            sqlite::check_integrity(&connection, &self.dir.path().join(file))?;
        }
        Ok(())
    }

    /// Decrypts a profile's sealed secret.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no sealed secret for it; [`StoreError::Tampered`] if the secret was not
    /// sealed for this profile and this base URL.
    pub fn unseal(&self, profile: &Profile) -> Result<Secret> {
        self.unseal_from(&*self.policy()?, profile)
    }

    /// Decrypts a profile's sealed secret, as a policy that was read has it.
    ///
    /// # Errors
    /// The same as [`Store::unseal`].
    pub fn unseal_from(&self, policy: &Policy, profile: &Profile) -> Result<Secret> {
        policy.check_profile(profile.id)?;
        let sealed = policy.sealed(profile.id).ok_or(StoreError::NotFound {
            what: "encrypted secret",
        })?;
        let context = SealContext {
            id: profile.id.0.into_bytes(),
            kind: RecordKind::Profile,
            generation: sealed.generation,
            base_url: profile.base_url.as_str(),
        };
        let tampered = || StoreError::Tampered {
            record: profile.id.to_string(),
        };
        let mut plaintext =
            seal::open(&*self.master_key()?, context, &sealed.bytes).map_err(|_| tampered())?;
        let text = String::from_utf8(std::mem::take(&mut *plaintext)).map_err(|_| tampered())?;
        Ok(Secret::new(text))
    }

    /// Returns the location of the master key.
    pub fn master_key_home(&self) -> MasterKeyHome {
        self.master_key_home
    }

    /// Returns whether the master key in memory is protected from being swapped out.
    ///
    /// # Errors
    /// If there is no master key.
    pub fn master_key_swap_protection(&self) -> Result<SwapProtection> {
        Ok(self.master_key()?.swap_protection())
    }

    pub(crate) fn reader(&self) -> MutexGuard<'_, PolicyReader> {
        // A reader that panics leaves a connection without an open transaction: still usable.
        lock(&self.reader)
    }

    pub(crate) fn dir(&self) -> &SafeDir {
        &self.dir
    }

    pub(crate) fn master_key(&self) -> Result<Arc<MasterKey>> {
        Ok(Arc::clone(&self.authority()?.master_key))
    }

    /// Returns the key that signs rows of policy.
    pub(crate) fn row_key(&self) -> Result<Arc<RowKey>> {
        Ok(Arc::clone(&self.authority()?.row_key))
    }

    fn authority(&self) -> Result<&Authority> {
        match &self.authority {
            Some(authority) => Ok(authority),
            None => Err(match MasterKey::read(&self.keys) {
                Err(error) => error,
                Ok(_) => wrong_master_key(self.keys.path()),
            }),
        }
    }

    /// Runs a policy write in a separate, synced transaction, with rollback on an error. Increments the generation, so
    /// that every reader notices the change.
    pub(crate) fn change<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.policy_writer.write(|transaction| {
            let value = work(transaction)?;
            transaction.execute("UPDATE meta SET generation = generation + 1", [])?;
            Ok(value)
        })
    }
}

impl Authority {
    /// Reads the master key, and signs the rows of a store that an older version wrote.
    fn read(connection: &Connection, dir: &SafeDir, keys: &SafeDir) -> Result<Self> {
        let master_key = MasterKey::read(keys)?;
        let row_key = RowKey::derive(&master_key);
        match check_master_key(connection, &master_key, keys)? {
            RowState::Signed => {}
            RowState::Unsigned => sign_once(dir, keys, &master_key, &row_key)?,
        }
        Ok(Self {
            master_key: Arc::new(master_key),
            row_key: Arc::new(row_key),
        })
    }
}

/// Signs the rows of an older store, and records it in the check value, in one transaction.
fn sign_once(
    dir: &SafeDir,
    keys: &SafeDir,
    master_key: &MasterKey,
    row_key: &RowKey,
) -> Result<()> {
    let mut connection = sqlite::open_checked(dir, POLICY_FILE, Access::Write)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match check_master_key(&transaction, master_key, keys)? {
        // Another process was faster.
        RowState::Signed => return Ok(()),
        RowState::Unsigned => {}
    }
    row_key.sign_all(&transaction)?;
    transaction.execute(
        "UPDATE meta SET master_key_check = ?1, generation = generation + 1",
        [seal::seal(
            master_key,
            check_context(RowState::Signed),
            b"",
        )?],
    )?;
    Ok(transaction.commit()?)
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

/// Returns `true` if both databases exist, the single database of older versions is empty, and no restore is under way.
fn is_complete(dir: &SafeDir) -> Result<bool> {
    Ok(dir.contains(POLICY_FILE)?
        && single_database::is_marker(dir)?
        && !dir.contains(PENDING_RESTORE)?)
}

/// Creates or migrates what is missing, unless another process just did.
fn complete(dir: &SafeDir, keys: &SafeDir) -> Result<()> {
    if dir.contains(PENDING_RESTORE)? {
        return Err(StoreError::RestoreInterrupted {
            path: dir.path().to_owned(),
        });
    }
    if dir.contains(POLICY_FILE)? {
        return single_database::finish(dir);
    }
    for database in [POLICY_FILE, LEDGER_FILE, SINGLE_FILE] {
        reject_orphaned_wal(dir, database)?;
    }
    let has_single = dir.contains(SINGLE_FILE)?;
    if has_single && !single_database::is_marker(dir)? {
        return single_database::migrate(dir);
    }
    if dir.contains(LEDGER_FILE)? && dir.contains(&unfinished(POLICY_FILE))? {
        return single_database::name_databases(dir);
    }
    if has_single || dir.contains(LEDGER_FILE)? {
        return Err(StoreError::missing(&dir.path().join(POLICY_FILE)));
    }
    if !dir.names(REPLACED_PREFIX)?.is_empty() {
        // A store that was moved aside is not forgotten.
        return Err(StoreError::missing(&dir.path().join(POLICY_FILE)));
    }
    create(dir, keys)
}

/// Creates the empty databases of a new store.
fn create(dir: &SafeDir, keys: &SafeDir) -> Result<()> {
    let master_key = MasterKey::read_or_create(keys)?;
    build(dir, LEDGER_FILE, &schema::LEDGER, |_| Ok(()))?;
    build(dir, POLICY_FILE, &schema::POLICY, |connection| {
        let check = seal::seal(&master_key, check_context(RowState::Signed), b"")?;
        connection.execute(
            "INSERT INTO meta (one, master_key_home, master_key_check, generation) VALUES (1, ?1, ?2, 0)",
            (MasterKeyHome::KeyFile.word(), check),
        )?;
        Ok(())
    })?;
    single_database::name_databases(dir)
}

/// The state of the rows of policy, as recorded in the check value.
#[derive(Clone, Copy)]
pub(crate) enum RowState {
    /// As older versions wrote them.
    Unsigned,
    Signed,
}

/// Returns the context of the check value, which belongs to the store as a whole.
fn check_context(state: RowState) -> SealContext<'static> {
    SealContext {
        id: [0; 16],
        kind: RecordKind::Check,
        generation: match state {
            RowState::Unsigned => 0,
            RowState::Signed => 1,
        },
        base_url: "",
    }
}

/// Checks the master key with the check value, so that a wrong key is reported as such and not as a tampered record.
/// Returns whether the rows are signed. This cannot be changed without the master key.
pub(crate) fn check_master_key(
    connection: &Connection,
    master_key: &MasterKey,
    keys: &SafeDir,
) -> Result<RowState> {
    let check: Vec<u8> =
        connection.query_row("SELECT master_key_check FROM meta", [], |row| row.get(0))?;
    [RowState::Signed, RowState::Unsigned]
        .into_iter()
        .find(|state| seal::open(master_key, check_context(*state), &check).is_ok())
        .ok_or_else(|| wrong_master_key(keys.path()))
}

fn wrong_master_key(keys: &Path) -> StoreError {
    StoreError::MasterKeyWrong {
        path: keys.join(crate::master_key::FILE),
    }
}
