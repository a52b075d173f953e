//! The signals that end a daemon.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{CommandError, Exit};

/// Starts to listen for SIGTERM and SIGINT, and gives what is ready when so many have come. Call it before anything is
/// said to be ready: from then on a signal ends us gracefully.
///
/// # Errors
/// Where the system lets nobody listen.
pub(in crate::commands) fn nth(count: u32) -> Result<impl Future<Output = ()>, CommandError> {
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
        CommandError::new(Exit::Failed, "could not listen for signals").caused_by(&error)
    })
}
