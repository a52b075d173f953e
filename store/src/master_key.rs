//! The key that opens every sealed secret, and the file it lies in.
//!
//! Invariants: it is made once, when the store is; a missing, cut or wrong one is an error, never replaced by a new
//! one. It is held in memory that is overwritten when dropped and, where the system allows, never swapped out.

use keyreeve_os::files::{FileError, SafeDir};
use keyreeve_os::memory::{Pinned, Swap};
use keyreeve_os::world;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::error::Cause;
use crate::{Error, Result};

/// The file's name in the directory of keys.
pub(crate) const FILE: &str = "master.key";

/// What the file begins with, so that people see what it is and a cut is noticed.
const HEAD: &[u8; 22] = b"keyreeve master key 1\n";
const LENGTH: usize = 32;

/// The 256-bit master key.
pub(crate) struct MasterKey(Pinned<LENGTH>);

impl MasterKey {
    /// Reads the key, or makes one where there is none. Only for a store that is just being made.
    pub(crate) fn read_or_make(dir: &SafeDir) -> Result<Self> {
        if dir.contains(FILE)? {
            return Self::read(dir);
        }
        let key = Pinned::filled(|bytes| {
            *bytes = world::random().map_err(|error| Error::NoRandomness(Cause::new(error)))?;
            Ok::<_, Error>(())
        })?;
        let key = Self(key);
        key.write(dir)?;
        Ok(key)
    }

    /// Reads the key of a store that exists.
    pub(crate) fn read(dir: &SafeDir) -> Result<Self> {
        let path = dir.path().join(FILE);
        let bytes = match dir.read(FILE, HEAD.len() + LENGTH) {
            Ok(bytes) => bytes,
            Err(FileError::Missing { .. }) => return Err(Error::MasterKeyMissing { path }),
            Err(FileError::TooLong { .. }) => return Err(Error::MasterKeyDamaged { path }),
            Err(error) => return Err(error.into()),
        };
        let key = bytes.strip_prefix(HEAD).and_then(Self::of);
        key.ok_or(Error::MasterKeyDamaged { path })
    }

    /// Takes the 32 bytes of a key.
    pub(crate) fn of(key: &[u8]) -> Option<Self> {
        let filled = |bytes: &mut [u8; LENGTH]| {
            *bytes = key.try_into()?;
            Ok::<_, std::array::TryFromSliceError>(())
        };
        Pinned::filled(filled).ok().map(Self)
    }

    /// Puts the key into its file, which must not exist yet or hold this very key.
    pub(crate) fn write(&self, dir: &SafeDir) -> Result<()> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(HEAD.len() + LENGTH));
        bytes.extend_from_slice(HEAD);
        bytes.extend_from_slice(self.expose());
        match dir.create_new(FILE, &bytes) {
            Err(FileError::Exists { path }) => {
                let there = Self::read(dir)?;
                let same: bool = self.expose().ct_eq(there.expose()).into();
                if same {
                    Ok(())
                } else {
                    Err(Error::NotEmpty { path })
                }
            }
            answer => Ok(answer?),
        }
    }

    /// The bytes, for the cipher and the sealed backup.
    pub(crate) fn expose(&self) -> &[u8; LENGTH] {
        self.0.expose()
    }

    /// Whether they can reach the swap space.
    pub(crate) fn swap(&self) -> Swap {
        self.0.swap()
    }
}
