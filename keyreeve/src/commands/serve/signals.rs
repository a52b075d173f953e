//! The signals of `serve`: SIGTERM and SIGINT drain, and a second one ends at once; SIGHUP drains at a terminal, reloads
//! without one, and stays ignored under `nohup`.
//!
//! Invariant: SIGHUP never ends the process at once, and never counts as a second signal: a closed terminal or a user
//! session that ends can send it together with SIGTERM.

use std::future;

use keyreeve_os::{process, terminal};
use tokio::signal::unix::{Signal, SignalKind};

use crate::error::CommandError;
use crate::runtime::{listen, nth_stop_signal};

/// Effect of SIGHUP.
enum Hangup {
    /// Nothing: it was ignored when the process started.
    Ignored,
    /// Drains: the terminal was closed.
    Drains(Signal),
    /// Reloads: there is no terminal, so someone sent it.
    Reloads(Signal),
}

/// The futures that complete when `serve` is to stop.
pub(super) struct StopSignals<S, A> {
    /// Completes at the signal to drain.
    pub(super) stop: S,
    /// Completes at the signal to end at once.
    pub(super) abort: A,
}

/// Listens for signals. From this call on, none of them kills the process.
///
/// # Errors
/// If a signal handler cannot be installed.
pub(super) fn stop_signals()
-> Result<StopSignals<impl Future<Output = ()>, impl Future<Output = ()>>, CommandError> {
    let (first, abort) = (nth_stop_signal(1)?, nth_stop_signal(2)?);
    let mut hangup = Hangup::listen()?;
    let stop = async move {
        let cause = tokio::select! {
            () = first => "SIGTERM or SIGINT",
            () = hangup.stops() => "the terminal was closed",
        };
        tracing::info!(cause, "stopping: running responses may finish");
    };
    Ok(StopSignals { stop, abort })
}

impl Hangup {
    fn listen() -> Result<Self, CommandError> {
        if process::ignores_hangup() {
            return Ok(Self::Ignored);
        }
        let signal = listen(SignalKind::hangup())?;
        Ok(if terminal::has_controlling_terminal() {
            Self::Drains(signal)
        } else {
            Self::Reloads(signal)
        })
    }

    /// Completes at a SIGHUP that drains.
    async fn stops(&mut self) {
        match self {
            Self::Ignored => future::pending().await,
            Self::Drains(signal) => {
                if signal.recv().await.is_none() {
                    future::pending::<()>().await;
                }
            }
            Self::Reloads(signal) => {
                while signal.recv().await.is_some() {
                    tracing::warn!(
                        "SIGHUP: nothing is reloaded: restart `serve` to apply a changed configuration"
                    );
                }
                future::pending::<()>().await;
            }
        }
    }
}
