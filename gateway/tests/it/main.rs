//! The gateway from outside: real sockets before it, a scripted upstream behind it, a real store beside it.
//!
//! Each stage captures what its clients were answered, its log at its most talkative and its store's files, and fails
//! its test if a planted secret is in any of them.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read the clock of the real machine and fail by panicking"
)]

mod answers;
mod attempts;
mod bodies;
mod books;
mod cache_ttl;
mod conversations;
mod credentials;
mod cuts;
mod doors;
mod endings;
mod envelope;
mod gated;
mod house;
mod ledger;
mod limits;
mod masking;
mod models;
mod pass_through;
mod passing;
mod redirects;
mod revocation;
mod rotation;
mod routes;
mod serving;
mod smuggling;
mod splits;
mod stage;
mod stalls;
mod standings;
mod storms;
mod tls;
mod unreachable;
mod waits;
