//! Test harness for the other crates: planted secrets, temporary homes, raw sockets.
//!
//! It is a crate of its own because of its audience: it is a dev-dependency only, is never published, and imports only
//! core and the sandbox, so that it can test every other crate from outside. Everything here blocks and runs in plain
//! threads, so that a test reads from top to bottom. A failed setup fails the test: the harness panics instead of
//! returning errors.
#![forbid(unsafe_code)]
#![expect(
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a harness fails its test by panicking, and reads the clock, the files and PATH of the real machine"
)]

pub mod canary;
pub mod fixtures;
pub mod home;
pub mod leakscan;
pub mod namespace;
pub mod pipe;
pub mod process;
pub mod random;
pub mod sandbox;
pub mod skip;
pub mod terminal;
pub mod upstream;
pub mod wire;
