//! The gateway: one request in, one response out. The request pipeline is in `flow.rs`.
//!
//! It is a crate of its own because of its audience: the program that serves. It reads no environment variables and no
//! configuration file, prints nothing, and never rebuilds a body it can pass on.
#![forbid(unsafe_code)]

mod attempt;
mod auth;
mod authenticate;
mod classify;
mod client_body;
mod config;
mod error;
mod fallback;
mod flow;
mod forward;
mod forwarded_route;
mod headers;
mod healthz;
mod ingress;
mod inject;
mod instance;
mod json_response;
mod listen;
mod models;
mod owner;
mod pass_through;
mod prefix;
mod read_request;
mod record;
mod redact;
mod request;
mod routes;
mod server;
mod state;
mod status_page;
mod worker_threads;

pub use config::{Config, DEFAULT_THROTTLE_WAIT, NotLoopbackError, PassThrough};
pub use instance::{Challenge, InstanceSecret, NONCE_HEX_DIGITS, Ticket, TicketState};
pub use listen::{BindError, BoundListeners, DEFAULT_PORT, Listen, bind};
pub use owner::{OwnerResponse, ResponseCutError, SendError, send_as_owner};
pub use server::{GatewayParts, ServeError, serve};
pub use worker_threads::WorkerError;
