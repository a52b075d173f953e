//! A runtime that does not outstay what was waited for.
//!
//! Invariant: all that must be waited for has been when it ends. What may be left is the system's resolver, which takes
//! its own time over a name server that is silent, long after the command has told what it found.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::error::{CommandError, Exit};

/// How long what is left may take: a task that is dropped closes its row of the ledger.
const LEFT: Duration = Duration::from_secs(1);

/// The runtime.
pub(crate) struct Waiting(Runtime);

impl Waiting {
    /// With threads of its own.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub(crate) fn with_threads() -> Result<Self, CommandError> {
        Self::of(&mut Builder::new_multi_thread())
    }

    /// On the caller's thread alone.
    ///
    /// # Errors
    /// Where the system gives no runtime.
    pub(crate) fn here() -> Result<Self, CommandError> {
        Self::of(&mut Builder::new_current_thread())
    }

    /// Waits for this, and no longer.
    pub(crate) fn block_on<T>(self, what: impl Future<Output = T>) -> T {
        let done = self.0.block_on(what);
        self.0.shutdown_timeout(LEFT);
        done
    }

    fn of(builder: &mut Builder) -> Result<Self, CommandError> {
        let runtime = builder.enable_all().build().map_err(|error| {
            CommandError::new(Exit::Failed, "could not start the runtime").caused_by(&error)
        });
        runtime.map(Self)
    }
}
