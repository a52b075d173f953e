//! Upstreams that misbehave on purpose, down to the byte, and record everything they receive.
//!
//! Invariants: every byte is recorded before it is parsed, even if it is not a request; connections are numbered;
//! dropping an upstream stops it.

mod certificates;
mod decoy;
mod full_backlog;
pub mod responses;
mod scripted;
mod threaded_listener;
mod tls;

pub use certificates::{CertificateAuthority, Identity, Validity};
pub use decoy::Decoy;
pub use full_backlog::FullBacklog;
pub use scripted::{ReceivedRequest, Scripted, Step};
pub use tls::{Handshake, TlsUpstream};
