//! Reads a journal's file: to replay it, or while its process writes it.
//!
//! Invariants: nothing is locked or changed. A frame that does not verify may be being written at this moment, so it is
//! read again before it counts as damaged. An outcome is returned with the intent it was written for, never with
//! another one that has used the slot.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use keyreeve_os::files::{FileError, SafeDir};

use super::frame::{Frame, FrameKind, HALF_SIZE, parse};
use super::header::{HEADER_SIZE, Header, PREFIX, SLOT_SIZE, SUFFIX, slot_offset};
use super::record::{Fields, decode_intent, decode_outcome};
use crate::entries::{EntryOutcome, Intent};
use crate::{Result, StoreError};

/// Maximum number of times that what does not verify is read again while a process may be writing it.
const MAX_RETRIES: u32 = 8;
/// Time between two of these retries.
const RETRY_INTERVAL: Duration = Duration::from_millis(2);

/// The entries of a journal.
#[derive(Debug)]
pub(crate) struct JournalContents {
    /// The journal's id.
    pub(crate) id: [u8; 16],
    /// The intents without an outcome. One may be in the ledger's database all the same, if its outcome was damaged
    /// after it was folded.
    pub(crate) open: Vec<Intent>,
    /// The closed entries with their close sequences, in this order. Those up to the journal's watermark in the
    /// ledger's database are there already.
    pub(crate) closed: Vec<(u64, Intent, EntryOutcome)>,
    /// The number of slots that could not be read completely.
    pub(crate) damaged: u32,
}

/// Lists the names of the journals in a directory.
///
/// # Errors
/// If the directory cannot be read.
pub(crate) fn list(dir: &SafeDir) -> Result<Vec<String>> {
    let mut names = dir.names(PREFIX)?;
    names.retain(|name| name.ends_with(SUFFIX));
    Ok(names)
}

/// Reads a journal, or returns `None` if it was removed: its entries are in the ledger's database.
///
/// To see every entry of a living process, read its journal before the database: an entry that is folded in between is
/// in both then, and in neither otherwise.
///
/// # Errors
/// If it fails the strict checks, cannot be read, or its header is damaged.
pub(crate) fn read(dir: &SafeDir, name: &str) -> Result<Option<JournalContents>> {
    match dir.open_strict(name) {
        Ok(file) => read_file(&file, &dir.path().join(name), MAX_RETRIES).map(Some),
        Err(FileError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads an open journal; `path` is its path. What does not verify is read again at most `max_retries` times.
pub(super) fn read_file(file: &File, path: &Path, max_retries: u32) -> Result<JournalContents> {
    let header = read_header(file, path, max_retries)?;
    let mut slots: Vec<_> = (0..header.slots).map(|_| SlotContent::Unused).collect();
    let mut suspects: Vec<u32> = (0..header.slots).collect();
    let mut retries = 0;
    while !suspects.is_empty() && retries <= max_retries {
        if retries > 0 {
            std::thread::sleep(RETRY_INTERVAL);
        }
        for slot in suspects {
            let content = read_slot(file, slot).map_err(FileError::system("read", path))?;
            slots[slot as usize] = content;
        }
        suspects = find_suspects(&slots);
        retries += 1;
    }
    Ok(collect(header.id, slots, suspects.len()))
}

fn read_header(file: &File, path: &Path, max_retries: u32) -> Result<Header> {
    let mut retries = 0;
    loop {
        let mut page = [0; HEADER_SIZE];
        let length = read_up_to(file, &mut page, 0).map_err(FileError::system("read", path))?;
        match Header::decode(&page[..length], path) {
            Err(StoreError::Corrupt { .. }) if retries < max_retries => {
                retries += 1;
                std::thread::sleep(RETRY_INTERVAL);
            }
            result => return result,
        }
    }
}

/// One slot as read from the file.
#[derive(Debug)]
enum SlotContent {
    Unused,
    /// Beyond the end of the file, which was truncated.
    Missing,
    Open(Box<Intent>),
    Closed(u64, Box<(Intent, EntryOutcome)>),
    /// Damaged, with the intent if that is whole.
    Damaged(Option<Box<Intent>>),
}

fn read_slot(file: &File, slot: u32) -> std::io::Result<SlotContent> {
    let mut bytes = [0; SLOT_SIZE];
    let length = read_up_to(file, &mut bytes, slot_offset(slot))?;
    Ok(if length == SLOT_SIZE {
        parse_slot(&bytes)
    } else {
        SlotContent::Missing
    })
}

fn parse_slot(bytes: &[u8; SLOT_SIZE]) -> SlotContent {
    let (first, second) = bytes.split_at(HALF_SIZE);
    let outcome = parse(second, FrameKind::Outcome);
    let (sequence, body) = match (parse(first, FrameKind::Intent), outcome) {
        (Frame::Valid { sequence, body }, _) => (sequence, body),
        (Frame::Unwritten, Frame::Unwritten) => return SlotContent::Unused,
        (Frame::Unwritten | Frame::Damaged, _) => return SlotContent::Damaged(None),
    };
    let Some(intent) = decode_intent(body) else {
        return SlotContent::Damaged(None);
    };
    match outcome {
        Frame::Unwritten => SlotContent::Open(Box::new(intent)),
        Frame::Damaged => SlotContent::Damaged(Some(Box::new(intent))),
        Frame::Valid {
            sequence: close,
            body,
        } => pair(intent, sequence, close, body),
    }
}

/// Joins an intent with the outcome in its slot, unless that belongs to another use of the slot.
fn pair(intent: Intent, sequence: u64, close: u64, body: &[u8]) -> SlotContent {
    let mut fields = Fields::new(body);
    match fields.count() {
        Some(of_intent) if of_intent < sequence => SlotContent::Open(Box::new(intent)),
        Some(of_intent) if of_intent == sequence => match decode_outcome(fields.rest()) {
            Some(outcome) => SlotContent::Closed(close, Box::new((intent, outcome))),
            None => SlotContent::Damaged(Some(Box::new(intent))),
        },
        // A later outcome: the slot was reused between the reads of its halves, or this intent's successor is lost.
        Some(_) | None => SlotContent::Damaged(Some(Box::new(intent))),
    }
}

/// Returns the slots to read again: damaged ones, and unused ones before a used one, which an intact journal does not
/// have.
fn find_suspects(slots: &[SlotContent]) -> Vec<u32> {
    let mut is_later_used = false;
    let mut suspects = Vec::new();
    let count = u32::try_from(slots.len()).unwrap_or(u32::MAX);
    for (slot, content) in (0..count).zip(slots).rev() {
        let is_suspect = match content {
            SlotContent::Unused => is_later_used,
            SlotContent::Missing | SlotContent::Damaged(_) => true,
            SlotContent::Open(_) | SlotContent::Closed(..) => false,
        };
        is_later_used |= !matches!(content, SlotContent::Unused | SlotContent::Missing);
        if is_suspect {
            suspects.push(slot);
        }
    }
    suspects
}

fn collect(id: [u8; 16], slots: Vec<SlotContent>, damaged: usize) -> JournalContents {
    let mut contents = JournalContents {
        id,
        open: Vec::new(),
        closed: Vec::new(),
        damaged: u32::try_from(damaged).unwrap_or(u32::MAX),
    };
    for slot in slots {
        match slot {
            SlotContent::Unused | SlotContent::Missing | SlotContent::Damaged(None) => {}
            SlotContent::Open(intent) | SlotContent::Damaged(Some(intent)) => {
                contents.open.push(*intent);
            }
            SlotContent::Closed(sequence, entry) => {
                contents.closed.push((sequence, entry.0, entry.1));
            }
        }
    }
    contents.closed.sort_by_key(|(sequence, ..)| *sequence);
    contents
}

/// Reads until the buffer or the file ends, and returns the number of bytes.
fn read_up_to(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read_at(&mut buffer[length..], offset + length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
