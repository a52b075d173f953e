//! Examples: a directory, entries that are recognized by their number, and a deterministic generator.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use jiff::Timestamp;
use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::CostBasis;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::select::Reason;
use keyreeve_core::usage::TokenCounts;
use keyreeve_core::virtual_key::KeyId;
use keyreeve_os::files::{CreateDir, SafeDir};
use uuid::Uuid;

use super::super::read::{JournalContents, list, read};
use super::super::write::Journal;
use crate::entries::{AttemptId, Ending, EntryOutcome, Intent, Operation, RequestId};

pub(crate) const ID: [u8; 16] = [7; 16];

/// A directory that a journal can be in.
pub(super) struct Place {
    _temporary: tempfile::TempDir,
    pub(super) dir: SafeDir,
}

impl Place {
    pub(super) fn new() -> Self {
        let temporary = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .unwrap();
        let dir = SafeDir::open(temporary.path(), CreateDir::Never).unwrap();
        Self {
            _temporary: temporary,
            dir,
        }
    }

    pub(super) fn journal(&self) -> Journal {
        Journal::create(&self.dir, ID).unwrap()
    }

    /// Returns the name of the only journal.
    pub(super) fn name(&self) -> String {
        let [name] = list(&self.dir).unwrap().try_into().unwrap();
        name
    }

    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().join(self.name())
    }

    pub(super) fn contents(&self) -> JournalContents {
        read(&self.dir, &self.name()).unwrap().unwrap()
    }
}

/// Returns the intent with this number.
pub(crate) fn intent(number: u32) -> Intent {
    let id = |kind: u128| Uuid::from_u128((kind << 64) | u128::from(number));
    Intent {
        attempt: AttemptId(id(1)),
        request: RequestId(id(2)),
        started_at: at(number),
        operation: Operation::Messages,
        key: KeyId(id(3)),
        profile: ProfileId(id(4)),
        number,
        reason: Reason::Sticky,
        session: (!number.is_multiple_of(3)).then(|| format!("session {number}")),
        model_requested: Some("m".repeat(number as usize % 200)),
        stream: number.is_multiple_of(2),
        request_hash: [number.to_be_bytes()[3]; 32],
        request_bytes: u64::from(number),
        reserved: NanoDollars::new(u64::from(number) << 20),
        simulated: number.is_multiple_of(5),
    }
}

/// Returns the outcome of the intent with this number.
pub(crate) fn outcome(number: u32) -> EntryOutcome {
    let count = u64::from(number);
    EntryOutcome {
        ending: Ending::Done,
        ended_at: at(number + 1),
        status: Some(200),
        verdict: Some("ok".to_owned()),
        upstream_request_id: Some(format!("req_{number}")),
        model_served: Some("served ".repeat(number as usize % 9)),
        tokens: TokenCounts {
            input: count,
            output: count + 1,
            cache_read: count + 2,
            write_5m: count + 3,
            write_1h: count + 4,
        },
        web_searches: count % 2,
        cost: NanoDollars::new(count << 21),
        basis: Some(CostBasis::Known),
        prices_as_of: Some("2026-11-01".to_owned()),
        first_byte_micros: Some(count),
        duration_micros: Some(count * 2),
        response_hash: Some([number.to_be_bytes()[2]; 32]),
        response_bytes: count,
        cache_edit: (number.is_multiple_of(4)).then(|| "1h:3".to_owned()),
    }
}

fn at(second: u32) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + i64::from(second)).unwrap()
}

/// Writes an entry with its outcome.
pub(super) fn write(journal: &Journal, number: u32) {
    let slot = journal.open_entry(intent(number)).unwrap();
    journal.close_entry(slot, outcome(number));
}

/// Folds at most `max` entries and returns their numbers.
pub(super) fn fold(journal: &Journal, max: usize) -> Vec<u32> {
    let batch = journal.take_closed(max);
    let numbers = batch.entries().map(|(intent, _)| intent.number).collect();
    journal.folded(batch);
    numbers
}

/// Returns the numbers of the open and of the closed entries, after checking that each is as it was written.
pub(super) fn numbers(contents: &JournalContents) -> (Vec<u32>, Vec<u32>) {
    let mut open: Vec<_> = contents.open.iter().map(checked_intent).collect();
    open.sort_unstable();
    let closed = contents.closed.iter().map(|(_, read, ended)| {
        assert_eq!(*ended, outcome(read.number), "the outcome of another entry");
        checked_intent(read)
    });
    (open, closed.collect())
}

fn checked_intent(read: &Intent) -> u32 {
    assert_eq!(*read, intent(read.number));
    read.number
}

/// A deterministic generator (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % end
    }
}
