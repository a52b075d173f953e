//! The slots of a journal in memory: the free ones, and the entries that are not in the ledger's database yet.
//!
//! Invariants: the lowest free slot is used first, so that few pages of the file are touched, and a slot is never used
//! before all lower ones; closed entries are in the order of their close sequences, without a gap.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use crate::entries::{EntryOutcome, Intent};

/// The slot of an open entry. An entry whose slot is dropped stays open until its process ends.
#[must_use = "the entry stays open until it is closed"]
#[derive(Debug)]
pub(crate) struct OpenSlot {
    pub(super) index: u32,
    /// The intent's sequence.
    pub(super) sequence: u64,
}

/// An entry with an outcome.
#[derive(Debug)]
pub(super) struct ClosedEntry {
    /// The close sequence.
    sequence: u64,
    slot: OpenSlot,
    intent: Arc<Intent>,
    outcome: EntryOutcome,
}

/// The oldest closed entries, in the order they were closed. They stay in the journal until
/// [`Journal::folded`](super::Journal::folded) gets the batch; dropping it puts them back.
#[must_use = "the entries stay in the journal until the batch is folded"]
#[derive(Debug)]
pub(crate) struct ClosedBatch {
    entries: Vec<Arc<ClosedEntry>>,
}

impl ClosedBatch {
    /// Returns the close sequence of the last entry, or `None` if there is none: all entries up to it are in this batch
    /// or were folded before.
    pub(crate) fn watermark(&self) -> Option<u64> {
        self.entries.last().map(|entry| entry.sequence)
    }

    /// Returns the entries in the order they were closed.
    pub(crate) fn entries(&self) -> impl ExactSizeIterator<Item = (&Intent, &EntryOutcome)> {
        self.entries
            .iter()
            .map(|entry| (&*entry.intent, &entry.outcome))
    }
}

/// The slots and their entries.
#[derive(Default)]
pub(super) struct Slots {
    /// The number of slots in the file.
    capacity: u32,
    /// The number of slots that were ever used, the lowest ones.
    used: u32,
    /// Those of them that are free again.
    free: BinaryHeap<Reverse<u32>>,
    /// The intent of each open entry, by slot.
    open: Vec<Option<Arc<Intent>>>,
    open_count: usize,
    closed: VecDeque<Arc<ClosedEntry>>,
    /// The sequence of the last intent.
    last_intent: u64,
    /// The close sequence of the last closed entry.
    last_close: u64,
}

impl Slots {
    pub(super) fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Adds free slots after the file was extended.
    pub(super) fn extend_to(&mut self, capacity: u32) {
        self.capacity = capacity;
    }

    /// Takes the lowest free slot, with a new intent sequence.
    pub(super) fn take(&mut self) -> Option<OpenSlot> {
        let index = match self.free.pop() {
            Some(Reverse(index)) => index,
            None if self.used < self.capacity => {
                self.used += 1;
                self.used - 1
            }
            None => return None,
        };
        self.last_intent += 1;
        Some(OpenSlot {
            index,
            sequence: self.last_intent,
        })
    }

    pub(super) fn release(&mut self, slot: u32) {
        self.free.push(Reverse(slot));
    }

    /// Adds an open entry.
    pub(super) fn open(&mut self, slot: &OpenSlot, intent: Intent) {
        let index = slot.index as usize;
        if self.open.len() <= index {
            self.open.resize(index + 1, None);
        }
        self.open[index] = Some(Arc::new(intent));
        self.open_count += 1;
    }

    /// Returns the close sequence of the next entry to be closed.
    pub(super) fn next_close(&self) -> u64 {
        self.last_close + 1
    }

    /// Closes an open entry with the sequence that [`Slots::next_close`] returned.
    pub(super) fn close(&mut self, slot: OpenSlot, outcome: EntryOutcome) {
        let open = self.open.get_mut(slot.index as usize);
        let Some(intent) = open.and_then(Option::take) else {
            return;
        };
        self.open_count -= 1;
        self.last_close += 1;
        self.closed.push_back(Arc::new(ClosedEntry {
            sequence: self.last_close,
            slot,
            intent,
            outcome,
        }));
    }

    /// Returns the oldest closed entries, at most `max`.
    pub(super) fn oldest_closed(&self, max: usize) -> ClosedBatch {
        ClosedBatch {
            entries: self.closed.iter().take(max).map(Arc::clone).collect(),
        }
    }

    /// Removes the closed entries up to the batch's last, and frees their slots.
    pub(super) fn remove_closed(&mut self, batch: &ClosedBatch) {
        let Some(watermark) = batch.watermark() else {
            return;
        };
        while let Some(entry) = self
            .closed
            .pop_front_if(|entry| entry.sequence <= watermark)
        {
            self.release(entry.slot.index);
        }
    }

    pub(super) fn open_count(&self) -> usize {
        self.open_count
    }

    pub(super) fn closed_count(&self) -> usize {
        self.closed.len()
    }
}
