//! Tests of core's public face, one module an area.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by failing"
)]

mod account;
mod cache_ttl;
mod finding;
mod health;
mod import;
mod inject;
mod launch;
mod limits;
mod pass_through;
mod peek;
mod price;
mod resolve;
mod select;
mod standing;
mod statusline;
mod token;
mod usage;
mod verdict;
mod virtual_key;
