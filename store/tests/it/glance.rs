//! A glance sees what a store holds, makes nothing, and waits for nobody.

use std::fs;

use keyreeve_core::limits::{Limit, Seen, Subject};
use keyreeve_store::{Error, Glance};
use rusqlite::Connection;

use crate::bed::{Bed, at, profile, secret};

fn window(second: i64) -> Vec<Seen> {
    vec![Seen {
        subject: Subject::ClaudeCode { config_dir: None },
        class: None,
        limit: Limit {
            which: "plan five_hour".parse().unwrap(),
            amount: None,
            state: None,
            resets_at: Some(at(3600)),
            seen_at: at(second),
        },
    }]
}

#[test]
fn where_there_is_no_store_none_is_made() {
    let bed = Bed::new();
    assert!(Glance::at(&bed.places).unwrap().is_none());
    fs::create_dir(&bed.places.data).unwrap();
    let _refused_or_not_there = Glance::at(&bed.places);
    assert_eq!(fs::read_dir(&bed.places.data).unwrap().count(), 0);
    assert!(!bed.places.keys.exists());
}

#[test]
fn it_sees_what_a_store_holds_and_the_store_sees_what_it_keeps() {
    let bed = Bed::new();
    let store = bed.open();
    store
        .add_profile(&profile(1, "work"), Some(&secret("x")))
        .unwrap();
    let mut glance = Glance::at(&bed.places).unwrap().unwrap();
    assert_eq!(
        glance.policy().unwrap().profiles(),
        store.policy().unwrap().profiles()
    );
    glance.keep_limits(&window(1)).unwrap();
    assert_eq!(store.limits().unwrap(), window(1));
    drop(store);
    glance.keep_limits(&window(2)).unwrap();
    drop(glance);
    assert_eq!(
        Glance::at(&bed.places).unwrap().unwrap().limits().unwrap(),
        window(2)
    );
    assert_eq!(bed.open().limits().unwrap(), window(2));
}

#[test]
fn the_master_key_is_not_asked_for() {
    let bed = Bed::new();
    drop(bed.open());
    fs::remove_file(bed.master_key()).unwrap();
    let mut glance = Glance::at(&bed.places).unwrap().unwrap();
    glance.policy().unwrap();
    glance.keep_limits(&window(1)).unwrap();
}

#[test]
fn while_another_writes_it_reads_and_keeps_nothing() {
    let bed = Bed::new();
    drop(bed.open());
    let other = Connection::open(bed.database()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut glance = Glance::at(&bed.places).unwrap().unwrap();
    glance.policy().unwrap();
    assert!(matches!(glance.keep_limits(&window(1)), Err(Error::Busy)));
    other.execute_batch("COMMIT").unwrap();
    glance.keep_limits(&window(1)).unwrap();
}

#[test]
fn what_another_release_wrote_or_nobody_did_is_left_alone() {
    for (number, matches) in [(1, "older"), (999, "newer")] {
        let bed = Bed::new();
        drop(bed.open());
        bed.meddle(&format!("PRAGMA user_version = {number}"));
        let refused = Glance::at(&bed.places).err().unwrap();
        assert!(refused.to_string().contains(matches), "{refused}");
    }
    let bed = Bed::new();
    drop(bed.open());
    fs::write(bed.database(), "junk").unwrap();
    assert!(matches!(
        Glance::at(&bed.places),
        Err(Error::Corrupt { .. })
    ));
}
