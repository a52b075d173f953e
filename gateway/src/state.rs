//! The state shared by all requests.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;

use keyreeve_broker::Broker;
use keyreeve_broker::upstream::Upstream;

use crate::client_body::BodyBudget;
use crate::config::Config;
use crate::instance::InstanceSecret;

/// The state shared by all requests of one worker. Everything but the connections to upstreams is shared with the
/// other workers.
#[derive(Clone)]
pub(crate) struct Gateway {
    pub(crate) broker: Arc<Broker>,
    pub(crate) upstream: Upstream,
    pub(crate) budget: BodyBudget,
    pub(crate) hosts: Arc<AllowedHosts>,
    pub(crate) instance: Arc<InstanceSecret>,
    pub(crate) config: Arc<Config>,
}

/// The exact `Host` values allowed: compared as text, never parsed, so that no parser can be confused.
pub(crate) struct AllowedHosts(HashSet<String>);

impl AllowedHosts {
    /// Allows the loopback names with each port that is bound, and the configured names.
    pub(crate) fn new(addresses: &[SocketAddr], allowed: &[String]) -> Self {
        let mut hosts = HashSet::new();
        for port in addresses.iter().map(SocketAddr::port) {
            for name in ["localhost", "127.0.0.1", "[::1]"] {
                hosts.insert(format!("{name}:{port}"));
            }
            for name in allowed {
                hosts.insert(name.to_ascii_lowercase());
                hosts.insert(format!("{}:{port}", name.to_ascii_lowercase()));
            }
        }
        Self(hosts)
    }

    pub(crate) fn contains(&self, host: &str) -> bool {
        self.0.contains(host) || self.0.contains(&host.to_ascii_lowercase())
    }
}
