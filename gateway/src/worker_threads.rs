//! The threads of the further workers, each with a runtime of its own.
//!
//! Invariant: a runtime ends only when the threads are dropped, because a task of the broker that was started on it may
//! have to finish after the last response; dropping them drops every task that is left, which closes its ledger entry.

use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The time for a name lookup to end: the system's resolver cannot be interrupted.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(100);

/// A worker cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start a worker of the gateway")]
pub struct WorkerError(#[from] io::Error);

/// The running threads.
pub(crate) struct WorkerThreads {
    end: CancellationToken,
    /// Closed when each worker has drained its connections.
    draining: (mpsc::Sender<()>, mpsc::Receiver<()>),
    threads: Vec<JoinHandle<()>>,
}

impl Default for WorkerThreads {
    fn default() -> Self {
        Self {
            end: CancellationToken::new(),
            draining: mpsc::channel(1),
            threads: Vec::new(),
        }
    }
}

impl WorkerThreads {
    /// Starts a worker on a thread of its own.
    ///
    /// # Errors
    /// If the system cannot create the thread or its runtime.
    pub(crate) fn start<Serving>(
        &mut self,
        number: usize,
        serve: impl FnOnce() -> Serving + Send + 'static,
    ) -> Result<(), WorkerError>
    where
        Serving: Future<Output = io::Result<()>>,
    {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (end, draining) = (self.end.clone(), self.draining.0.clone());
        let thread = std::thread::Builder::new().name(format!("worker-{number}"));
        let thread = thread.spawn(move || {
            let served = async {
                if let Err(error) = serve().await {
                    tracing::error!(%error, number, "a worker cannot accept connections");
                }
                drop(draining);
                end.cancelled().await;
            };
            runtime.block_on(end.run_until_cancelled(served));
            runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// Waits until every worker has drained its connections.
    pub(crate) async fn drained(&mut self) {
        let (unused, _) = mpsc::channel(1);
        // The last sender is that of the last worker.
        drop(std::mem::replace(&mut self.draining.0, unused));
        while self.draining.1.recv().await.is_some() {}
    }
}

impl Drop for WorkerThreads {
    fn drop(&mut self) {
        self.end.cancel();
        for thread in self.threads.drain(..) {
            // A thread that panicked has ended, too.
            thread.join().ok();
        }
    }
}
