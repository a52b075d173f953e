//! Group sync of the journal: one sync acknowledges all intents that were written before it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::error::UnderlyingError;
use crate::journal::Journal;
use crate::mutex::lock;
use crate::{Result, StoreError};

/// A callback with the result of a sync.
type Callback = Box<dyn FnOnce(Result<()>) + Send>;

/// The handle of the thread that syncs.
pub(crate) struct GroupSync {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<QueueState>,
    wake: Condvar,
}

#[derive(Default)]
struct QueueState {
    waiting: Vec<Callback>,
    closed: bool,
}

impl GroupSync {
    /// Starts the thread.
    pub(crate) fn start(journal: Arc<Journal>) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let shared = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("keyreeve-sync".to_owned())
            .spawn(move || run(&journal, &shared))?;
        Ok(Self {
            queue,
            thread: Some(thread),
        })
    }

    /// Calls `done` after a sync that began after this call.
    pub(crate) fn queue(&self, done: Callback) {
        self.queue.lock().waiting.push(done);
        self.queue.wake.notify_one();
    }
}

impl Drop for GroupSync {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // A callback may own the last handle of the store: the thread cannot join itself, and ends anyway.
            if thread.thread().id() != std::thread::current().id() {
                thread.join().ok();
            }
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        lock(&self.state)
    }

    /// Waits for callers. Returns `None` if the queue is closed and empty.
    fn next(&self) -> Option<Vec<Callback>> {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            if state.closed {
                return None;
            }
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Some(std::mem::take(&mut state.waiting))
    }
}

fn run(journal: &Journal, queue: &Queue) {
    while let Some(waiting) = queue.next() {
        let synced = journal.sync().map_err(UnderlyingError::new);
        for done in waiting {
            done(synced.clone().map_err(StoreError::SyncFailed));
        }
    }
}
