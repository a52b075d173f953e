//! Text that several commands print.

pub(crate) mod binding;
pub(crate) mod cost;
pub(crate) mod health;
pub(crate) mod limit;
pub(crate) mod new_key;
pub(crate) mod payer;
pub(crate) mod profile;
pub(crate) mod snippet;
