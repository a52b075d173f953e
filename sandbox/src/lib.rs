//! A simulated Anthropic API on a loopback port, for trying clients offline and for tests.
//!
//! The wall that makes this a crate: its audience. Whoever tests a client of the API starts it (`keyreeve sandbox`)
//! and needs nothing else of keyreeve; it imports the core and no other part. `docs/sandbox.md` tells its rules.
//!
//! - It answers as the real API does, as far as docs/facts.md knows it, and never asks anybody else.
//! - Answers are a function of the request and of how many came before it: no clock and no chance is in a body.
//! - It keeps no secret and no body: people will send it real keys. A credential becomes its fingerprint at the door.
//! - It listens on loopback addresses only.
#![forbid(unsafe_code)]

mod answer;
mod ask;
mod cache;
mod call;
mod control;
mod credentials;
mod delivery;
mod errors;
mod follow;
mod models;
mod oauth;
mod plan;
mod reply;
mod route;
mod script;
mod seen;
mod server;
mod state;
mod stream;
mod tokens;
mod tool;

pub use control::Control;
pub use delivery::How;
pub use script::{BadScript, Step, read_script};
pub use seen::{Seen, Shown};
pub use server::{Clock, Sandbox, Settings};
