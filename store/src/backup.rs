//! One file that holds everything: the master key and the database, sealed under a passphrase.
//!
//! Invariants: the master key is never on a disk unsealed but in its own file; a backup is restored into an empty
//! place only, and there whole or not at all.

use std::io::Read as _;
use std::path::Path;

use keyreeve_core::secret::Secret;
use keyreeve_os::files::{FileError, NewFile, SafeDir};
use zeroize::Zeroizing;

use crate::chunks::{CHUNK, Opener, Sealer};
use crate::master_key::MasterKey;
use crate::open::{self, Places, UNFINISHED};
use crate::sqlite::{self, Access};
use crate::{Error, Result, Store, schema};

/// The copy of the database that is read into the backup, in the database's own directory.
const IMAGE: &str = "keyreeve.db.backup";

const KEY: usize = 32;

impl Store {
    /// Writes everything, sealed under the passphrase, to a new file. Other processes may go on writing meanwhile.
    ///
    /// # Errors
    /// When there is a file of that name already, or the disk is full.
    pub fn backup(&self, to: &Path, passphrase: &Secret) -> Result<()> {
        self.flush()?;
        let out = NewFile::anywhere(to)?;
        let _setup = open::setup_lock(self.dir())?;
        let image = Image::take(self)?;
        let mut sealer = Sealer::start(out, passphrase)?;
        sealer.write(self.master_key().expose())?;
        image.copy_into(&mut sealer)?;
        sealer.finish()
    }
}

/// Restores a backup into an empty place. The store opens afterwards as it was when the backup was made.
///
/// # Errors
/// [`Error::NotEmpty`]; [`Error::WrongPassphrase`]; [`Error::BadBackup`]; [`Error::NewerSchema`]. Nothing is restored
/// then.
pub fn restore(from: &Path, passphrase: &Secret, places: &Places) -> Result<()> {
    let (dir, keys) = open::open_places(places)?;
    let _setup = open::setup_lock(&dir)?;
    if dir.contains(sqlite::FILE)? {
        return Err(Error::NotEmpty {
            path: dir.path().join(sqlite::FILE),
        });
    }
    open::refuse_orphans(&dir)?;
    open::start_unfinished(&dir)?;
    let settled = unpack(from, passphrase, &dir).and_then(|master_key| {
        check(&dir, &keys, &master_key)?;
        // The key comes first: a database without its key could not be opened, a key without a database can wait.
        master_key.write(&keys)?;
        Ok(dir.settle(UNFINISHED, sqlite::FILE)?)
    });
    if settled.is_err() {
        // The first error is the one to report; the next attempt clears up again.
        open::start_unfinished(&dir).ok();
    }
    settled
}

/// A copy of the database, compact and whole, removed when dropped.
struct Image<'a> {
    dir: &'a SafeDir,
}

impl<'a> Image<'a> {
    fn take(store: &'a Store) -> Result<Self> {
        let dir = store.dir();
        dir.remove(IMAGE)?;
        dir.create_new(IMAGE, b"")?;
        let image = Self { dir };
        let path = dir.path().join(IMAGE);
        let path = path.to_str().ok_or_else(|| FileError::BadName {
            name: path.display().to_string(),
        })?;
        store
            .connect(Access::Write)?
            .execute("VACUUM INTO ?1", [path])?;
        Ok(image)
    }

    fn copy_into(&self, sealer: &mut Sealer) -> Result<()> {
        let length = self.dir.check(IMAGE)?;
        sealer.write(&length.to_be_bytes())?;
        let mut file = self.dir.open_strict(IMAGE)?;
        let mut piece = Zeroizing::new(vec![0; CHUNK]);
        loop {
            let read = file.read(&mut piece).map_err(|source| {
                let path = self.dir.path().join(IMAGE);
                FileError::System {
                    doing: "read",
                    path,
                    source,
                }
            })?;
            if read == 0 {
                return Ok(());
            }
            sealer.write(&piece[..read])?;
        }
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        // What stays behind is 0600 like the database itself, and the next backup removes it.
        self.dir.remove(IMAGE).ok();
    }
}

/// Writes the database under its unfinished name and gives back the master key.
fn unpack(from: &Path, passphrase: &Secret, dir: &SafeDir) -> Result<MasterKey> {
    let mut opener = Opener::start(from, passphrase)?;
    let first = opener.next()?.unwrap_or_default();
    let (key, rest) = first
        .split_at_checked(KEY)
        .ok_or_else(|| opener.bad("it is too short"))?;
    let master_key = MasterKey::of(key).ok_or_else(|| opener.bad("it is too short"))?;
    let (length, rest) = rest
        .split_first_chunk()
        .ok_or_else(|| opener.bad("it is too short"))?;
    let mut file = dir.start(UNFINISHED)?;
    file.write_all(rest)?;
    let mut written = rest.len();
    while let Some(chunk) = opener.next()? {
        file.write_all(&chunk)?;
        written += chunk.len();
    }
    if u64::try_from(written) != Ok(u64::from_be_bytes(*length)) {
        return Err(opener.bad("its length is wrong"));
    }
    file.finish()?;
    Ok(master_key)
}

/// Takes a database only when it is sound, ours and sealed with that key.
fn check(dir: &SafeDir, keys: &SafeDir, master_key: &MasterKey) -> Result<()> {
    let path = dir.path().join(UNFINISHED);
    let connection = sqlite::connect(&path, Access::Read)?;
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found != "ok" {
        return Err(Error::Corrupt { path, what: found });
    }
    schema::is_behind(&connection, &path)?;
    open::check_master_key(&connection, master_key, keys)
}
