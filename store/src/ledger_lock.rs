//! The lock of the ledger: each process that records attempts holds it shared while its store is open.
//!
//! Invariant: the holder of the exclusive lock knows that no other live process can still close an open entry.

use std::sync::OnceLock;
use std::time::Duration;

use keyreeve_os::files::SafeDir;
use keyreeve_os::lock::{Lock, LockError};
use keyreeve_os::process::pid;

use crate::Result;

const LOCK_FILE: &str = "ledger.lock";

/// Maximum number of retries for the shared lock. The exclusive lock is held for milliseconds only, while the entries
/// of dead processes are closed.
const MAX_TRIES: u32 = 500;
/// Time between two of these retries.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// A store's shared lock, acquired with its first attempt.
#[derive(Default)]
pub(crate) struct LedgerLock {
    lock: OnceLock<Lock>,
}

impl LedgerLock {
    /// Acquires the shared lock, if this store does not hold it yet.
    ///
    /// # Errors
    /// If the lock file cannot be used, or another process holds the exclusive lock for five seconds.
    pub(crate) fn share(&self, dir: &SafeDir) -> Result<()> {
        if self.lock.get().is_some() {
            return Ok(());
        }
        // If two threads get here at once, the second lock is released again: one is enough.
        let _already_set = self.lock.set(acquire_shared(dir)?);
        Ok(())
    }
}

/// Acquires the exclusive lock for the life of the returned guard. Returns `None` while any process, including this
/// one, holds it shared.
///
/// # Errors
/// If the lock file cannot be used.
pub(crate) fn try_exclusive(dir: &SafeDir) -> Result<Option<Lock>> {
    match Lock::acquire(dir, LOCK_FILE, &format!("process {}", pid())) {
        Ok(lock) => Ok(Some(lock)),
        Err(LockError::Held { .. }) => Ok(None),
        Err(error @ LockError::File(_)) => Err(error.into()),
    }
}

fn acquire_shared(dir: &SafeDir) -> Result<Lock> {
    for _ in 0..MAX_TRIES {
        match Lock::acquire_shared(dir, LOCK_FILE) {
            Err(LockError::Held { .. }) => std::thread::sleep(RETRY_INTERVAL),
            result => return Ok(result?),
        }
    }
    Ok(Lock::acquire_shared(dir, LOCK_FILE)?)
}
