//! The rows of each table, read and written on a connection.
//!
//! Invariant: nothing here knows the store, its threads or its files.

pub(crate) mod attempts;
pub(crate) mod bindings;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod limits;
pub(crate) mod profiles;
pub(crate) mod rollups;
