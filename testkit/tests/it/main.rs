//! The kit's own tests: what finds leaks, cuts streams and counts skips must itself be beyond doubt.
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
