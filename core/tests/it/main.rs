//! The rules of core, as tables and properties.

mod token;
mod virtual_key;
//! Tests of core's public face, one module an area.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by failing"
)]

mod peek;
mod price;
mod usage;
