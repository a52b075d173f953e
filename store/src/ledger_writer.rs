//! The ledger's writer: a thread with the one connection of this process that writes to `ledger.db`.
//!
//! It runs queued work and, in a process that serves, folds closed entries of the journal into the database, syncs both
//! once a second, and checks that the files in the store's directory are still the open ones.
//!
//! Invariants: an entry leaves the journal only after its commit; while entries cannot be committed for a reason that
//! does not pass by itself, new ones are refused; so are they once the store was replaced.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use keyreeve_os::deadline::Deadline;
use keyreeve_os::files::{FileError, SafeDir};

use crate::entries::Durability;
use crate::error::UnderlyingError;
use crate::fault::Fault;
use crate::fold::{self, Folded};
use crate::group_sync::GroupSync;
use crate::journal::Journal;
use crate::ledger_connection::{LedgerConnection, SyncMode};
use crate::mutex::lock;
use crate::open_files::OpenFiles;
use crate::retention::{Retention, RetentionTimer};
use crate::sqlite::LEDGER_FILE;
use crate::{Result, StoreError};

/// Time between two folds while entries are written.
const FOLD_INTERVAL: Duration = Duration::from_millis(100);

/// Time between two syncs and between two checks of the files; also the interval of an idle journal.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// Time between two attempts to fold after an error.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// Number of closed entries that wake the thread before its interval has passed.
const MANY_CLOSED: usize = 1024;

/// Work for the thread.
type Work = Box<dyn FnOnce(&mut LedgerConnection) + Send>;

/// The handle of the thread, which is started with the first work.
pub(crate) struct LedgerWriter {
    shared: Arc<SharedLedger>,
    thread: Mutex<Option<JoinHandle<()>>>,
    group_sync: OnceLock<GroupSync>,
}

/// The state that the thread shares with its callers.
struct SharedLedger {
    dir: SafeDir,
    durability: Durability,
    queue: Mutex<WorkQueue>,
    wake: Condvar,
    /// Present in a process that serves.
    journal: OnceLock<Arc<Journal>>,
    /// Present in a process that serves and deletes what is too old.
    retention: OnceLock<Retention>,
    /// The last fold failed.
    fold_fault: Fault<UnderlyingError>,
    /// The log of this database is full: entries wait in the journal.
    log_full: Fault<PathBuf>,
    /// This file of the store is no longer the open one.
    replaced_file: Fault<PathBuf>,
}

#[derive(Default)]
struct WorkQueue {
    work: VecDeque<Work>,
    /// Files to check, when the journal was just started.
    files: Option<OpenFiles>,
    closed: bool,
}

impl LedgerWriter {
    pub(crate) fn new(dir: SafeDir, durability: Durability) -> Self {
        Self {
            shared: Arc::new(SharedLedger {
                dir,
                durability,
                queue: Mutex::default(),
                wake: Condvar::new(),
                journal: OnceLock::new(),
                retention: OnceLock::new(),
                fold_fault: Fault::default(),
                log_full: Fault::default(),
                replaced_file: Fault::default(),
            }),
            thread: Mutex::default(),
            group_sync: OnceLock::new(),
        }
    }

    /// Starts the journal: from now on entries are written to it and folded later.
    pub(crate) fn start_journal(&self, id: [u8; 16]) -> Result<()> {
        if self.journal().is_some() {
            return Ok(());
        }
        self.execute(|_| Ok(()))?;
        let journal = Arc::new(Journal::create(&self.shared.dir, id)?);
        let files = OpenFiles::new(&self.shared.dir, journal.path())?;
        if self.shared.durability == Durability::Strict {
            let group_sync = GroupSync::start(Arc::clone(&journal))
                .map_err(FileError::system("start a thread for", journal.path()))?;
            // Set once: there was no journal before.
            self.group_sync.set(group_sync).ok();
        }
        self.shared.journal.set(journal).ok();
        self.shared.lock().files = Some(files);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Deletes what is too old from now on, between the folds of the journal.
    pub(crate) fn start_retention(&self, retention: Retention) {
        // The first one stays: a process has one configuration.
        self.shared.retention.set(retention).ok();
        self.shared.wake.notify_one();
    }

    /// Returns the journal of a process that serves.
    pub(crate) fn journal(&self) -> Option<&Journal> {
        self.shared.journal.get().map(|journal| &**journal)
    }

    /// Returns the group sync of a process that serves, if each intent is synced before it is acknowledged.
    pub(crate) fn group_sync(&self) -> Option<&GroupSync> {
        self.group_sync.get()
    }

    /// Returns the sync mode of commits without a journal.
    pub(crate) fn sync_mode(&self) -> SyncMode {
        self.shared.sync_mode()
    }

    /// Refuses if entries cannot be recorded, or the store was replaced.
    pub(crate) fn check_writable(&self) -> Result<()> {
        self.check_files()?;
        match self.shared.fold_fault.get() {
            None => Ok(()),
            Some(cause) => Err(StoreError::LedgerNotWritable(cause)),
        }
    }

    /// Names the cause of a full journal, if it is known.
    pub(crate) fn with_cause(&self, error: StoreError) -> StoreError {
        match (error, self.shared.log_full.get()) {
            (StoreError::JournalFull, Some(path)) => StoreError::LogFull { path },
            (error, _) => error,
        }
    }

    /// Refuses if a file of the store is no longer the open one.
    pub(crate) fn check_files(&self) -> Result<()> {
        match self.shared.replaced_file.get() {
            None => Ok(()),
            Some(path) => Err(StoreError::Replaced { path }),
        }
    }

    /// Wakes the thread if many entries wait for it.
    pub(crate) fn wake_if_many(&self, closed: usize) {
        if closed.is_multiple_of(MANY_CLOSED) {
            self.shared.wake.notify_one();
        }
    }

    /// Runs `work` on the thread and waits for its result.
    pub(crate) fn execute<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut LedgerConnection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = sync_channel(1);
        self.queue(move |connection| {
            // Cannot fail: the receiver is waiting below.
            sender.send(work(connection)).ok();
        })?;
        receiver.recv().unwrap_or(Err(StoreError::Closed))
    }

    /// Queues `work` without waiting.
    pub(crate) fn queue(
        &self,
        work: impl FnOnce(&mut LedgerConnection) + Send + 'static,
    ) -> Result<()> {
        self.start()?;
        let mut queue = self.shared.lock();
        if queue.closed {
            return Err(StoreError::Closed);
        }
        queue.work.push_back(Box::new(work));
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Waits until everything queued and everything closed in the journal is committed.
    pub(crate) fn flush(&self) -> Result<()> {
        let has_started = lock(&self.thread).is_some();
        if !has_started {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        self.execute(move |connection| shared.fold_all(connection))
    }

    /// Starts the thread, if it does not run yet.
    fn start(&self) -> Result<()> {
        let mut thread = lock(&self.thread);
        if thread.is_some() {
            return Ok(());
        }
        let connection = LedgerConnection::open(&self.shared.dir)?;
        let shared = Arc::clone(&self.shared);
        let started = std::thread::Builder::new()
            .name("keyreeve-ledger".to_owned())
            .spawn(move || run(connection, &shared))
            .map_err(FileError::system(
                "start a thread for",
                &self.shared.dir.path().join(LEDGER_FILE),
            ))?;
        *thread = Some(started);
        Ok(())
    }
}

impl Drop for LedgerWriter {
    /// Commits everything queued and folds the journal, then ends the thread.
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
        if let Some(thread) = lock(&self.thread).take() {
            // A callback may own the last handle of the store: the thread cannot join itself, and ends anyway.
            if thread.thread().id() != std::thread::current().id() {
                thread.join().ok();
            }
        }
    }
}

/// Closes the queue when dropped, so that no caller waits for a thread that has died.
struct CloseGuard<'a>(&'a SharedLedger);

impl Drop for CloseGuard<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.closed = true;
        // Dropping the work closes the channels that callers wait on.
        queue.work.clear();
    }
}

fn run(mut connection: LedgerConnection, shared: &SharedLedger) {
    let _close = CloseGuard(shared);
    let mut files = None;
    let mut next_sync = Deadline::after(SYNC_INTERVAL);
    let mut interval = SYNC_INTERVAL;
    let mut retention = RetentionTimer::new();
    loop {
        let WorkQueue {
            work,
            files: new_files,
            closed,
        } = shared.next(interval);
        files = new_files.or(files);
        for job in work {
            job(&mut connection);
        }
        if let Some(journal) = shared.journal.get() {
            let sync_due = closed || next_sync.remaining().is_none();
            interval = shared.fold(&mut connection, journal, shared.fold_mode(sync_due));
            if sync_due {
                shared.sync(&mut connection, journal);
                shared
                    .replaced_file
                    .set(files.as_mut().and_then(OpenFiles::replaced));
                next_sync = Deadline::after(SYNC_INTERVAL);
            }
            let rule = shared.retention.get().filter(|_| !closed);
            if rule.is_some_and(|rule| retention.tick(&mut connection, *rule)) {
                interval = interval.min(FOLD_INTERVAL);
            }
        }
        if closed {
            shared.finish(&mut connection);
            return;
        }
    }
}

impl SharedLedger {
    fn lock(&self) -> MutexGuard<'_, WorkQueue> {
        lock(&self.queue)
    }

    fn sync_mode(&self) -> SyncMode {
        match self.durability {
            Durability::Local => SyncMode::Later,
            Durability::Strict => SyncMode::EachCommit,
        }
    }

    fn fold_mode(&self, sync_due: bool) -> SyncMode {
        if sync_due {
            SyncMode::EachCommit
        } else {
            self.sync_mode()
        }
    }

    /// Waits for work, at most for `interval` if there is a journal.
    fn next(&self, interval: Duration) -> WorkQueue {
        let mut queue = self.lock();
        if queue.work.is_empty() && !queue.closed && queue.files.is_none() {
            queue = if self.journal.get().is_none() {
                self.wake
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner)
            } else {
                let waited = self.wake.wait_timeout(queue, interval);
                waited.unwrap_or_else(PoisonError::into_inner).0
            };
        }
        WorkQueue {
            work: std::mem::take(&mut queue.work),
            files: queue.files.take(),
            closed: queue.closed,
        }
    }

    /// Folds once and returns the time until the next fold.
    fn fold(
        &self,
        connection: &mut LedgerConnection,
        journal: &Journal,
        sync: SyncMode,
    ) -> Duration {
        let folded = fold::fold(connection, journal, sync);
        self.log_full.set(match &folded {
            Err(StoreError::LogFull { path }) => Some(path.clone()),
            Ok(_) | Err(_) => None,
        });
        match folded {
            Ok(Folded::Nothing) => {
                self.fold_fault.set(None);
                if journal.open_count() == 0 {
                    SYNC_INTERVAL
                } else {
                    FOLD_INTERVAL
                }
            }
            Ok(Folded::All) => {
                self.fold_fault.set(None);
                FOLD_INTERVAL
            }
            Ok(Folded::Part) => Duration::ZERO,
            Err(error) => {
                self.fold_fault.set(match error {
                    // The journal takes new entries until it is full.
                    StoreError::Busy | StoreError::LogFull { .. } => None,
                    error => Some(UnderlyingError::new(error)),
                });
                RETRY_INTERVAL
            }
        }
    }

    /// Folds until no closed entry is left.
    fn fold_all(&self, connection: &mut LedgerConnection) -> Result<()> {
        let Some(journal) = self.journal.get() else {
            return Ok(());
        };
        loop {
            match fold::fold(connection, journal, self.sync_mode())? {
                Folded::Part => {}
                Folded::Nothing | Folded::All => return Ok(()),
            }
        }
    }

    /// Syncs the journal, and the database if its last commits were not.
    fn sync(&self, connection: &mut LedgerConnection, journal: &Journal) {
        // The journal refuses new entries after a failure, and the connection does.
        journal.sync().ok();
        if connection.has_unsynced()
            && let Err(error) = fold::sync(connection, journal)
        {
            self.fold_fault.set(Some(UnderlyingError::new(error)));
        }
    }

    /// Folds what is left, and deletes the journal if nothing is.
    fn finish(&self, connection: &mut LedgerConnection) {
        let Some(journal) = self.journal.get() else {
            return;
        };
        // What cannot be folded stays in the file, and is replayed at the next start.
        if self.fold_all(connection).is_ok() && journal.open_count() == 0 {
            fold::forget(connection, journal).ok();
        }
    }
}
