//! Integration tests of core's public API, one module per area.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot continue should panic"
)]

mod cache_ttl;
mod costs;
mod credential_status;
mod health;
mod inject;
mod limits;
mod oauth_usage;
mod pass_through;
mod peek;
mod price;
mod select;
mod token;
mod usage;
mod verdict;
mod virtual_key;
