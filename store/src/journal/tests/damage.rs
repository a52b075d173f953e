//! A damaged file: what is read is as it was written, and what is missing is reported.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use super::super::adopt::try_adopt;
use super::super::header::{HEADER_SIZE, Header, SLOT_SIZE, file_name, slot_offset};
use super::super::read::{read, read_file};
use super::super::write::Journal;
use super::example::{ID, Place, Random, fold, intent, numbers, outcome, write};
use crate::StoreError;

/// Damages the slots of a file at random places; the header and the last used slot stay.
fn damage(file: &File, used: u64, random: &mut Random) {
    let (start, length) = (HEADER_SIZE as u64, used * SLOT_SIZE as u64);
    for _ in 0..=random.below(4) {
        let at = start + random.below(length - SLOT_SIZE as u64);
        match random.below(4) {
            0 => file.set_len(at.max(start + 1)).unwrap(),
            1 => {
                let end = start + length - SLOT_SIZE as u64;
                let zeros = vec![0; usize::try_from(random.below(end - at + 1)).unwrap()];
                file.write_all_at(&zeros, at).unwrap();
            }
            _ => {
                let mut byte = [0];
                if file.read_at(&mut byte, at).unwrap() == 1 {
                    let flipped = byte[0] ^ (1 << random.below(8));
                    file.write_all_at(&[flipped], at).unwrap();
                }
            }
        }
    }
}

#[test]
fn damaged_entries_are_reported_and_others_read() {
    let place = Place::new();
    write_some(&place.journal());
    let written = place.dir.read(&place.name(), 1 << 24).unwrap();
    let (open, closed) = numbers(&place.contents());
    let file = open_file(&place);
    let adopted = try_adopt(&place.dir, &place.name()).unwrap().unwrap();
    for seed in 0..500 {
        file.set_len(0).unwrap();
        file.write_all_at(&written, 0).unwrap();
        damage(&file, 40, &mut Random(seed));
        let contents = adopted.contents().unwrap();
        // This compares each entry with what was written.
        let (open_now, closed_now) = numbers(&contents);
        let is_read = |number: &u32| open_now.contains(number) || closed_now.contains(number);
        let is_complete = open.iter().chain(&closed).all(is_read);
        assert!(is_complete || contents.damaged > 0, "seed {seed}");
        assert!(
            closed_now.iter().all(|number| closed.contains(number)),
            "seed {seed}"
        );
        let was_written = |number: &u32| open.contains(number) || closed.contains(number);
        assert!(open_now.iter().all(was_written), "seed {seed}");
    }
}

/// Writes entries into forty slots: open ones, closed ones, and three in slots that others had before.
fn write_some(journal: &Journal) {
    for number in 0..40 {
        if number % 3 == 0 {
            let _open = journal.open_entry(intent(number)).unwrap();
        } else {
            write(journal, number);
        }
    }
    fold(journal, 5);
    (40..43).for_each(|number| write(journal, number));
}

fn open_file(place: &Place) -> File {
    let mut options = OpenOptions::new();
    options.read(true).write(true).open(place.path()).unwrap()
}

#[test]
fn flipped_byte_of_a_slot_is_damage_or_unused() {
    let place = Place::new();
    write(&place.journal(), 7);
    let adopted = try_adopt(&place.dir, &place.name()).unwrap().unwrap();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(place.path())
        .unwrap();
    let mut slot = [0; SLOT_SIZE];
    file.read_exact_at(&mut slot, slot_offset(0)).unwrap();
    let mut unused = 0;
    for at in 0..SLOT_SIZE {
        let mut changed = slot;
        changed[at] ^= 0x40;
        file.write_all_at(&changed, slot_offset(0)).unwrap();
        let contents = adopted.contents().unwrap();
        match (numbers(&contents), contents.damaged) {
            ((open, closed), 0) if open.is_empty() && closed == [7] => unused += 1,
            ((open, closed), 1) => assert!(closed.is_empty() && (open.is_empty() || open == [7])),
            other => panic!("byte {at}: {other:?}"),
        }
    }
    assert!(unused > 0);
}

/// A frame that does not verify is read again: the test writes the rest of it meanwhile.
#[test]
fn frame_being_written_is_read_again() {
    let place = Place::new();
    let journal = place.journal();
    write(&journal, 7);
    write(&journal, 8);
    let file = open_file(&place);
    let mut slot = [0; SLOT_SIZE];
    file.read_exact_at(&mut slot, slot_offset(0)).unwrap();
    let mut header = [0; 64];
    file.read_exact_at(&mut header, 0).unwrap();
    for (bytes, start) in [(&slot[..], slot_offset(0)), (&header[..], 0)] {
        for half in [&vec![0; bytes.len()], &vec![1; bytes.len() / 2]] {
            file.write_all_at(half, start).unwrap();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(Duration::from_millis(20));
                    file.write_all_at(bytes, start).unwrap();
                });
                let contents = read_file(&file, &place.path(), u32::MAX).unwrap();
                assert_eq!(numbers(&contents), (vec![], vec![7, 8]));
                assert_eq!(contents.damaged, 0);
            });
        }
    }
}

#[test]
fn damaged_header_is_an_error_that_names_the_file() {
    let place = Place::new();
    drop(place.journal());
    let file = open_file(&place);
    let header = Header { id: ID, slots: 512 }.encode();
    for at in 0..header.len() {
        let mut changed = header;
        changed[at] ^= 1;
        file.write_all_at(&changed, 0).unwrap();
        let error = read(&place.dir, &file_name(ID)).unwrap_err();
        assert!(
            matches!(&error, StoreError::Corrupt { path, .. } if *path == place.path()),
            "{error:?}"
        );
    }
    let other = Header {
        id: [8; 16],
        slots: 512,
    }
    .encode();
    file.write_all_at(&other, 0).unwrap();
    assert!(matches!(
        read(&place.dir, &file_name(ID)),
        Err(StoreError::Corrupt { .. })
    ));
    file.set_len(0).unwrap();
    assert!(matches!(
        read(&place.dir, &file_name(ID)),
        Err(StoreError::Corrupt { .. })
    ));
}

#[test]
fn newer_version_is_named() {
    let place = Place::new();
    drop(place.journal());
    let mut header = Header { id: ID, slots: 512 }.encode();
    header[19] = 2;
    let checksum = crc32fast::hash(&header[..44]);
    header[44..].copy_from_slice(&checksum.to_be_bytes());
    let file = open_file(&place);
    file.write_all_at(&header, 0).unwrap();
    let error = read(&place.dir, &file_name(ID)).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::NewerSchema {
                found: 2,
                known: 1,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn truncated_file_reports_the_missing_slots() {
    let place = Place::new();
    let journal = place.journal();
    (0..9).for_each(|number| write(&journal, number));
    let slot = journal.open_entry(intent(9)).unwrap();
    journal.close_entry(slot, outcome(9));
    let file = open_file(&place);
    file.set_len(slot_offset(6) + 100).unwrap();
    let contents = place.contents();
    assert_eq!(numbers(&contents), (vec![], vec![0, 1, 2, 3, 4, 5]));
    assert_eq!(contents.damaged, 512 - 6);
}
