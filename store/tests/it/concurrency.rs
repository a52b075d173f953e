//! Concurrency: several stores on one database lose no write, one of them serves, and threads create the store at once.

use std::sync::{Arc, Barrier};

use keyreeve_store::StoreError;

use crate::fixture::{TestHome, add_key, intent, key, profile, record_intent, secret};

/// CO-02 (small): four separate stores write fifty times each.
#[test]
fn four_writers_lose_nothing() {
    const WRITERS: u128 = 4;
    const WRITES: u128 = 50;
    let home = Arc::new(TestHome::new());
    let start = Arc::new(Barrier::new(usize::try_from(WRITERS).unwrap()));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (home, start) = (Arc::clone(&home), Arc::clone(&start));
            std::thread::spawn(move || {
                // All four create the store at the same moment, too.
                start.wait();
                let store = home.open();
                for write in 0..WRITES {
                    let number = 1 + writer * WRITES + write;
                    let added = profile(number, &format!("p{number}"));
                    store.add_profile(&added, Some(&secret("x"))).unwrap();
                    let _open = record_intent(&store, intent(number)).unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let store = home.open();
    store.verify().unwrap();
    assert_eq!(store.policy().unwrap().profiles().len(), 200);
    assert_eq!(store.ledger_entries(1000).unwrap().len(), 200);
    let unsealed = store
        .policy()
        .unwrap()
        .profiles()
        .iter()
        .all(|p| store.unseal(p).is_ok());
    assert!(unsealed);
}

/// CO-01 (the store's part): the error for the second gateway names the first, and a released lock does not block.
#[test]
fn only_one_gateway_serves() {
    let home = TestHome::new();
    let (first, second) = (home.open(), home.open());
    let claim = first
        .acquire_serve_lock("process 41, http://127.0.0.1:8484")
        .unwrap();
    match second.acquire_serve_lock("process 42") {
        Err(StoreError::InUse { holder }) => {
            assert_eq!(holder, "process 41, http://127.0.0.1:8484");
        }
        other => panic!("{other:?}"),
    }
    // The command line can still write to the store.
    add_key(&second, &key(1, "tool", &[]), 1);
    assert_eq!(first.policy().unwrap().keys().len(), 1);
    drop(claim);
    let _claim = second.acquire_serve_lock("process 42").unwrap();
}
