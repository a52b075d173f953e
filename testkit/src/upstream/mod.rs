//! Upstreams that misbehave on purpose, down to the byte, and record all that reaches them.
//!
//! Invariants: every byte is recorded before anything is made of it, also of what is no request; connections are told
//! apart by number; all of it stops when its value goes.

mod certificates;
mod decoy;
mod listening;
pub mod reply;
mod scripted;
mod tls;
mod unaccepting;

pub use certificates::{Authority, Identity, Validity};
pub use decoy::Decoy;
pub use scripted::{Received, Scripted, Step};
pub use tls::{Handshake, Tls};
pub use unaccepting::Unaccepting;
