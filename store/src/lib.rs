//! Persists profiles (their secrets encrypted at rest, "sealed"), virtual keys (as hashes), health and the ledger in
//! one SQLite file.
//!
//! This is a crate of its own because of SQL: no SQL type leaves it. It decides nothing, and it creates neither ids nor
//! timestamps: callers pass both in. `docs/store-format.md` describes the files.
#![forbid(unsafe_code)]

mod backup;
mod bindings;
mod entries;
mod error;
mod foreign;
mod health;
mod keys;
mod ledger;
mod ledger_lock;
mod limits;
mod master_key;
mod open;
mod policy;
mod profiles;
mod quick_reader;
mod rows;
mod schema;
mod seal;
mod sealed_stream;
mod sql_enum;
mod sql_types;
mod sqlite;
mod usage;
mod writer;

pub use backup::restore;
pub use entries::{
    AttemptId, Ending, EntryOutcome, Intent, LedgerEntry, Operation, Outcome, RequestId,
};
pub use error::{StoreError, UnderlyingError};
pub use foreign::{ForeignCell, ForeignError, read_foreign_text};
pub use health::HealthChange;
pub use keyreeve_os::memory::SwapProtection;
pub use master_key::MasterKeyHome;
pub use open::{Store, StorePaths};
pub use policy::{FoundKey, LeaseSnapshot, Policy};
pub use quick_reader::QuickReader;
pub use rows::health::HealthStates;
pub use usage::{Certainty, Grouping, UsageQuery, UsageRow};
pub use writer::Durability;

type Result<T> = std::result::Result<T, StoreError>;
