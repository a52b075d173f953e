//! What the store promises, tried on real files, with several stores and processes on one database.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![expect(
    clippy::disallowed_methods,
    reason = "these tests damage files, with plain calls, as nobody should"
)]

mod backup;
mod bed;
mod concurrency;
mod damage;
mod foreign;
mod glance;
mod key_secrets;
mod kills;
mod ledger;
mod limits;
mod migration;
mod policy;
mod secrets;
mod standings;
mod usage;
