//! Tests of the broker against a real store, one module per area.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod claims;
mod clients;
mod commands;
mod harness;
mod helper_runs;
mod leases;
mod limits;
mod login;
mod probes;
mod profiles;
mod sdk_profile;
mod sdk_profile_refused;
mod settling;
mod sources;
