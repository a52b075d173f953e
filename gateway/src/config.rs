//! The configuration of the gateway, with the destination of pass-through requests.
//!
//! Invariant: a pass-through destination is created only if all bound addresses are loopback addresses.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use keyreeve_broker::PassThroughTarget;
use keyreeve_core::cache_ttl::TtlByModel;
use keyreeve_core::origin::BaseUrl;

use crate::listen::BoundListeners;

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
    /// The time allowed for a client's body to arrive.
    pub client_body_timeout: Duration,
    /// The maximum total wait for rate limits to end, instead of returning an error; zero disables waiting.
    pub throttle_wait: Duration,
    /// The time allowed to finish running responses in a graceful shutdown.
    pub drain_timeout: Duration,
    /// The number of threads that serve connections.
    pub workers: NonZeroUsize,
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
            client_body_timeout: Duration::from_mins(5),
            throttle_wait: DEFAULT_THROTTLE_WAIT,
            drain_timeout: Duration::from_secs(30),
            workers: NonZeroUsize::MIN,
            pass_through: None,
        }
    }
}

/// The destination of requests with the client's own credential.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PassThrough {
    base_url: BaseUrl,
    pub(crate) target: PassThroughTarget,
}

/// An address other than loopback is bound, so that other machines could use pass-through.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("pass-through works on loopback addresses only, and {0} is not one")]
pub struct NotLoopbackError(SocketAddr);

impl PassThrough {
    /// Passes requests through to Anthropic's API.
    ///
    /// # Errors
    /// [`NotLoopbackError`].
    pub fn to_anthropic(bound: &BoundListeners) -> Result<Self, NotLoopbackError> {
        check_loopback_only(bound.addresses())?;
        Ok(Self {
            base_url: BaseUrl::anthropic(),
            target: PassThroughTarget::Anthropic,
        })
    }

    /// Passes requests through to a sandbox.
    ///
    /// # Errors
    /// [`NotLoopbackError`].
    pub fn to_sandbox(base_url: BaseUrl, bound: &BoundListeners) -> Result<Self, NotLoopbackError> {
        check_loopback_only(bound.addresses())?;
        Ok(Self {
            base_url,
            target: PassThroughTarget::Sandbox,
        })
    }

    /// The base URL that requests are passed through to.
    pub fn base_url(&self) -> &BaseUrl {
        &self.base_url
    }
}

fn check_loopback_only(addresses: &[SocketAddr]) -> Result<(), NotLoopbackError> {
    let is_reachable_from_outside =
        |address: &&SocketAddr| !address.ip().to_canonical().is_loopback();
    match addresses.iter().find(is_reachable_from_outside) {
        Some(address) => Err(NotLoopbackError(*address)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SU-01: pass-through needs all addresses to be loopback addresses.
    #[test]
    fn pass_through_requires_loopback() {
        for (addresses, expected) in [
            (&["127.0.0.1:1", "[::1]:1"][..], "ok"),
            (&["127.8.8.8:1"], "ok"),
            (&["[::ffff:127.0.0.1]:1"], "ok"),
            (&["127.0.0.1:1", "0.0.0.0:1"], "0.0.0.0:1"),
            (&["[::]:1"], "[::]:1"),
            (&["192.168.0.1:1"], "192.168.0.1:1"),
        ] {
            let parsed: Vec<SocketAddr> = addresses.iter().map(|it| it.parse().unwrap()).collect();
            let got = match check_loopback_only(&parsed) {
                Ok(()) => "ok".to_owned(),
                Err(NotLoopbackError(address)) => address.to_string(),
            };
            assert_eq!(got, expected, "{addresses:?}");
        }
    }
}
