//! Writes the journal of this process.
//!
//! Invariants: the state's lock is held for one write at most, and never while the disk is waited for; frames are
//! written in the order of their sequences; an outcome that cannot be written is still folded, and no further intent is
//! accepted until it is written.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use keyreeve_os::files::{FileError, SafeDir, preallocate};

use super::frame::{self, FrameKind, HALF_SIZE};
use super::header::{HEADER_SIZE, Header, MAX_SLOTS, file_name, slot_offset};
use super::record::{encode_intent, encode_outcome};
use super::slots::{ClosedBatch, OpenSlot, Slots};
use crate::entries::{EntryOutcome, Intent};
use crate::error::UnderlyingError;
use crate::mutex::lock;
use crate::{Result, StoreError};

/// Number of slots of a new file. It is doubled whenever all are used.
const FIRST_SLOTS: u32 = 512;

/// The journal of this process. Its file is locked as long as it lives, so that other processes do not adopt it.
pub(crate) struct Journal {
    dir: SafeDir,
    path: PathBuf,
    name: String,
    id: [u8; 16],
    file: File,
    state: Mutex<State>,
    /// Locked while the file is being extended.
    growth: Mutex<()>,
    /// Locked while the file is being synced: the number of writes that are known to be on the disk.
    synced: Mutex<u64>,
}

#[derive(Default)]
struct State {
    slots: Slots,
    /// The number of writes.
    writes: u64,
    /// Outcomes to be written again.
    unwritten: Vec<UnwrittenOutcome>,
    /// The error of a sync. The system may have dropped what it could not write, so no later sync can be trusted.
    sync_error: Option<UnderlyingError>,
}

/// An outcome that could not be written. Until it is, the file shows its entry as open, and no slot is used again.
struct UnwrittenOutcome {
    slot: u32,
    frame: Vec<u8>,
    error: UnderlyingError,
}

impl Journal {
    /// Creates the file of a journal with a new id.
    ///
    /// # Errors
    /// If the file cannot be created, locked, or given its space.
    pub(crate) fn create(dir: &SafeDir, id: [u8; 16]) -> Result<Self> {
        let name = file_name(id);
        let mut page = Header { id, slots: 0 }.encode().to_vec();
        page.resize(HEADER_SIZE, 0);
        let mut new_file = dir.start(&name).map_err(disk_full)?;
        new_file.write_all(&page).map_err(disk_full)?;
        let journal = Self {
            dir: dir.try_clone()?,
            path: dir.path().join(&name),
            file: new_file.finish_locked().map_err(disk_full)?,
            name,
            id,
            state: Mutex::default(),
            growth: Mutex::default(),
            synced: Mutex::default(),
        };
        if let Err(error) = journal.grow(0) {
            // An empty journal does no harm.
            journal.remove().ok();
            return Err(error);
        }
        Ok(journal)
    }

    /// Returns the id, which names the file.
    pub(crate) fn id(&self) -> [u8; 16] {
        self.id
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes an intent. It survives this process from then on.
    ///
    /// # Errors
    /// If it cannot be written: the entry then does not exist. [`StoreError::JournalFull`] if no slot is free;
    /// [`StoreError::SyncFailed`] if earlier entries could not be written.
    pub(crate) fn open_entry(&self, intent: Intent) -> Result<OpenSlot> {
        let mut frame = frame::start();
        encode_intent(&intent, &mut frame);
        loop {
            let mut state = self.lock();
            state.check()?;
            let capacity = state.slots.capacity();
            let Some(slot) = state.slots.take() else {
                drop(state);
                self.grow(capacity)?;
                continue;
            };
            frame::finish(&mut frame, FrameKind::Intent, slot.sequence);
            if let Err(error) = self.file.write_all_at(&frame, slot_offset(slot.index)) {
                state.slots.release(slot.index);
                return Err(self.write_error(error));
            }
            state.writes += 1;
            state.slots.open(&slot, intent);
            return Ok(slot);
        }
    }

    /// Writes the outcome of an open entry. If it cannot be written, it stays in memory and is folded all the same.
    /// Returns the number of closed entries.
    pub(crate) fn close_entry(&self, slot: OpenSlot, outcome: EntryOutcome) -> usize {
        let mut frame = frame::start();
        frame.extend(slot.sequence.to_be_bytes());
        encode_outcome(&outcome, &mut frame);
        let mut state = self.lock();
        frame::finish(&mut frame, FrameKind::Outcome, state.slots.next_close());
        match self.file.write_all_at(&frame, outcome_offset(slot.index)) {
            Ok(()) => state.writes += 1,
            Err(error) => state.unwritten.push(UnwrittenOutcome {
                slot: slot.index,
                frame,
                error: UnderlyingError::new(error),
            }),
        }
        state.slots.close(slot, outcome);
        state.slots.closed_count()
    }

    /// Returns the oldest closed entries, at most `max`. Only one thread may take and fold them.
    pub(crate) fn take_closed(&self, max: usize) -> ClosedBatch {
        self.lock().slots.oldest_closed(max)
    }

    /// Frees the slots of entries that were committed to the ledger's database, at least as durably as they are here: a
    /// freed slot is overwritten.
    pub(crate) fn folded(&self, batch: ClosedBatch) {
        self.lock().slots.remove_closed(&batch);
        // Frees the memory of the entries without the lock.
        drop(batch);
    }

    /// Syncs the file, unless nothing was written since the last sync. Threads that call it at once share a sync.
    ///
    /// # Errors
    /// [`StoreError::SyncFailed`], which every later sync and intent then gets, too.
    pub(crate) fn sync(&self) -> Result<()> {
        self.retry_unwritten();
        let needed = self.lock().writes;
        let mut synced = lock(&self.synced);
        let writes = {
            let state = self.lock();
            state.check()?;
            state.writes
        };
        if *synced >= needed {
            return Ok(());
        }
        if let Err(error) = self.file.sync_data() {
            let error = UnderlyingError::new(error);
            self.lock().sync_error = Some(error.clone());
            return Err(StoreError::SyncFailed(error));
        }
        *synced = writes;
        Ok(())
    }

    /// Returns the number of entries without an outcome.
    pub(crate) fn open_count(&self) -> usize {
        self.lock().slots.open_count()
    }

    /// Returns the number of entries with an outcome that were not folded yet.
    pub(crate) fn closed_count(&self) -> usize {
        self.lock().slots.closed_count()
    }

    /// Removes the file, unless it still has entries: these are for the next process.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub(crate) fn remove(&self) -> Result<()> {
        if self.open_count() == 0 && self.closed_count() == 0 {
            self.dir.remove(&self.name)?;
        }
        Ok(())
    }

    /// Replaces the file, to make writes fail, and returns the other one.
    #[cfg(test)]
    pub(super) fn replace_file(&mut self, file: File) -> File {
        std::mem::replace(&mut self.file, file)
    }

    /// Doubles the file, unless another thread has extended it beyond `capacity` meanwhile.
    fn grow(&self, capacity: u32) -> Result<()> {
        let _growing = lock(&self.growth);
        if self.lock().slots.capacity() > capacity {
            return Ok(());
        }
        if capacity >= MAX_SLOTS {
            return Err(StoreError::JournalFull);
        }
        let slots = capacity.saturating_mul(2).clamp(FIRST_SLOTS, MAX_SLOTS);
        let (start, end) = (slot_offset(capacity), slot_offset(slots));
        preallocate(&self.file, &self.path, start, end).map_err(disk_full)?;
        // After the space: a file that is shorter than its header states was truncated.
        let header = Header { id: self.id, slots }.encode();
        let written = self.file.write_all_at(&header, 0);
        written.map_err(|error| self.write_error(error))?;
        let mut state = self.lock();
        state.writes += 1;
        state.slots.extend_to(slots);
        Ok(())
    }

    /// Writes what could not be written before, one outcome per lock, until one fails again.
    fn retry_unwritten(&self) {
        loop {
            let mut state = self.lock();
            let Some(outcome) = state.unwritten.last() else {
                return;
            };
            let offset = outcome_offset(outcome.slot);
            if self.file.write_all_at(&outcome.frame, offset).is_err() {
                return;
            }
            state.writes += 1;
            state.unwritten.pop();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn write_error(&self, error: std::io::Error) -> StoreError {
        disk_full(FileError::system("write", &self.path)(error))
    }
}

impl State {
    /// Returns the error because of which no entry is acknowledged any more.
    fn check(&self) -> Result<()> {
        let unwritten = self.unwritten.first().map(|outcome| &outcome.error);
        match self.sync_error.as_ref().or(unwritten) {
            Some(error) => Err(StoreError::SyncFailed(error.clone())),
            None => Ok(()),
        }
    }
}

fn outcome_offset(slot: u32) -> u64 {
    slot_offset(slot) + HALF_SIZE as u64
}

/// Names the cause if it is a full disk.
fn disk_full(error: FileError) -> StoreError {
    match error {
        FileError::System { source, .. }
            if matches!(
                source.kind(),
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded
            ) =>
        {
            StoreError::DiskFull(UnderlyingError::new(source))
        }
        error => StoreError::File(error),
    }
}
