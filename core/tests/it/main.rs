//! Tests of core's public face, one module an area.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by failing"
)]

mod peek;
mod price;
mod inject;
mod token;
mod resolve;
mod usage;
mod virtual_key;
