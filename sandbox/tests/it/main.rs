//! Tests of the sandbox from outside: real sockets, a minimal client, and no code shared with the code under test.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test helpers fail as tests do"
)]

mod client;
mod credentials;
mod endpoints;
mod messages;
mod oauth;
mod plan;
mod recorded_requests;
mod scripts;
mod streams;
