//! The signals that stop a long-running command.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{CommandError, Exit};

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

fn listen(kind: SignalKind) -> Result<Signal, CommandError> {
    signal(kind).map_err(|error| {
        CommandError::new(Exit::Failed, "cannot listen for signals").caused_by(&error)
    })
}
