//! The one thread that writes: it takes what is queued, commits it at once, and never waits for more.
//!
//! Invariants: an intent is answered only after its commit; an outcome is not lost while the process lives: one that
//! could not be committed goes with the next batch. An outcome does not wake the thread: it rides the next batch, or
//! one within [`RIDE`].

use std::collections::VecDeque;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use keyreeve_core::limits::Seen;
use rusqlite::{Connection, TransactionBehavior};

use crate::rows::{Intent, Outcome};
use crate::sqlite::{self, Checkpointer};
use crate::{Durability, Error, Result, ledger, limits};

/// How many intents may wait for the thread. More than that means the disk stands still.
pub(crate) const QUEUE: usize = 4096;

/// How long an outcome waits for company.
const RIDE: Duration = Duration::from_millis(20);

/// How long the thread leaves a failing disk alone before it tries again.
const RETRY: Duration = Duration::from_millis(250);

/// Called once an intent is safe, or is known not to be.
type Done = Box<dyn FnOnce(Result<()>) + Send>;

/// Work with a transaction of its own.
type Work = Box<dyn FnOnce(Result<&mut Connection>) + Send>;

enum Job {
    Begin(Box<Intent>, Done),
    Finish(Box<Outcome>),
    Limits(Vec<Seen>),
    Apart(Work),
    Flush(Done),
}

/// The handle of the thread.
pub(crate) struct Writer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on its connection; the checkpointer that watches the connection ends with it.
    pub(crate) fn start(
        connection: Connection,
        checkpointer: Checkpointer,
        durability: Durability,
    ) -> std::io::Result<Self> {
        let disk = Disk {
            connection,
            checkpointer,
            sync: None,
        };
        let queue = Arc::new(Queue::default());
        let shared = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("keyreeve-writer".to_owned())
            .spawn(move || run(disk, durability, &shared))?;
        Ok(Self {
            queue,
            thread: Some(thread),
        })
    }

    /// Queues an intent. `done` is called from the thread, or from here when the queue is full.
    pub(crate) fn begin(&self, intent: Intent, done: Done) {
        let mut waiting = self.queue.lock();
        if waiting.closed {
            drop(waiting);
            return done(Err(Error::Closed));
        }
        if waiting.jobs.len() >= QUEUE {
            drop(waiting);
            return done(Err(Error::Busy));
        }
        waiting.in_flight += 1;
        waiting.urgent = true;
        waiting.jobs.push_back(Job::Begin(Box::new(intent), done));
        self.queue.wake.notify_one();
    }

    /// Queues an outcome. Their number is bounded by that of the intents let in.
    pub(crate) fn finish(&self, outcome: Outcome) {
        let mut waiting = self.queue.lock();
        waiting.jobs.push_back(Job::Finish(Box::new(outcome)));
        match waiting.in_flight.checked_sub(1) {
            // The thread looks again within the ride anyway.
            Some(left) => waiting.in_flight = left,
            // It may sleep for good: nothing was known to be on its way.
            None => self.queue.wake.notify_one(),
        }
    }

    /// Queues limits, which ride the next batch as outcomes do. Nothing is queued where the store is closed.
    pub(crate) fn limits(&self, seen: Vec<Seen>) {
        let mut waiting = self.queue.lock();
        if waiting.closed {
            return;
        }
        waiting.jobs.push_back(Job::Limits(seen));
        if waiting.in_flight == 0 {
            // The thread may sleep for good; else it looks again within the ride anyway.
            self.queue.wake.notify_one();
        }
    }

    /// Runs `work` on the thread and waits for its answer.
    pub(crate) fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = sync_channel(1);
        self.urgent(Job::Apart(Box::new(move |connection| {
            // Whoever asked waits below; it cannot have gone.
            answer.send(connection.and_then(work)).ok();
        })))?;
        answered.recv().unwrap_or(Err(Error::Closed))
    }

    /// Runs `work` on the thread and does not wait; where the store is closing it may be dropped undone.
    pub(crate) fn queue_apart(
        &self,
        work: impl FnOnce(Result<&mut Connection>) + Send + 'static,
    ) -> Result<()> {
        self.urgent(Job::Apart(Box::new(work)))
    }

    /// Waits until what is queued is committed.
    pub(crate) fn flush(&self) -> Result<()> {
        let (answer, answered) = sync_channel(1);
        self.urgent(Job::Flush(Box::new(move |committed| {
            answer.send(committed).ok();
        })))?;
        answered.recv().unwrap_or(Err(Error::Closed))
    }

    fn urgent(&self, job: Job) -> Result<()> {
        let mut waiting = self.queue.lock();
        if waiting.closed {
            return Err(Error::Closed);
        }
        waiting.urgent = true;
        waiting.jobs.push_back(job);
        self.queue.wake.notify_one();
        Ok(())
    }
}

impl Drop for Writer {
    /// Commits what is queued, then ends the thread.
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // An answer may hold the last handle of the store: the thread cannot wait for itself, and ends anyway.
            if thread.thread().id() != std::thread::current().id() {
                thread.join().ok();
            }
        }
    }
}

/// What waits for the thread, and the bell.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// Something waits that somebody waits for.
    urgent: bool,
    /// Intents let in whose outcome has not come yet.
    in_flight: usize,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nobody panics while holding it; were it so, the queue would still be whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    /// Waits for the next batch; none when the queue is closed and empty.
    fn next(&self, carried: bool) -> Option<VecDeque<Job>> {
        let mut waiting = self.lock();
        loop {
            if waiting.urgent || waiting.closed {
                waiting.urgent = false;
                let jobs = std::mem::take(&mut waiting.jobs);
                return (!jobs.is_empty() || !waiting.closed).then_some(jobs);
            }
            let expected = waiting.in_flight > 0 || !waiting.jobs.is_empty() || carried;
            if !expected {
                waiting = self
                    .wake
                    .wait(waiting)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let ride = if carried { RETRY } else { RIDE };
            let (again, waited) = self
                .wake
                .wait_timeout(waiting, ride)
                .unwrap_or_else(PoisonError::into_inner);
            waiting = again;
            if waited.timed_out() && (carried || !waiting.jobs.is_empty()) {
                return Some(std::mem::take(&mut waiting.jobs));
            }
        }
    }
}

/// Sees to it that nobody waits for a thread that has died.
struct CloseAtEnd<'a>(&'a Queue);

impl Drop for CloseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.close();
        // Dropping the jobs drops the channels their senders wait on.
        self.0.lock().jobs.clear();
    }
}

fn run(mut disk: Disk, durability: Durability, queue: &Queue) {
    let _close = CloseAtEnd(queue);
    let for_ledger = match durability {
        Durability::Process => Sync::AtCheckpoint,
        Durability::Strict => Sync::EachCommit,
    };
    let mut carried = Vec::new();
    while let Some(jobs) = queue.next(!carried.is_empty()) {
        let mut batch = Batch {
            outcomes: std::mem::take(&mut carried),
            ..Batch::default()
        };
        let (mut apart, mut limits) = (Vec::new(), Vec::new());
        for job in jobs {
            match job {
                Job::Begin(intent, done) => {
                    batch.intents.push(*intent);
                    batch.waiting.push(done);
                }
                Job::Finish(outcome) => batch.outcomes.push(*outcome),
                Job::Flush(done) => batch.waiting.push(done),
                Job::Limits(seen) => limits.extend(seen),
                Job::Apart(work) => apart.push(work),
            }
        }
        // Before the batch is, so that whoever waits for a flush finds them.
        keep_limits(&mut disk, &limits);
        carried = batch.commit(&mut disk, for_ledger);
        for work in apart {
            work(disk.ready(Sync::EachCommit).map_err(Error::from));
        }
    }
}

/// Writes limits in a transaction of their own: no row of the ledger may fail with them. None is worth a sync of the disk.
fn keep_limits(disk: &mut Disk, seen: &[Seen]) {
    if seen.is_empty() {
        return;
    }
    let kept = disk
        .ready(Sync::AtCheckpoint)
        .map_err(Error::from)
        .and_then(|connection| limits::keep(connection, seen));
    // The next answer tells them again.
    kept.ok();
}

/// When commits are synced to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sync {
    EachCommit,
    AtCheckpoint,
}

/// The connection, and how it was last told to sync.
struct Disk {
    #[expect(dead_code, reason = "held for its end")]
    checkpointer: Checkpointer,
    /// Closed after the checkpointer's: of two closed at once neither is the last, which tidies the log away.
    connection: Connection,
    sync: Option<Sync>,
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Nothing nudges the checkpointer any more, so it ends when it is dropped, before the connection.
        sqlite::unwatch(&mut self.connection);
    }
}

impl Disk {
    fn ready(&mut self, sync: Sync) -> rusqlite::Result<&mut Connection> {
        if self.sync != Some(sync) {
            let word = match sync {
                Sync::EachCommit => "FULL",
                Sync::AtCheckpoint => "NORMAL",
            };
            self.connection.pragma_update(None, "synchronous", word)?;
            self.sync = Some(sync);
        }
        Ok(&mut self.connection)
    }
}

/// Ledger rows that are committed together.
#[derive(Default)]
struct Batch {
    intents: Vec<Intent>,
    outcomes: Vec<Outcome>,
    waiting: Vec<Done>,
}

impl Batch {
    /// Commits the rows and answers whoever waits. Returns the outcomes that must be tried again.
    fn commit(self, disk: &mut Disk, sync: Sync) -> Vec<Outcome> {
        let Err(error) = self.write(disk, sync) else {
            for done in self.waiting {
                done(Ok(()));
            }
            return Vec::new();
        };
        let error = Arc::new(error);
        for done in self.waiting {
            done(Err(Error::of_sql(&error)));
        }
        self.outcomes
    }

    fn write(&self, disk: &mut Disk, sync: Sync) -> rusqlite::Result<()> {
        if self.intents.is_empty() && self.outcomes.is_empty() {
            return Ok(());
        }
        let connection = disk.ready(sync)?;
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
