//! Who may have attempts open: every process that begins one holds a lock together with the others, for as long as its
//! store is open.
//!
//! Invariant: whoever has the lock alone knows that nobody lives who could still close what is open.

use std::sync::OnceLock;
use std::time::Duration;

use keyreeve_os::files::SafeDir;
use keyreeve_os::lock::{Lock, LockError};
use keyreeve_os::process::pid;

use crate::Result;

const LOCK: &str = "ledger.lock";

/// Closing what the dead left takes milliseconds: whoever begins meanwhile tries so often, after so long.
const TRIES: u32 = 500;
const REST: Duration = Duration::from_millis(10);

/// A store's share in the lock, taken with its first attempt.
#[derive(Default)]
pub(crate) struct Recording {
    lock: OnceLock<Lock>,
}

impl Recording {
    /// Takes the share, where it is not taken yet.
    ///
    /// # Errors
    /// When the lock file cannot be used, or somebody has it alone for five seconds.
    pub(crate) fn join(&self, dir: &SafeDir) -> Result<()> {
        if self.lock.get().is_some() {
            return Ok(());
        }
        // Of two that come at once one share is let go again: the other one is enough.
        let _taken_by_another = self.lock.set(shared(dir)?);
        Ok(())
    }
}

/// Has the lock alone for as long as what is given lives; none while anybody has a share, this process included.
///
/// # Errors
/// When the lock file cannot be used.
pub(crate) fn alone(dir: &SafeDir) -> Result<Option<Lock>> {
    match Lock::acquire(dir, LOCK, &format!("process {}", pid())) {
        Ok(lock) => Ok(Some(lock)),
        Err(LockError::Held { .. }) => Ok(None),
        Err(error @ LockError::File(_)) => Err(error.into()),
    }
}

fn shared(dir: &SafeDir) -> Result<Lock> {
    for _ in 0..TRIES {
        match Lock::share(dir, LOCK) {
            Err(LockError::Held { .. }) => std::thread::sleep(REST),
            done => return Ok(done?),
        }
    }
    Ok(Lock::share(dir, LOCK)?)
}
