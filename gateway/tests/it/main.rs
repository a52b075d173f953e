//! Tests of the gateway from outside: real client sockets, a scripted upstream and a real store.
//!
//! Each test gateway captures its responses, its log at trace level and its store's files, and fails the test if a
//! planted secret is in any of them.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests read the clock of the real machine and fail by panicking"
)]

mod affinity;
mod bodies;
mod cache_ttl;
mod credentials;
mod cut_responses;
mod error_envelope;
mod forwarding;
mod gated_upstream;
mod harness;
mod health;
mod ingress;
mod ledger;
mod ledger_check;
mod limits;
mod load;
mod models;
mod pass_through;
mod profile_pool;
mod rate_limit_waits;
mod redaction;
mod redirects;
mod request_smuggling;
mod responses;
mod retries;
mod revocation;
mod rotation;
mod routes;
mod server_thread;
mod shutdown;
mod stream_chunks;
mod timeouts;
mod tls;
mod unreachable;
mod workers;
