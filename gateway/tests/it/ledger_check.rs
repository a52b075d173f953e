//! Compares the ledger with the requests that upstreams received: every request has its entry, every entry an outcome,
//! and nothing was sent twice.

use std::collections::BTreeMap;

use keyreeve_store::{Ending, LedgerEntry};
use keyreeve_testkit::upstream::ReceivedRequest;

/// The maximum number of attempts of one client request.
const MAX_ATTEMPTS: usize = 3;

/// Checks the entries against the requests received: one closed entry for each, by its body; no more than the maximum
/// of attempts per client request, and none after one that succeeded or may have.
#[track_caller]
pub(crate) fn check_ledger(entries: &[LedgerEntry], received: &[ReceivedRequest]) {
    let mut arrived: BTreeMap<[u8; 32], usize> = BTreeMap::new();
    for request in received {
        *arrived
            .entry(*blake3::hash(&request.body).as_bytes())
            .or_default() += 1;
    }
    let mut recorded: BTreeMap<[u8; 32], usize> = BTreeMap::new();
    let mut attempts: BTreeMap<_, Vec<&LedgerEntry>> = BTreeMap::new();
    let mut ids = std::collections::BTreeSet::new();
    for entry in entries {
        let id = entry.intent.attempt.0;
        assert!(ids.insert(id), "an attempt has two entries: {entry:#?}");
        let of_request = attempts.entry(entry.intent.request.0).or_default();
        of_request.push(entry);
        let outcome = entry.outcome.as_ref();
        assert!(outcome.is_some(), "an attempt has no outcome: {entry:#?}");
        // An attempt that failed was not sent: an unreachable upstream received nothing.
        if outcome
            .is_some_and(|outcome| outcome.ending != Ending::Failed || outcome.status.is_some())
        {
            *recorded.entry(entry.intent.request_hash).or_default() += 1;
        }
    }
    assert_eq!(recorded, arrived, "requests by body: recorded, arrived");
    for of_request in attempts.values() {
        assert!(of_request.len() <= MAX_ATTEMPTS, "{of_request:#?}");
        let (_last, before) = of_request.split_last().unwrap();
        for entry in before {
            let outcome = entry.outcome.as_ref().unwrap();
            let succeeded = outcome.verdict.as_deref() == Some("ok");
            // It was sent without a response: something may have been produced.
            let unknown = outcome.ending == Ending::Incomplete && outcome.status.is_none();
            assert!(!succeeded && !unknown, "retried: {of_request:#?}");
        }
    }
}
