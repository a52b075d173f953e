//! Resolves who would pay on this machine, and finds what is wrong with it.
//!
//! It is a separate crate for its users: tools that only want to know which credential a client would use need no
//! database, no async runtime and no HTTP client. Its rules are pure functions of a [`snapshot::Snapshot`]; only
//! [`machine`] reads files and variables, through `keyreeve-os`. It starts no program and sends nothing.
#![forbid(unsafe_code)]

pub mod machine;
mod rules;

pub use rules::{
    advise, claude_code, conflicts, finding, hidden_text, import, launch, protect, resolve,
    sdk_store, snapshot, statusline, unusable,
};
