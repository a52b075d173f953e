//! The gateway: one request in, one response out. The request pipeline is in `flow.rs`.
//!
//! It is a crate of its own because of its audience: the program that serves. It reads no environment variables and no
//! configuration file, prints nothing, and never rebuilds a body it can pass on.
#![forbid(unsafe_code)]

mod authenticate;
mod classify;
mod error;
mod fallback;
mod flow;
mod forward;
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
mod record;
mod redact;
mod request;
mod routes;
mod server;
mod status_page;

use std::sync::Arc;
use std::time::Duration;

use keyreeve_broker::Broker;
use keyreeve_broker::upstream::Upstream;
use keyreeve_core::cache_ttl::TtlByModel;

pub use instance::{Challenge, InstanceSecret, NONCE_HEX_DIGITS, Ticket, TicketState};
pub use listen::{BindError, BoundListeners, DEFAULT_PORT, Listen, bind};
pub use owner::{OwnerResponse, ResponseCutError, SendError, send_as_owner};
pub use pass_through::{NotLoopbackError, PassThrough};
pub use server::{GatewayParts, serve};

/// The default of [`Config::throttle_wait`].
pub const DEFAULT_THROTTLE_WAIT: Duration = Duration::from_secs(5);

/// The configuration of the gateway; everything else comes from the store.
#[derive(Clone, Debug)]
pub struct Config {
    /// Names in addition to the loopback names that clients may use in `Host`, with or without a port.
    pub allowed_hosts: Vec<String>,
    /// The lifetime to set in the cache markers of requests for a model, unless the key sets one.
    pub cache_ttl: TtlByModel,
    /// The maximum number of bytes of request bodies in memory, over all requests.
    pub body_budget: usize,
    /// The timeout for a request head; an idle connection is closed after the same time.
    pub head_timeout: Duration,
    /// The longest pause allowed between two chunks of a client's body, and while writing to the client.
    pub client_stall_timeout: Duration,
    /// The maximum total wait for rate limits to end, instead of returning an error; zero disables waiting.
    pub throttle_wait: Duration,
    /// The time allowed to finish running responses in a graceful shutdown.
    pub drain_timeout: Duration,
    /// The destination for requests with the client's own credential, or `None` if pass-through is off.
    pub pass_through: Option<PassThrough>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            cache_ttl: TtlByModel::default(),
            body_budget: 256 * 1024 * 1024,
            head_timeout: Duration::from_secs(10),
            client_stall_timeout: Duration::from_mins(1),
            throttle_wait: DEFAULT_THROTTLE_WAIT,
            drain_timeout: Duration::from_secs(30),
            pass_through: None,
        }
    }
}

/// The state shared by all requests.
pub(crate) struct Gateway {
    broker: Arc<Broker>,
    upstream: Upstream,
    budget: request::BodyBudget,
    hosts: ingress::AllowedHosts,
    instance: InstanceSecret,
    config: Config,
}
