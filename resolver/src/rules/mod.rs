//! The rules, as pure functions: what a client would do with the snapshot of a machine, and what is wrong there.
//!
//! Invariant: no file, variable or clock is read here; all input is passed in as values.

pub mod advise;
pub mod claude_code;
pub mod conflicts;
pub(crate) mod connection;
pub mod finding;
pub mod hidden_text;
pub mod import;
pub mod launch;
pub mod protect;
pub mod resolve;
pub mod sdk_store;
pub mod snapshot;
pub mod statusline;
pub mod unusable;
pub(crate) mod variables;
