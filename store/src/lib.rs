//! Remembers: profiles (sealed), virtual keys (hashed), standings and the ledger, in one SQLite file.
//!
//! The wall that makes this a crate: SQL. No SQL type leaves it, it decides nothing, and it makes neither ids nor
//! timestamps: callers hand both in. `docs/store-format.md` says what lies in the files.
#![forbid(unsafe_code)]

mod backup;
mod bindings;
mod chunks;
mod columns;
mod error;
mod foreign;
mod glance;
mod keys;
mod ledger;
mod limits;
mod master_key;
mod open;
mod policy;
mod profiles;
mod recording;
mod rows;
mod schema;
mod seal;
mod sqlite;
mod standings;
mod usage;
mod words;
mod writer;

pub use backup::restore;
pub use error::{Cause, Error};
pub use foreign::{Cell, ForeignError, read_foreign_text};
pub use glance::Glance;
pub use keyreeve_os::memory::Swap;
pub use open::{Durability, MasterKeyHome, Places, Store};
pub use policy::{FoundKey, Known, Policy};
pub use rows::{AttemptId, AttemptRow, Ended, Ending, Intent, Operation, Outcome, RequestId};
pub use standings::{Changed, Standings};
pub use usage::{Certainty, Grouping, UsageQuery, UsageRow};

type Result<T> = std::result::Result<T, Error>;
