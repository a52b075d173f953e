//! A limit observed for a profile, a login or a pass-through client.

use jiff::Timestamp;

use crate::limits::{Limit, LimitKind, LimitState, PlanWindow};
use crate::profile::ProfileId;
use crate::request_class::RequestClass;
use crate::virtual_key::KeyId;

/// The owner of a limit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LimitOwner {
    /// A profile, by its responses.
    Profile(ProfileId),
    /// Claude Code's own login, by its status line.
    ClaudeCode {
        /// The configuration directory, as an absolute path; `None` for the default one.
        config_dir: Option<String>,
    },
    /// The client's own login in pass-through, under this virtual key.
    PassThrough(KeyId),
}

/// A limit with its owner and its request class.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LimitObservation {
    /// The owner.
    pub owner: LimitOwner,
    /// The request class that shares it; `None` for a plan's windows, and if the request named no model.
    pub class: Option<RequestClass>,
    /// The reported limit.
    pub limit: Limit,
}

impl LimitObservation {
    /// Combines the limits reported for a request of `class` with their owner. A plan's windows have no class.
    pub fn from_limits(
        owner: &LimitOwner,
        class: Option<&RequestClass>,
        limits: Vec<Limit>,
    ) -> Vec<Self> {
        let observation = |limit: Limit| Self {
            owner: owner.clone(),
            class: class.filter(|_| limit.kind.is_per_class()).cloned(),
            limit,
        };
        limits.into_iter().map(observation).collect()
    }
}

/// Returns the tightest of several limits at `now`: a rejected one, else the one with the highest usage; `None` if
/// every figure is stale or missing. A plan's overage is not a limit of the plan.
pub fn tightest<'a>(
    limits: impl IntoIterator<Item = &'a LimitObservation>,
    now: Timestamp,
) -> Option<&'a LimitObservation> {
    let tightness = |LimitObservation { limit, .. }: &LimitObservation| {
        let is_rejected = limit.state == Some(LimitState::Rejected);
        (is_rejected, limit.used())
    };
    let is_relevant = |LimitObservation { limit, .. }: &&LimitObservation| {
        limit.kind != LimitKind::Plan(PlanWindow::Overage) && !limit.has_reset(now)
    };
    limits
        .into_iter()
        .filter(is_relevant)
        .filter(|observed| tightness(observed) != (false, None))
        .max_by_key(|observed| tightness(observed))
}
