//! Tests of leasing against a real store, one module an area.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by failing"
)]

mod desk;
mod settling;
mod sources;
//! Leases from outside: a real store, real programs, and a key that may be revoked at any moment.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests plant files, read the clock of the real machine, and fail by panicking"
)]

mod bench;
mod clients;
mod commands;
mod leases;
