//! Retry and failover rules after a failed attempt.
//!
//! Invariants: a request is retried only if the verdict shows that a retry may help, never on a guess; a profile that
//! refused a request is not retried in the same request, except after its limit is over or its secret was refreshed; an
//! upstream that fails is replaced by another upstream, not by another credential of the same upstream.

use crate::health::SecretStorage;
use crate::origin::Origin;
use crate::profile::{Profile, ProfileId};
use crate::verdict::{Failover, Verdict, VerdictEffect, VerdictScope};

/// Maximum number of attempts per request.
pub const MAX_ATTEMPTS: u32 = 3;

/// A failed attempt, from which nothing was sent to the client, and the retry allowed after it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FailedAttempt {
    /// The profile used.
    pub profile: ProfileId,
    /// The upstream used.
    pub origin: Origin,
    /// The allowed retry.
    pub retry_with: RetryWith,
}

/// The retry allowed after a failed attempt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RetryWith {
    /// Another credential, or the same one after its limit is over.
    AfterLimit,
    /// The same credential once more if its source now returns another secret; else another credential.
    RefreshedSecret,
    /// Another credential.
    OtherCredential,
    /// A credential of another upstream.
    OtherUpstream,
}

/// The eligibility of a profile after the failed attempts of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Eligibility {
    /// Eligible without conditions.
    Eligible,
    /// Eligible after its limit is over, not earlier.
    AfterLimit,
    /// Eligible immediately, since its secret may have been refreshed.
    RefreshedSecret,
    /// Not eligible in this request.
    Excluded,
    /// Not eligible in this request, only because its upstream failed.
    UpstreamExcluded,
}

impl RetryWith {
    /// Returns the retry allowed after this verdict, or `None` if the response is final. `status` is `None` if there
    /// was no response. The caller must ensure that no billed output was produced and that nothing was sent to the
    /// client.
    pub fn from_verdict(
        verdict: Verdict,
        status: Option<u16>,
        storage: SecretStorage,
    ) -> Option<Self> {
        let effect = verdict.effect();
        let may_be_refreshed = storage == SecretStorage::Fetched
            && verdict.scope() == VerdictScope::Credential
            && effect.rejects_credential();
        match verdict.failover() {
            _ if may_be_refreshed => Some(Self::RefreshedSecret),
            Failover::MayHelp if effect.is_limit() => Some(Self::AfterLimit),
            Failover::MayHelp => Some(Self::OtherCredential),
            Failover::Useless => (effect == VerdictEffect::Transient
                && is_upstream_failure(verdict.scope(), status))
            .then_some(Self::OtherUpstream),
        }
    }
}

/// Returns `true` if an upstream fails for every credential. For a network error that is only certain without a
/// response or with a 5xx: another page of a proxy or CDN may concern only this request.
fn is_upstream_failure(scope: VerdictScope, status: Option<u16>) -> bool {
    match scope {
        VerdictScope::Upstream | VerdictScope::UpstreamModel => true,
        VerdictScope::Network => status.is_none_or(|status| status >= 500),
        VerdictScope::None
        | VerdictScope::Request
        | VerdictScope::Credential
        | VerdictScope::CredentialModel
        | VerdictScope::Organization
        | VerdictScope::OrganizationModelClass
        | VerdictScope::Workspace
        | VerdictScope::AccountRegionModel
        | VerdictScope::ProjectRegionModel
        | VerdictScope::Gateway => false,
    }
}

/// Returns the eligibility of a profile after the failed attempts of a request.
pub(super) fn eligibility(failed_attempts: &[FailedAttempt], profile: &Profile) -> Eligibility {
    let upstream_failed = |failed: &FailedAttempt| {
        failed.retry_with == RetryWith::OtherUpstream && failed.origin == *profile.base_url.origin()
    };
    let with_profile = |failed: &&FailedAttempt| failed.profile == profile.id;
    let last = failed_attempts
        .iter()
        .rev()
        .find(with_profile)
        .map(|failed| failed.retry_with);
    let rejections = failed_attempts
        .iter()
        .filter(with_profile)
        .filter(|failed| failed.retry_with == RetryWith::RefreshedSecret)
        .count();
    match last {
        Some(RetryWith::OtherCredential) => Eligibility::Excluded,
        Some(RetryWith::RefreshedSecret) if rejections > 1 => Eligibility::Excluded,
        _ if failed_attempts.iter().any(upstream_failed) => Eligibility::UpstreamExcluded,
        Some(RetryWith::RefreshedSecret) => Eligibility::RefreshedSecret,
        Some(RetryWith::AfterLimit) => Eligibility::AfterLimit,
        // Its own origin failed, which the arm above already covers.
        Some(RetryWith::OtherUpstream) => Eligibility::UpstreamExcluded,
        None => Eligibility::Eligible,
    }
}
