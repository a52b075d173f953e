//! The master key, which encrypts every sealed secret at rest, and its file.
//!
//! Invariants: it is created once, together with the store; a missing, truncated or wrong one is an error and never
//! replaced by a new one. In memory it is zeroized when dropped and, if the system allows, never swapped out.

use keyreeve_os::files::{FileError, SafeDir};
use keyreeve_os::memory::{Pinned, SwapProtection};
use keyreeve_os::system;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::error::UnderlyingError;
use crate::{Result, StoreError};

/// The file name of the master key in the key directory.
pub(crate) const FILE: &str = "master.key";

/// The first bytes of the file, which describe it to people and detect truncation.
const HEADER: &[u8; 22] = b"keyreeve master key 1\n";
const KEY_BYTES: usize = 32;

/// The location of the master key: chosen once, when the store is created, and recorded in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MasterKeyHome {
    /// A file in the configuration directory: every process of the same user can read it.
    KeyFile,
}

/// The 256-bit master key.
pub(crate) struct MasterKey(Pinned<KEY_BYTES>);

impl MasterKey {
    /// Reads the key, or creates one if there is none. Only for a store that is being created.
    pub(crate) fn read_or_create(dir: &SafeDir) -> Result<Self> {
        if dir.contains(FILE)? {
            return Self::read(dir);
        }
        let key = Pinned::fill_with(|bytes| {
            *bytes = system::random()
                .map_err(|error| StoreError::NoRandomness(UnderlyingError::new(error)))?;
            Ok::<_, StoreError>(())
        })?;
        let key = Self(key);
        key.write(dir)?;
        Ok(key)
    }

    /// Reads the key of a store that exists.
    pub(crate) fn read(dir: &SafeDir) -> Result<Self> {
        let path = dir.path().join(FILE);
        let bytes = match dir.read(FILE, HEADER.len() + KEY_BYTES) {
            Ok(bytes) => bytes,
            Err(FileError::Missing { .. }) => return Err(StoreError::MasterKeyMissing { path }),
            Err(FileError::TooLarge { .. }) => return Err(StoreError::MasterKeyDamaged { path }),
            Err(error) => return Err(error.into()),
        };
        let key = bytes.strip_prefix(HEADER).and_then(Self::from_bytes);
        key.ok_or(StoreError::MasterKeyDamaged { path })
    }

    /// Returns the key with these bytes, or `None` if there are not 32 of them.
    pub(crate) fn from_bytes(key: &[u8]) -> Option<Self> {
        let filled = |bytes: &mut [u8; KEY_BYTES]| {
            *bytes = key.try_into()?;
            Ok::<_, std::array::TryFromSliceError>(())
        };
        Pinned::fill_with(filled).ok().map(Self)
    }

    /// Writes the key to its file, which must not exist yet or contain the same key.
    pub(crate) fn write(&self, dir: &SafeDir) -> Result<()> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(HEADER.len() + KEY_BYTES));
        bytes.extend_from_slice(HEADER);
        bytes.extend_from_slice(self.expose());
        match dir.create_new(FILE, &bytes) {
            Err(FileError::Exists { path }) => {
                let existing = Self::read(dir)?;
                if self.is_same(&existing) {
                    Ok(())
                } else {
                    Err(StoreError::NotEmpty { path })
                }
            }
            result => Ok(result?),
        }
    }

    /// Returns `true` if both are the same key, in constant time.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }

    /// Returns the bytes, for the cipher and the encrypted backup.
    pub(crate) fn expose(&self) -> &[u8; KEY_BYTES] {
        self.0.expose()
    }

    /// Returns whether the bytes are protected from being swapped out.
    pub(crate) fn swap_protection(&self) -> SwapProtection {
        self.0.swap_protection()
    }
}
