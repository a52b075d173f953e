//! What upstreams saw, held against the ledger: every request has its row, every row an end, nothing went twice.

use std::collections::BTreeMap;

use keyreeve_store::{AttemptRow, Ending};
use keyreeve_testkit::upstream::Received;

/// The most attempts that one request of a client's may have.
const MOST_ATTEMPTS: usize = 3;

/// Asserts that the rows are the record of these requests: one closed row for each that arrived, by its body; no more
/// attempts for a client's request than are allowed, and none after one that answered or may have.
#[track_caller]
pub(crate) fn check_books(rows: &[AttemptRow], received: &[Received]) {
    let mut arrived: BTreeMap<[u8; 32], usize> = BTreeMap::new();
    for request in received {
        *arrived
            .entry(*blake3::hash(&request.body).as_bytes())
            .or_default() += 1;
    }
    let mut recorded: BTreeMap<[u8; 32], usize> = BTreeMap::new();
    let mut attempts: BTreeMap<_, Vec<&AttemptRow>> = BTreeMap::new();
    let mut ids = std::collections::BTreeSet::new();
    for row in rows {
        let id = row.intent.attempt.0;
        assert!(ids.insert(id), "an attempt has two rows: {row:#?}");
        let of_request = attempts.entry(row.intent.request.0).or_default();
        of_request.push(row);
        let ended = row.ended.as_ref();
        assert!(ended.is_some(), "an attempt has no outcome: {row:#?}");
        // What failed never left: an upstream that could not be reached saw nothing of it.
        if ended.is_some_and(|ended| ended.ending != Ending::Failed || ended.status.is_some()) {
            *recorded.entry(row.intent.request_hash).or_default() += 1;
        }
    }
    assert_eq!(recorded, arrived, "requests by body: recorded, arrived");
    for of_request in attempts.values() {
        assert!(of_request.len() <= MOST_ATTEMPTS, "{of_request:#?}");
        let (_last, before) = of_request.split_last().unwrap();
        for row in before {
            let ended = row.ended.as_ref().unwrap();
            let answered = ended.verdict.as_deref() == Some("ok");
            // It was sent, and what came of it nobody knows: something may have been produced.
            let unknown = ended.ending == Ending::Incomplete && ended.status.is_none();
            assert!(!answered && !unknown, "tried again: {of_request:#?}");
        }
    }
}
