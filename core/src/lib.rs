//! Decides about a request: token families, profile selection, verdicts on responses, health, limits, usage and price.
//!
//! Dependency wall of this crate: no IO at all. Time, environment and files are passed in as values; there is no async
//! runtime, no HTTP client, no SQL, no clock and no randomness in it or below it, and no public type is serializable.
//! It compiles in seconds and its tests need no setup.
#![forbid(unsafe_code)]

pub mod api;
pub mod binding;
pub mod cache_ttl;
pub mod clock;
pub mod credential;
pub mod health;
pub mod inject;
mod json_members;
pub mod limits;
pub mod money;
pub mod origin;
pub mod pass_through;
pub mod peek;
pub mod price;
pub mod profile;
pub mod renewal;
mod request_class;
pub mod response_text;
pub mod sanitize;
pub mod secret;
pub mod select;
mod sse;
pub mod token;
pub mod usage;
pub mod verdict;
pub mod virtual_key;
