//! A simulated Anthropic API on a loopback port, for trying clients offline and for tests.
//!
//! It is a crate of its own because of its audience: developers who test a client of the API run it
//! (`keyreeve sandbox`) and need nothing else of keyreeve. It imports only the core. `docs/sandbox.md` documents its
//! behavior.
//!
//! - It responds as the real API does, as far as docs/facts.md documents that, and makes no outgoing request.
//! - A response depends only on the request and on the number of earlier requests: no body contains a time or a random
//!   value.
//! - It stores no secret and no body, because users will send it real keys: a credential is replaced by its fingerprint
//!   on arrival.
//! - It listens on loopback addresses only.
#![forbid(unsafe_code)]

mod api_request;
mod apply_step;
mod control;
mod credentials;
mod delivery;
mod errors;
mod message;
mod messages_request;
mod models;
mod oauth;
mod plan;
mod prompt_cache;
mod recorded_requests;
mod response;
mod route;
mod script;
mod server;
mod state;
mod stream;
mod tokens;
mod tool_call;

pub use control::Control;
pub use delivery::CloseMode;
pub use recorded_requests::{RecordedRequest, RedactedText};
pub use script::{ScriptError, ScriptStep, read_script};
pub use server::{Sandbox, SandboxSettings};
pub use state::NowFn;
