//! Tests of the test harness itself: its leak scan, upstreams, sockets and skips.
#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests plant files, read the clock of the real machine, and fail by panicking"
)]

mod canary;
mod home;
mod leakscan;
mod sandbox;
mod skip;
mod upstream;
mod wire;
