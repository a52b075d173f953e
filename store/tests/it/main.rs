//! Integration tests of the store on real files, with several stores and processes on one database.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![expect(
    clippy::disallowed_methods,
    reason = "these tests damage files on purpose, with plain calls"
)]

mod backup;
mod backup_forms;
mod concurrency;
mod costs;
mod crash_recovery;
mod damage;
mod failed_sync;
mod filled;
mod fixture;
mod foreign;
mod health;
mod interrupted_restore;
mod key_secrets;
mod ledger;
mod limits;
mod migration;
mod policy;
mod quick_reader;
mod replaced;
mod retention;
mod row_macs;
mod secrets;
mod strace;
mod usage;
