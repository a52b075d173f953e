//! Integration tests of the resolver: tables and properties of its rules, and the recorded runs of real clients.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot continue should panic"
)]

mod cases;
mod finding;
mod import;
mod launch;
mod observed;
mod resolve;
mod sent_value;
mod statusline;
