//! Writes to `policy.db`: each in a transaction of its own that is synced before it is acknowledged.
//!
//! Callers that may block write on their own thread. Others queue their work for a thread that is started with the
//! first of it.

use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use keyreeve_os::files::FileError;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::UnderlyingError;
use crate::mutex::lock;
use crate::sqlite::{self, Access};
use crate::{Result, StoreError};

/// Work for the thread.
type Work = Box<dyn FnOnce(&PolicyConnection) + Send>;

/// The handle of the database and of the thread.
pub(crate) struct PolicyWriter {
    connection: Arc<PolicyConnection>,
    thread: Mutex<Option<WriterThread>>,
}

struct WriterThread {
    queue: Sender<Work>,
    thread: JoinHandle<()>,
}

/// The one connection of this process that writes to the database, opened with the first write.
pub(crate) struct PolicyConnection {
    path: PathBuf,
    state: Mutex<State>,
}

/// The state of the connection.
#[derive(Default)]
enum State {
    #[default]
    Closed,
    Open(Connection),
    /// A sync failed: what the system wrote is unknown, so nothing more is acknowledged.
    SyncFailed(UnderlyingError),
}

impl PolicyWriter {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            connection: Arc::new(PolicyConnection {
                path,
                state: Mutex::default(),
            }),
            thread: Mutex::default(),
        }
    }

    /// Runs `work` in a transaction on the caller's thread; rolls it back on an error.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.connection.write(work)
    }

    /// Queues `work` without waiting.
    pub(crate) fn queue(
        &self,
        work: impl FnOnce(&PolicyConnection) + Send + 'static,
    ) -> Result<()> {
        let mut thread = lock(&self.thread);
        let running = match &mut *thread {
            Some(running) => running,
            idle @ None => idle.insert(self.start()?),
        };
        running
            .queue
            .send(Box::new(work))
            .map_err(|_| StoreError::Closed)
    }

    /// Waits until everything queued so far is committed.
    pub(crate) fn flush(&self) -> Result<()> {
        if lock(&self.thread).is_none() {
            return Ok(());
        }
        let (done, committed) = channel();
        self.queue(move |_| {
            // Cannot fail: the receiver is waiting below.
            done.send(()).ok();
        })?;
        committed.recv().map_err(|_| StoreError::Closed)
    }

    fn start(&self) -> Result<WriterThread> {
        let connection = Arc::clone(&self.connection);
        let (queue, jobs) = channel::<Work>();
        let thread = std::thread::Builder::new()
            .name("keyreeve-policy".to_owned())
            .spawn(move || {
                for work in jobs {
                    work(&connection);
                }
            })
            .map_err(FileError::system(
                "start a thread for",
                &self.connection.path,
            ))?;
        Ok(WriterThread { queue, thread })
    }
}

impl Drop for PolicyWriter {
    /// Commits everything queued, then ends the thread.
    fn drop(&mut self) {
        if let Some(WriterThread { queue, thread }) = lock(&self.thread).take() {
            drop(queue);
            // A callback may own the last handle of the store: the thread cannot join itself, and ends anyway.
            if thread.thread().id() != std::thread::current().id() {
                thread.join().ok();
            }
        }
    }
}

impl PolicyConnection {
    /// Runs `work` in a transaction; rolls it back on an error.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut state = lock(&self.state);
        let result = self.write_with(&mut state, work);
        if let Err(StoreError::SyncFailed(cause)) = &result {
            *state = State::SyncFailed(cause.clone());
        }
        result.map_err(|error| error.with_path(&self.path))
    }

    fn write_with<T>(
        &self,
        state: &mut State,
        work: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        if matches!(state, State::Closed) {
            let connection = sqlite::connect(&self.path, Access::Write)?;
            sqlite::checkpoint_at_commit(&connection)?;
            *state = State::Open(connection);
        }
        let connection = match state {
            State::Open(connection) => connection,
            State::SyncFailed(cause) => return Err(StoreError::SyncFailed(cause.clone())),
            State::Closed => return Err(StoreError::Closed),
        };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }
}
