//! Opens the store, making it where there is none yet, and holds its connections and threads.
//!
//! Invariants: a database is made under another name and gets its own only when it is whole, so an empty or cut one
//! is never ours; nothing is ever made over what lies there.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyreeve_core::profile::Profile;
use keyreeve_core::secret::Secret;
use keyreeve_os::files::{FileError, Make, SafeDir};
use keyreeve_os::lock::{Lock, LockError};
use keyreeve_os::memory::Swap;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use crate::columns::word;
use crate::master_key::MasterKey;
use crate::policy::Reader;
use crate::recording::Recording;
use crate::seal::{self, Binding, Kind};
use crate::sqlite::{self, Access, Checkpointer};
use crate::words::Word as _;
use crate::writer::Writer;
use crate::{Error, Result, schema};

/// The oldest SQLite whose log survives everything: the one that mended the WAL-reset race.
const SQLITE_FLOOR: i32 = 3_051_003;

/// Held while the database is made, migrated or restored.
const SETUP_LOCK: &str = "setup.lock";

/// Held by the process that serves from the store.
const SERVE_LOCK: &str = "serve.lock";

/// The database while it is being made.
pub(crate) const UNFINISHED: &str = "keyreeve.db.new";

/// Where the store's two halves lie: never in the same directory.
#[derive(Clone, Debug)]
pub struct Places {
    /// Directory of the database, `…/data`.
    pub data: PathBuf,
    /// Directory of the master key file, `…/config`.
    pub keys: PathBuf,
}

/// When ledger rows are safe.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// They survive a killed process always, a power cut but for the last second.
    #[default]
    Process,
    /// Each batch is synced: they survive a power cut too.
    Strict,
}

/// Where the master key lives; chosen once, when the store is made, and recorded in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MasterKeyHome {
    /// A file beside the configuration: whoever runs as the same user can read it.
    KeyFile,
}

/// The open store. Cheap to share; one writer thread stands behind it.
///
/// Dropping it commits what is queued.
pub struct Store {
    reader: Mutex<Reader>,
    pub(crate) writer: Writer,
    master_key: Arc<MasterKey>,
    master_key_home: MasterKeyHome,
    dir: SafeDir,
    recording: Recording,
}

impl Store {
    /// Says whether there is a store, without making one. One that cannot be looked for may be there: then opening it
    /// says what is wrong, since bindings and rules must not be lost in silence.
    pub fn is_made(places: &Places) -> bool {
        places.data.join(sqlite::FILE).try_exists().unwrap_or(true)
    }

    /// Opens the store, making it (and its master key) where there is none yet.
    ///
    /// # Errors
    /// A weak file or directory, a damaged or newer database, or a master key that is missing, cut or another's.
    pub fn open(places: &Places, durability: Durability) -> Result<Self> {
        let (dir, keys) = open_places(places)?;
        let path = dir.path().join(sqlite::FILE);
        if !dir.contains(sqlite::FILE)? {
            let _setup = setup_lock(&dir)?;
            make(&dir, &keys)?;
        }
        sqlite::check_files(&dir, sqlite::FILE)?;
        let mut connection = sqlite::connect(&path, Access::Write)?;
        if schema::is_behind(&connection, &path)? {
            let _setup = setup_lock(&dir)?;
            schema::migrate(&mut connection, &path)?;
        }
        let master_key = MasterKey::read(&keys)?;
        check_master_key(&connection, &master_key, &keys)?;
        let master_key_home =
            connection.query_row("SELECT master_key_home FROM meta", [], |row| {
                word(row, "master_key_home")
            })?;
        let checkpointer = Checkpointer::start(&path, &mut connection)?;
        let writer = Writer::start(connection, checkpointer, durability).map_err(|source| {
            Error::Files(FileError::System {
                doing: "start a thread for",
                path: path.clone(),
                source,
            })
        })?;
        Ok(Self {
            reader: Mutex::new(Reader::new(sqlite::connect(&path, Access::Read)?)),
            writer,
            master_key: Arc::new(master_key),
            master_key_home,
            dir,
            recording: Recording::default(),
        })
    }

    /// Claims the store for a process that serves from it, for as long as the lock is held.
    ///
    /// `note` tells others who holds it: a process id and an address.
    ///
    /// # Errors
    /// [`Error::Held`] with the holder's note.
    pub fn claim(&self, note: &str) -> Result<Lock> {
        Ok(Lock::acquire(&self.dir, SERVE_LOCK, note)?)
    }

    /// Reads the whole database for damage: milliseconds for a megabyte.
    ///
    /// # Errors
    /// [`Error::Corrupt`] with the first damage found.
    pub fn verify(&self) -> Result<()> {
        let connection = self.connect(Access::Read)?;
        let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if found == "ok" {
            return Ok(());
        }
        Err(Error::Corrupt {
            path: self.dir.path().join(sqlite::FILE),
            what: found,
        })
    }

    /// Opens a profile's sealed secret.
    ///
    /// # Errors
    /// [`Error::NotFound`] when nothing is sealed for it; [`Error::Tampered`] when what is sealed was not sealed for
    /// this profile and this base URL.
    pub fn unseal(&self, profile: &Profile) -> Result<Secret> {
        let (generation, sealed): (i64, Vec<u8>) = self
            .reader()
            .connection
            .prepare_cached("SELECT generation, sealed FROM sealed WHERE profile = ?1")?
            .query_row([profile.id.0.into_bytes()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?
            .ok_or(Error::NotFound {
                what: "sealed secret",
            })?;
        let base_url = profile.base_url.to_string();
        let binding = Binding {
            id: profile.id.0.into_bytes(),
            kind: Kind::Profile,
            generation: generation.unsigned_abs(),
            base_url: &base_url,
        };
        let tampered = || Error::Tampered {
            record: profile.id.to_string(),
        };
        let mut opened = seal::open(&self.master_key, binding, &sealed).map_err(|_| tampered())?;
        let text = String::from_utf8(std::mem::take(&mut *opened)).map_err(|_| tampered())?;
        Ok(Secret::new(text))
    }

    /// Where the master key lives.
    pub fn master_key_home(&self) -> MasterKeyHome {
        self.master_key_home
    }

    /// Whether the master key in memory can reach the swap space.
    pub fn master_key_swap(&self) -> Swap {
        self.master_key.swap()
    }

    pub(crate) fn reader(&self) -> MutexGuard<'_, Reader> {
        // What a panicking reader leaves behind is a connection without a transaction: still good.
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connect(&self, access: Access) -> Result<Connection> {
        sqlite::connect(&self.dir.path().join(sqlite::FILE), access)
    }

    pub(crate) fn recording(&self) -> &Recording {
        &self.recording
    }

    pub(crate) fn dir(&self) -> &SafeDir {
        &self.dir
    }

    pub(crate) fn master_key(&self) -> Arc<MasterKey> {
        Arc::clone(&self.master_key)
    }

    /// Runs a policy write in a transaction of its own, synced, that every reader will notice.
    pub(crate) fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer.apart(move |connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = work(&transaction)?;
            transaction.execute("UPDATE meta SET generation = generation + 1", [])?;
            transaction.commit()?;
            Ok(answer)
        })
    }
}

/// Opens both directories, making them where they are missing.
pub(crate) fn open_places(places: &Places) -> Result<(SafeDir, SafeDir)> {
    let found = rusqlite::version_number();
    if found < SQLITE_FLOOR {
        return Err(Error::SqliteTooOld {
            found: rusqlite::version(),
        });
    }
    let data = SafeDir::open(&places.data, Make::IfAbsent)?;
    let keys = SafeDir::open(&places.keys, Make::IfAbsent)?;
    if data.path() == keys.path() {
        return Err(Error::SamePlace {
            path: data.path().to_owned(),
        });
    }
    Ok((data, keys))
}

/// Waits up to five seconds for whoever is making, migrating or restoring the store.
pub(crate) fn setup_lock(dir: &SafeDir) -> Result<Lock> {
    for _ in 0..500 {
        match Lock::acquire(
            dir,
            SETUP_LOCK,
            &format!("process {}", keyreeve_os::process::pid()),
        ) {
            Err(LockError::Held { .. }) => std::thread::sleep(Duration::from_millis(10)),
            answer => return Ok(answer?),
        }
    }
    Err(Error::Busy)
}

/// Refuses a log without its database: a new database beside it would be spoilt by it.
pub(crate) fn refuse_orphans(dir: &SafeDir) -> Result<()> {
    let [log, _] = sqlite::log_files(sqlite::FILE);
    if dir.contains(&log)? {
        let path = dir.path().join(log);
        return Err(Error::Corrupt {
            path,
            what: "the database it belongs to is gone".to_owned(),
        });
    }
    Ok(())
}

/// Makes an empty database, unless somebody else just did.
fn make(dir: &SafeDir, keys: &SafeDir) -> Result<()> {
    if dir.contains(sqlite::FILE)? {
        return Ok(());
    }
    refuse_orphans(dir)?;
    let master_key = MasterKey::read_or_make(keys)?;
    let path = start_unfinished(dir)?;
    dir.create_new(UNFINISHED, b"")?;
    let mut connection = sqlite::connect(&path, Access::Write)?;
    schema::migrate(&mut connection, &path)?;
    let check = seal::seal(&master_key, CHECK, b"")?;
    connection.execute(
        "INSERT INTO meta (one, master_key_home, master_key_check, generation) VALUES (1, ?1, ?2, 0)",
        (MasterKeyHome::KeyFile.word(), check),
    )?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(dir.settle(UNFINISHED, sqlite::FILE)?)
}

/// Clears away what a crash left of an unfinished database, and says where to make the next.
pub(crate) fn start_unfinished(dir: &SafeDir) -> Result<PathBuf> {
    let [log, index] = sqlite::log_files(UNFINISHED);
    for name in [UNFINISHED, &log, &index, &format!("{UNFINISHED}-journal")] {
        dir.remove(name)?;
    }
    Ok(dir.path().join(UNFINISHED))
}

/// What the check value is bound to: the store as a whole.
const CHECK: Binding<'static> = Binding {
    id: [0; 16],
    kind: Kind::Check,
    generation: 0,
    base_url: "",
};

/// Tells a wrong master key, once, from a tampered record, later.
pub(crate) fn check_master_key(
    connection: &Connection,
    master_key: &MasterKey,
    keys: &SafeDir,
) -> Result<()> {
    let check: Vec<u8> =
        connection.query_row("SELECT master_key_check FROM meta", [], |row| row.get(0))?;
    match seal::open(master_key, CHECK, &check) {
        Ok(_) => Ok(()),
        Err(seal::Refused) => Err(wrong_master_key(keys.path())),
    }
}

fn wrong_master_key(keys: &Path) -> Error {
    Error::MasterKeyWrong {
        path: keys.join(crate::master_key::FILE),
    }
}
