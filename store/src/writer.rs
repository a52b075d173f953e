//! The writer thread: takes everything in the queue, commits it as one batch, and never waits for more.
//!
//! Invariants: an intent is confirmed only after its commit; an outcome is not lost while the process lives: one that
//! could not be committed is retried with the next batch. An outcome does not wake the thread: it is flushed with the
//! next batch, at the latest after [`FLUSH_INTERVAL`].

use std::collections::VecDeque;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use keyreeve_core::limits::LimitObservation;
use rusqlite::{Connection, TransactionBehavior};

use crate::entries::{Intent, Outcome};
use crate::rows::{ledger, limits};
use crate::sqlite::{self, Checkpointer};
use crate::{Result, StoreError};

/// Maximum number of queued jobs before new intents are refused as busy. A full queue means that the disk is stalled.
pub(crate) const MAX_QUEUED: usize = 4096;

/// Maximum time that an outcome waits for a batch.
const FLUSH_INTERVAL: Duration = Duration::from_millis(20);

/// Time between two retries of a batch after a failed commit.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// The durability of ledger entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// Entries survive a killed process always; a power failure may lose the last second.
    #[default]
    Process,
    /// Each batch is synced to the disk: entries survive a power failure, too.
    Strict,
}

/// A callback with the result of a commit.
type Callback = Box<dyn FnOnce(Result<()>) + Send>;

/// Work with a transaction of its own, outside the batch.
type Work = Box<dyn FnOnce(Result<&mut Connection>) + Send>;

enum WriteJob {
    Intent(Box<Intent>, Callback),
    Outcome(Box<Outcome>),
    Limits(Vec<LimitObservation>),
    Work(Work),
    Flush(Callback),
}

/// The handle of the writer thread.
pub(crate) struct Writer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread with its connection; the checkpointer of the connection ends with it.
    pub(crate) fn start(
        connection: Connection,
        checkpointer: Checkpointer,
        durability: Durability,
    ) -> std::io::Result<Self> {
        let write_connection = WriteConnection {
            connection,
            checkpointer,
            sync: None,
        };
        let queue = Arc::new(Queue::default());
        let shared = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("keyreeve-writer".to_owned())
            .spawn(move || run(write_connection, durability, &shared))?;
        Ok(Self {
            queue,
            thread: Some(thread),
        })
    }

    /// Queues an intent. `done` is called from the writer thread, or from this one if the queue is full.
    pub(crate) fn queue_intent(&self, intent: Intent, done: Callback) {
        let mut state = self.queue.lock();
        if state.closed {
            drop(state);
            return done(Err(StoreError::Closed));
        }
        if state.jobs.len() >= MAX_QUEUED {
            drop(state);
            return done(Err(StoreError::Busy));
        }
        state.in_flight += 1;
        state.urgent = true;
        state
            .jobs
            .push_back(WriteJob::Intent(Box::new(intent), done));
        self.queue.wake.notify_one();
    }

    /// Queues an outcome. Their number is bounded by the number of accepted intents.
    pub(crate) fn queue_outcome(&self, outcome: Outcome) {
        let mut state = self.queue.lock();
        state.jobs.push_back(WriteJob::Outcome(Box::new(outcome)));
        match state.in_flight.checked_sub(1) {
            // The thread checks the queue within the flush interval anyway.
            Some(remaining) => state.in_flight = remaining,
            // The thread may sleep without a timeout: it expected no outcome.
            None => self.queue.wake.notify_one(),
        }
    }

    /// Queues limits, which are flushed like outcomes. Does nothing if the store is closed.
    pub(crate) fn queue_limits(&self, observations: Vec<LimitObservation>) {
        let mut state = self.queue.lock();
        if state.closed {
            return;
        }
        state.jobs.push_back(WriteJob::Limits(observations));
        if state.in_flight == 0 {
            // The thread may sleep without a timeout; otherwise it checks the queue within the flush interval anyway.
            self.queue.wake.notify_one();
        }
    }

    /// Runs `work` on the writer thread and waits for its result.
    pub(crate) fn execute<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = sync_channel(1);
        self.queue_urgent(WriteJob::Work(Box::new(move |connection| {
            // Cannot fail: the receiver is waiting below.
            sender.send(connection.and_then(work)).ok();
        })))?;
        receiver.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Queues `work` for the writer thread without waiting. It may be dropped without running if the store is being
    /// closed.
    pub(crate) fn queue_work(
        &self,
        work: impl FnOnce(Result<&mut Connection>) + Send + 'static,
    ) -> Result<()> {
        self.queue_urgent(WriteJob::Work(Box::new(work)))
    }

    /// Waits until everything queued is committed.
    pub(crate) fn flush(&self) -> Result<()> {
        let (sender, receiver) = sync_channel(1);
        self.queue_urgent(WriteJob::Flush(Box::new(move |committed| {
            sender.send(committed).ok();
        })))?;
        receiver.recv().unwrap_or(Err(StoreError::Closed))
    }

    fn queue_urgent(&self, job: WriteJob) -> Result<()> {
        let mut state = self.queue.lock();
        if state.closed {
            return Err(StoreError::Closed);
        }
        state.urgent = true;
        state.jobs.push_back(job);
        self.queue.wake.notify_one();
        Ok(())
    }
}

impl Drop for Writer {
    /// Commits everything queued, then ends the thread.
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // A callback may own the last handle of the store: the thread cannot join itself, and ends anyway.
            if thread.thread().id() != std::thread::current().id() {
                thread.join().ok();
            }
        }
    }
}

/// The write queue, with the condition variable that wakes the thread.
#[derive(Default)]
struct Queue {
    state: Mutex<QueueState>,
    wake: Condvar,
}

#[derive(Default)]
struct QueueState {
    jobs: VecDeque<WriteJob>,
    /// `true` if a caller waits for a job in the queue.
    urgent: bool,
    /// The number of accepted intents without an outcome.
    in_flight: usize,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // No code panics while holding the lock; even then the queue would be consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    /// Waits for the next batch. Returns `None` if the queue is closed and empty.
    fn next(&self, has_retries: bool) -> Option<VecDeque<WriteJob>> {
        let mut state = self.lock();
        loop {
            if state.urgent || state.closed {
                state.urgent = false;
                let jobs = std::mem::take(&mut state.jobs);
                return (!jobs.is_empty() || !state.closed).then_some(jobs);
            }
            let work_expected = state.in_flight > 0 || !state.jobs.is_empty() || has_retries;
            if !work_expected {
                state = self
                    .wake
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let interval = if has_retries {
                RETRY_INTERVAL
            } else {
                FLUSH_INTERVAL
            };
            let (guard, timeout) = self
                .wake
                .wait_timeout(state, interval)
                .unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if timeout.timed_out() && (has_retries || !state.jobs.is_empty()) {
                return Some(std::mem::take(&mut state.jobs));
            }
        }
    }
}

/// Closes the queue when dropped, so that no caller waits for a thread that has died.
struct CloseGuard<'a>(&'a Queue);

impl Drop for CloseGuard<'_> {
    fn drop(&mut self) {
        self.0.close();
        // Dropping the jobs closes the channels that callers wait on.
        self.0.lock().jobs.clear();
    }
}

fn run(mut write_connection: WriteConnection, durability: Durability, queue: &Queue) {
    let _close = CloseGuard(queue);
    let ledger_sync = match durability {
        Durability::Process => SyncMode::AtCheckpoint,
        Durability::Strict => SyncMode::EachCommit,
    };
    let mut to_retry = Vec::new();
    while let Some(jobs) = queue.next(!to_retry.is_empty()) {
        let mut batch = Batch {
            outcomes: std::mem::take(&mut to_retry),
            ..Batch::default()
        };
        let (mut separate_work, mut limits) = (Vec::new(), Vec::new());
        for job in jobs {
            match job {
                WriteJob::Intent(intent, done) => {
                    batch.intents.push(*intent);
                    batch.callbacks.push(done);
                }
                WriteJob::Outcome(outcome) => batch.outcomes.push(*outcome),
                WriteJob::Flush(done) => batch.callbacks.push(done),
                WriteJob::Limits(observations) => limits.extend(observations),
                WriteJob::Work(work) => separate_work.push(work),
            }
        }
        // Before the batch, so that the caller of a flush finds them.
        write_limits(&mut write_connection, &limits);
        to_retry = batch.commit(&mut write_connection, ledger_sync);
        for work in separate_work {
            work(
                write_connection
                    .with_sync_mode(SyncMode::EachCommit)
                    .map_err(StoreError::from),
            );
        }
    }
}

/// Writes limits in a separate transaction, so that no ledger entry fails with them, and without syncing the disk.
fn write_limits(write_connection: &mut WriteConnection, observations: &[LimitObservation]) {
    if observations.is_empty() {
        return;
    }
    let result = write_connection
        .with_sync_mode(SyncMode::AtCheckpoint)
        .map_err(StoreError::from)
        .and_then(|connection| limits::write_all(connection, observations));
    // If this fails, the next response reports them again.
    result.ok();
}

/// The time at which commits are synced to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SyncMode {
    EachCommit,
    AtCheckpoint,
}

/// The writer's connection and its current sync mode.
struct WriteConnection {
    #[expect(dead_code, reason = "dropped together with the connection")]
    checkpointer: Checkpointer,
    /// Closed after the checkpointer's connection: if both closed at once, neither would be the last and delete it.
    connection: Connection,
    sync: Option<SyncMode>,
}

impl Drop for WriteConnection {
    fn drop(&mut self) {
        // Without the hook the checkpointer gets no more requests, so it ends when dropped, before the connection.
        sqlite::remove_wal_hook(&mut self.connection);
    }
}

impl WriteConnection {
    fn with_sync_mode(&mut self, sync: SyncMode) -> rusqlite::Result<&mut Connection> {
        if self.sync != Some(sync) {
            let word = match sync {
                SyncMode::EachCommit => "FULL",
                SyncMode::AtCheckpoint => "NORMAL",
            };
            self.connection.pragma_update(None, "synchronous", word)?;
            self.sync = Some(sync);
        }
        Ok(&mut self.connection)
    }
}

/// Ledger entries that are committed together.
#[derive(Default)]
struct Batch {
    intents: Vec<Intent>,
    outcomes: Vec<Outcome>,
    callbacks: Vec<Callback>,
}

impl Batch {
    /// Commits the entries and reports to all waiting callers. Returns the outcomes to retry.
    fn commit(self, write_connection: &mut WriteConnection, sync: SyncMode) -> Vec<Outcome> {
        let Err(error) = self.write(write_connection, sync) else {
            for done in self.callbacks {
                done(Ok(()));
            }
            return Vec::new();
        };
        let error = Arc::new(error);
        for done in self.callbacks {
            done(Err(StoreError::from_sqlite(&error)));
        }
        self.outcomes
    }

    /// Writes the batch in one transaction. Any error causes a rollback of the whole batch.
    fn write(
        &self,
        write_connection: &mut WriteConnection,
        sync: SyncMode,
    ) -> rusqlite::Result<()> {
        if self.intents.is_empty() && self.outcomes.is_empty() {
            return Ok(());
        }
        let connection = write_connection.with_sync_mode(sync)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for intent in &self.intents {
            ledger::write_intent(&transaction, intent)?;
        }
        for outcome in &self.outcomes {
            ledger::write_outcome(&transaction, outcome)?;
        }
        transaction.commit()
    }
}
