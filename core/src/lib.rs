//! Decides: what a token is, which credential answers, what an answer means, what a request costs.
//!
//! The wall that makes this a crate: no IO at all. Time, environment and files enter as values; there is no async
//! runtime, no HTTP client, no SQL, no clock and no randomness below this line, and nothing here can be serialised by
//! accident. It compiles in seconds and its tests need no set-up.
#![forbid(unsafe_code)]

pub mod advise;
pub mod api;
pub mod binding;
pub mod cache_ttl;
pub mod claude_code;
pub mod clock;
pub mod credential;
pub mod finding;
pub mod import;
pub mod inert;
pub mod inject;
pub mod launch;
pub mod limits;
pub mod money;
pub mod origin;
pub mod pass_through;
pub mod peek;
pub mod price;
pub mod profile;
pub mod renewal;
pub mod resolve;
pub mod rivals;
pub mod said;
pub mod sdk_store;
pub mod secret;
pub mod select;
pub mod snapshot;
pub mod standing;
pub mod statusline;
pub mod token;
pub mod unusable;
pub mod usage;
pub mod verdict;
pub mod virtual_key;
