//! Persists profiles (their secrets encrypted at rest, "sealed"), virtual keys (as hashes), health and the ledger in
//! two SQLite databases.
//!
//! This is a crate of its own because of SQL: no SQL type leaves it. It decides nothing, and it creates neither ids nor
//! timestamps: callers pass both in. `docs/store-format.md` describes the files.
#![forbid(unsafe_code)]

mod backup;
mod bindings;
mod database_files;
mod entries;
mod error;
mod fault;
mod fold;
mod foreign;
mod group_sync;
mod health;
mod journal;
mod keys;
mod ledger;
mod ledger_connection;
mod ledger_lock;
mod ledger_writer;
mod limits;
mod live;
#[cfg(test)]
mod long_reader;
mod master_key;
mod mutex;
mod open;
mod open_files;
mod policy;
mod policy_writer;
mod profiles;
mod quick_reader;
mod restore;
mod retention;
mod row_macs;
mod rows;
mod schema;
mod seal;
mod sealed_stream;
mod single_database;
mod sql_enum;
mod sql_types;
mod sqlite;
mod store_files;
mod usage;
mod wal_index;

pub use entries::{
    AttemptId, Durability, Ending, EntryOutcome, Intent, LedgerEntry, Operation, Outcome, RequestId,
};
pub use error::{StoreError, UnderlyingError};
pub use fold::Recovered;
pub use foreign::{ForeignCell, ForeignError, read_foreign_text};
pub use health::HealthChange;
pub use keyreeve_os::memory::SwapProtection;
pub use ledger::OpenIntent;
pub use master_key::MasterKeyHome;
pub use open::{Store, StorePaths};
pub use policy::{FoundKey, LeaseSnapshot, Policy};
pub use quick_reader::QuickReader;
pub use restore::{
    ExistingStore, RestoreOptions, Restored, RestoredKey, RevivedKeys, check_restorable,
    preview_restore, restore,
};
pub use retention::{Retention, RetentionPlan};
pub use rows::health::HealthStates;
pub use store_files::{StoreFile, StoreFileKind};
pub use usage::{Certainty, Grouping, UsageQuery, UsageRow};

type Result<T> = std::result::Result<T, StoreError>;
