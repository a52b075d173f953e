//! An entry's way through the journal: opened, closed, folded, and its slot used again.

use std::fs::OpenOptions;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};

use keyreeve_os::files::{CreateDir, SafeDir};

use super::super::adopt::try_adopt;
use super::super::header::{HEADER_SIZE, MAX_SLOTS, SLOT_SIZE, file_name, slot_offset};
use super::super::read::{list, read};
use super::super::write::Journal;
use super::example::{ID, Place, fold, intent, numbers, outcome, write};
use crate::StoreError;

#[test]
fn entries_are_read_as_written() {
    let place = Place::new();
    let journal = place.journal();
    let slots: Vec<_> = (0..4)
        .map(|n| journal.open_entry(intent(n)).unwrap())
        .collect();
    let mut slots: Vec<_> = slots.into_iter().map(Some).collect();
    for number in [2, 0] {
        journal.close_entry(slots[number as usize].take().unwrap(), outcome(number));
    }
    let contents = place.contents();
    assert_eq!(numbers(&contents), (vec![1, 3], vec![2, 0]));
    assert_eq!((contents.id, contents.damaged), (ID, 0));
    let sequences: Vec<_> = contents
        .closed
        .iter()
        .map(|(sequence, ..)| *sequence)
        .collect();
    assert_eq!(sequences, [1, 2]);
    assert_eq!((journal.open_count(), journal.closed_count()), (2, 2));
    journal.sync().unwrap();
    journal.sync().unwrap();
    let mode = place.path().metadata().unwrap().permissions().mode();
    assert_eq!((journal.id(), mode & 0o7777), (ID, 0o600));
}

#[test]
fn dropped_batch_is_taken_again() {
    let place = Place::new();
    let journal = place.journal();
    (0..5).for_each(|number| write(&journal, number));
    let batch = journal.take_closed(3);
    assert_eq!((batch.watermark(), batch.entries().len()), (Some(3), 3));
    write(&journal, 5);
    drop(batch);
    assert_eq!(fold(&journal, 4), [0, 1, 2, 3]);
    assert_eq!(journal.closed_count(), 2);
    assert_eq!(fold(&journal, 10), [4, 5]);
    assert_eq!(journal.take_closed(10).watermark(), None);
}

#[test]
fn lowest_free_slot_is_used_first() {
    let place = Place::new();
    let journal = place.journal();
    let slots: Vec<_> = (0..6)
        .map(|n| journal.open_entry(intent(n)).unwrap())
        .collect();
    for (slot, number) in slots.into_iter().zip(0..6) {
        journal.close_entry(slot, outcome(number));
    }
    fold(&journal, 4);
    let used: Vec<_> = (10..16)
        .map(|n| journal.open_entry(intent(n)).unwrap().index)
        .collect();
    assert_eq!(used, [0, 1, 2, 3, 6, 7]);
}

#[test]
fn outcome_of_an_earlier_use_is_not_taken() {
    let place = Place::new();
    let journal = place.journal();
    write(&journal, 1);
    fold(&journal, 1);
    let slot = journal.open_entry(intent(2)).unwrap();
    assert_eq!(slot.index, 0);
    assert_eq!(numbers(&place.contents()), (vec![2], vec![]));
    journal.close_entry(slot, outcome(2));
    let contents = place.contents();
    assert_eq!(numbers(&contents), (vec![], vec![2]));
    assert_eq!((contents.closed[0].0, contents.damaged), (2, 0));
}

#[test]
fn intent_replaced_by_an_earlier_one_is_damage() {
    let place = Place::new();
    let journal = place.journal();
    write(&journal, 1);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(place.path())
        .unwrap();
    let mut earlier = [0; SLOT_SIZE / 2];
    file.read_exact_at(&mut earlier, slot_offset(0)).unwrap();
    fold(&journal, 1);
    write(&journal, 2);
    file.write_all_at(&earlier, slot_offset(0)).unwrap();
    let contents = place.contents();
    assert_eq!(
        (numbers(&contents), contents.damaged),
        ((vec![1], vec![]), 1)
    );
}

#[test]
fn file_grows_until_it_is_full() {
    let place = Place::new();
    let journal = place.journal();
    let size = || (place.path().metadata().unwrap().len() - HEADER_SIZE as u64) / SLOT_SIZE as u64;
    assert_eq!(size(), 512);
    let slots: Vec<_> = (0..513)
        .map(|n| journal.open_entry(intent(n)).unwrap())
        .collect();
    assert_eq!(size(), 1024);
    for (slot, number) in slots.into_iter().zip(0..) {
        journal.close_entry(slot, outcome(number));
    }
    (513..MAX_SLOTS).for_each(|number| write(&journal, number));
    assert_eq!(size(), u64::from(MAX_SLOTS));
    let full = journal.open_entry(intent(1)).unwrap_err();
    assert!(matches!(full, StoreError::JournalFull), "{full:?}");
    let contents = place.contents();
    assert_eq!(
        (contents.closed.len(), contents.damaged),
        (MAX_SLOTS as usize, 0)
    );
    fold(&journal, 1);
    write(&journal, 9000);
    assert_eq!(journal.closed_count(), MAX_SLOTS as usize);
}

#[test]
fn only_the_journal_of_an_ended_process_is_adopted() {
    let place = Place::new();
    let journal = place.journal();
    write(&journal, 1);
    let name = place.name();
    assert!(try_adopt(&place.dir, &name).unwrap().is_none());
    drop(journal);
    let adopted = try_adopt(&place.dir, &name).unwrap().unwrap();
    assert!(try_adopt(&place.dir, &name).unwrap().is_none());
    assert_eq!(numbers(&adopted.contents().unwrap()), (vec![], vec![1]));
    adopted.remove().unwrap();
    assert!(try_adopt(&place.dir, &name).unwrap().is_none());
    assert!(read(&place.dir, &name).unwrap().is_none());
}

#[test]
fn only_an_empty_journal_is_removed() {
    let place = Place::new();
    let journal = place.journal();
    write(&journal, 1);
    fold(&journal, 1);
    journal.remove().unwrap();
    assert!(list(&place.dir).unwrap().is_empty());
    let journal = place.journal();
    write(&journal, 1);
    journal.remove().unwrap();
    assert_eq!(list(&place.dir).unwrap(), [file_name(ID)]);
    assert!(
        Journal::create(&place.dir, ID).is_err(),
        "an id is used once"
    );
}

/// The disk is `/dev/full`: an error of each write, without a full disk.
#[test]
fn unwritten_outcome_is_folded_and_written_later() {
    let place = Place::new();
    let mut journal = place.journal();
    let slot = journal.open_entry(intent(1)).unwrap();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let file = journal.replace_file(full);
    journal.close_entry(slot, outcome(1));
    assert_eq!(fold(&journal, 9), [1]);
    for error in [
        journal.open_entry(intent(2)).unwrap_err(),
        journal.sync().unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::SyncFailed(_)), "{error:?}");
    }
    assert_eq!(numbers(&place.contents()), (vec![1], vec![]));
    journal.replace_file(file);
    journal.sync().unwrap();
    assert_eq!(numbers(&place.contents()), (vec![], vec![1]));
    assert_eq!(journal.open_entry(intent(2)).unwrap().index, 0);
}

#[test]
fn intent_that_cannot_be_written_does_not_exist() {
    let place = Place::new();
    let mut journal = place.journal();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let file = journal.replace_file(full);
    let error = journal.open_entry(intent(1)).unwrap_err();
    assert!(matches!(error, StoreError::DiskFull(_)), "{error:?}");
    assert_eq!((journal.open_count(), journal.closed_count()), (0, 0));
    journal.replace_file(file);
    assert_eq!(journal.open_entry(intent(2)).unwrap().index, 0);
    assert_eq!(numbers(&place.contents()), (vec![2], vec![]));
}

#[test]
fn failed_sync_ends_the_journal() {
    let place = Place::new();
    let mut journal = place.journal();
    let slot = journal.open_entry(intent(1)).unwrap();
    // A device that accepts writes but cannot be synced.
    let null = OpenOptions::new().write(true).open("/dev/null").unwrap();
    let file = journal.replace_file(null);
    let failed = |result| matches!(result, Err(StoreError::SyncFailed(_)));
    assert!(failed(journal.sync()));
    journal.replace_file(file);
    assert!(failed(journal.sync()));
    assert!(failed(journal.open_entry(intent(2)).map(drop)));
    journal.close_entry(slot, outcome(1));
    assert_eq!(fold(&journal, 9), [1]);
}

#[test]
fn journal_open_to_others_is_refused() {
    let place = Place::new();
    drop(place.journal());
    let permissions = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(place.path(), permissions).unwrap();
    let dir = SafeDir::open(place.dir.path(), CreateDir::Never).unwrap();
    assert!(read(&dir, &file_name(ID)).is_err());
    assert!(try_adopt(&dir, &file_name(ID)).is_err());
}
