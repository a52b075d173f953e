//! The sandbox from outside: real sockets, a client of a few lines, and nothing shared with the code under test.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests fail as tests do"
)]

mod client;
mod credentials;
mod endpoints;
mod messages;
mod oauth;
mod plan;
mod scripts;
mod seen;
mod streams;
