//! The owner's operations: make, change and revoke virtual keys, add, import and change profiles, bind
//! directories.
//!
//! Each operation is one function: it checks the rules, writes the store and returns what changed. The command line and
//! the gateway's administration call the same ones. Invariants: nothing is printed and nothing is asked; a refused
//! operation has written nothing.

pub mod backups;
pub mod bindings;
pub mod checks;
mod error;
pub mod import;
pub mod keys;
pub mod ledger;
pub mod models;
mod new_secret;
pub mod profile_health;
pub mod profiles;
pub mod protection;
mod random;
pub mod sandbox;
pub mod sdk_links;

pub use error::AdminError;
pub use new_secret::NewSecret;
pub use random::{new_id, new_key, random_bytes};
