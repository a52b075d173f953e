//! The state shared by all requests.

use std::sync::Arc;

use keyreeve_broker::Broker;
use keyreeve_broker::upstream::Upstream;

use crate::allowed_hosts::AllowedHosts;
use crate::body_budget::BodyBudget;
use crate::config::Config;
use crate::instance::InstanceSecret;

/// The state shared by all requests.
pub(crate) struct Gateway {
    pub(crate) broker: Arc<Broker>,
    pub(crate) upstream: Upstream,
    pub(crate) budget: BodyBudget,
    pub(crate) hosts: AllowedHosts,
    pub(crate) instance: InstanceSecret,
    pub(crate) config: Config,
}
