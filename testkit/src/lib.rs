//! What the tests of the other crates are written with: planted secrets, temporary homes, raw sockets.
//!
//! Its audience makes it a crate: it is a dev-dependency only, is never published, and imports nothing but core and the
//! sandbox, so that it can watch every other crate from outside. Everything here blocks and runs in plain threads: a
//! test reads from top to bottom. A set-up that fails is a failed test, so the kit panics instead of returning errors.
#![forbid(unsafe_code)]
#![expect(
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a harness fails the test it serves, and reads the clock, the files and PATH of the real machine"
)]

pub mod canary;
pub mod fixtures;
pub mod home;
pub mod leakscan;
pub mod namespace;
pub mod process;
pub mod random;
pub mod sandbox;
pub mod skip;
pub mod terminal;
pub mod upstream;
pub mod wire;
