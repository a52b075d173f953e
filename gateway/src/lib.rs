//! Forwards: one request in, one answer out. The life of a request is in `flow.rs`.
//!
//! The audience that makes this a crate: the program that serves. It reads no environment and no configuration file,
//! prints nothing, and never rebuilds a body it can pass on.
#![forbid(unsafe_code)]

mod authenticate;
mod beginning;
mod classify;
mod error;
mod flow;
mod forward;
mod guard;
mod health;
mod inject;
mod instance;
mod listen;
mod mask;
mod models;
mod once;
mod own;
mod page;
mod pass_through;
mod record;
mod refused;
mod replay;
mod routes;
mod server;

use std::sync::Arc;
use std::time::Duration;

use keyreeve_broker::Broker;
use keyreeve_broker::upstream::Upstream;
use keyreeve_core::cache_ttl::PerModel;

pub use instance::{About, Challenge, InstanceSecret, NONCE_LENGTH, Ticket};
pub use listen::{BindError, Bound, Listen, USUAL_PORT, bind};
pub use once::{Begun, Cut, NotBegun, once};
pub use pass_through::{BeyondLoopback, PassThrough};
pub use server::{Parts, serve};

/// How long the end of a limit is waited for where nothing else is said.
pub const USUAL_THROTTLE_WAIT: Duration = Duration::from_secs(5);

/// What the gateway is told; everything else it finds in the store.
#[derive(Clone, Debug)]
pub struct Config {
    /// Names, beside those of loopback, under which clients may address the gateway; with or without a port.
    pub allowed_hosts: Vec<String>,
    /// The lifetime that cache markers get in requests for a model, where their key says nothing.
    pub cache_ttl: PerModel,
    /// Bytes of request bodies held at once, over all requests.
    pub body_budget: usize,
    /// How long a client may take over a request head; a connection that asks nothing is closed after the same time.
    pub head_time: Duration,
    /// How long a client may leave us waiting for the next piece of its body, or for room to write.
    pub client_stall: Duration,
    /// How long the end of a limit is waited for, where that serves a request better than a refusal; nothing: not at all.
    pub throttle_wait: Duration,
    /// How long running answers may go on after the signal to stop.
    pub drain_time: Duration,
    /// Where requests that carry a credential of their own pass through to; none: they do not.
    pub pass_through: Option<PassThrough>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allowed_hosts: Vec::new(),
            cache_ttl: PerModel::default(),
            body_budget: 256 * 1024 * 1024,
            head_time: Duration::from_secs(10),
            client_stall: Duration::from_mins(1),
            throttle_wait: USUAL_THROTTLE_WAIT,
            drain_time: Duration::from_secs(30),
            pass_through: None,
        }
    }
}

/// What every request can reach.
pub(crate) struct Gateway {
    broker: Arc<Broker>,
    upstream: Upstream,
    budget: replay::Budget,
    hosts: guard::KnownHosts,
    instance: InstanceSecret,
    config: Config,
}
