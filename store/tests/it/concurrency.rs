//! Several stores on one database: no lost update, one that serves, and threads that make the store at once.

use std::sync::{Arc, Barrier};

use keyreeve_store::Error;

use crate::bed::{Bed, begin, intent, key, key_secret, profile, secret};

/// CO-02, small: four stores of their own write fifty times each.
#[test]
fn co_02_four_writers_lose_nothing() {
    const WRITERS: u128 = 4;
    const WRITES: u128 = 50;
    let bed = Arc::new(Bed::new());
    let start = Arc::new(Barrier::new(usize::try_from(WRITERS).unwrap()));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (bed, start) = (Arc::clone(&bed), Arc::clone(&start));
            std::thread::spawn(move || {
                // All four make the store at the same moment, too.
                start.wait();
                let store = bed.open();
                for write in 0..WRITES {
                    let number = 1 + writer * WRITES + write;
                    let added = profile(number, &format!("p{number}"));
                    store.add_profile(&added, Some(&secret("x"))).unwrap();
                    begin(&store, intent(number)).unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let store = bed.open();
    store.verify().unwrap();
    assert_eq!(store.policy().unwrap().profiles().len(), 200);
    assert_eq!(store.attempts(1000).unwrap().len(), 200);
    let unsealed = store
        .policy()
        .unwrap()
        .profiles()
        .iter()
        .all(|p| store.unseal(p).is_ok());
    assert!(unsealed);
}

/// CO-01, the store's half: the second is refused by name, and a dead holder does not block.
#[test]
fn co_01_one_serves() {
    let bed = Bed::new();
    let (first, second) = (bed.open(), bed.open());
    let claim = first.claim("process 41, http://127.0.0.1:8484").unwrap();
    match second.claim("process 42") {
        Err(Error::Held { holder }) => assert_eq!(holder, "process 41, http://127.0.0.1:8484"),
        other => panic!("{other:?}"),
    }
    // The command line writes beside it all the same.
    second
        .add_key(&key(1, "tool", &[]), key_secret(1).0, key_secret(1).1)
        .unwrap();
    assert_eq!(first.policy().unwrap().keys().len(), 1);
    drop(claim);
    let _claim = second.claim("process 42").unwrap();
}
