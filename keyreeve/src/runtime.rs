//! An async runtime that shuts down with the command, and the signals that stop it.
//!
//! Invariant: everything that matters has finished when it shuts down. Only a DNS lookup may still run: the system's resolver
//! can wait for an unresponsive name server long after the command has printed its result.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{CommandError, Exit};

/// Time for remaining tasks to finish: a dropped task still records its outcome in the ledger.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// A runtime for one future.
pub(crate) struct BlockingRuntime(Runtime);

impl BlockingRuntime {
    /// Creates a runtime with worker threads.
    ///
    /// # Errors
    /// If the system cannot create threads.
    pub(crate) fn multi_thread() -> Result<Self, CommandError> {
        Self::build(&mut Builder::new_multi_thread())
    }

    /// Creates a runtime on the caller's thread.
    ///
    /// # Errors
    /// If the system lacks resources.
    pub(crate) fn current_thread() -> Result<Self, CommandError> {
        Self::build(&mut Builder::new_current_thread())
    }

    /// Runs a future to completion, then shuts down.
    pub(crate) fn block_on<T>(self, future: impl Future<Output = T>) -> T {
        let output = self.0.block_on(future);
        self.0.shutdown_timeout(SHUTDOWN_TIMEOUT);
        output
    }

    fn build(builder: &mut Builder) -> Result<Self, CommandError> {
        let runtime = builder.enable_all().build().map_err(|error| {
            CommandError::new(Exit::Failed, "cannot start the async runtime").caused_by(&error)
        });
        runtime.map(Self)
    }
}

/// Listens for SIGTERM and SIGINT, and returns a future that completes at the `count`-th one. From this call on, the signals
/// no longer kill the process, so call it before announcing readiness.
///
/// # Errors
/// If the signal handlers cannot be installed.
pub(crate) fn nth_stop_signal(count: u32) -> Result<impl Future<Output = ()>, CommandError> {
    let (mut terminate, mut interrupt) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    );
    Ok(async move {
        for _ in 0..count {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
    })
}

/// Listens for a signal.
///
/// # Errors
/// If the signal handler cannot be installed.
pub(crate) fn listen(kind: SignalKind) -> Result<Signal, CommandError> {
    signal(kind).map_err(|error| {
        CommandError::new(Exit::Failed, "cannot listen for signals").caused_by(&error)
    })
}
