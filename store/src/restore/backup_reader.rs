//! Reads a backup: decrypts its databases to temporary names, and checks them.

use std::path::Path;

use keyreeve_core::secret::Secret;
use keyreeve_os::files::SafeDir;
use zeroize::Zeroizing;

use crate::database_files::unfinished;
use crate::master_key::MasterKey;
use crate::open;
use crate::schema::{self, Schema};
use crate::sealed_stream::SealedReader;
use crate::sqlite::{self, Access, LEDGER_FILE, POLICY_FILE, SINGLE_FILE};
use crate::{Result, single_database};

/// Length of the master key in bytes.
const KEY_BYTES: usize = 32;

/// A decrypted backup, whose databases are under their temporary names.
pub(super) struct DecryptedBackup {
    pub(super) master_key: MasterKey,
    pub(super) form: BackupForm,
}

/// The databases of a backup.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum BackupForm {
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
    /// Checks that the databases are undamaged, written by keyreeve and encrypted with this master key.
    pub(super) fn check(&self, dir: &SafeDir, keys: &SafeDir) -> Result<()> {
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
    pub(super) fn finish(&self, dir: &SafeDir) -> Result<()> {
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
pub(super) fn decrypt_backup(
    from: &Path,
    passphrase: &Secret,
    dir: &SafeDir,
) -> Result<DecryptedBackup> {
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
