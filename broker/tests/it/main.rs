//! Tests of leasing against a real store, one module an area.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by failing"
)]

mod claims;
mod clients;
mod commands;
mod desk;
mod helper_runs;
mod leases;
mod limits;
mod login;
mod observed;
mod probes;
mod sdk_profile;
mod sdk_profile_refused;
mod settling;
mod sources;
