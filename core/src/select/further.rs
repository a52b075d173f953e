//! What an attempt that brought nothing leaves to try.
//!
//! Invariants: a further attempt is made only where an answer says that it may help, never because it might; what was
//! refused to a profile is not asked of it again in the same request, but for a limit that is over and a secret that was
//! renewed; an upstream that fails is left for another upstream, not for another credential of the same.

use crate::origin::Origin;
use crate::profile::{Profile, ProfileId};
use crate::standing::Kept;
use crate::verdict::{Another, Effect, Scope, Verdict};

/// How many attempts a request has at the most.
pub const MOST_ATTEMPTS: u32 = 3;

/// An attempt that brought nothing to the client, and what may be tried after it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tried {
    /// With which profile.
    pub profile: ProfileId,
    /// At which upstream.
    pub origin: Origin,
    /// What may be tried.
    pub further: Further,
}

/// What may be tried after an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Further {
    /// Another credential; or the same one, once its limit is over.
    WhenItsLimitIsOver,
    /// The same credential once more, if its source has another by now; else another.
    WithItsSecretRenewed,
    /// Another credential.
    AnotherCredential,
    /// A credential of another upstream.
    AnotherUpstream,
}

/// How a profile may take part after what was tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    /// As if nothing had been tried.
    Whole,
    /// Once its limit is over, and not a moment before.
    WhenReady,
    /// At once, for its secret may be another.
    Renewed,
    /// Not in this request.
    Out,
    /// Not in this request, for its upstream alone.
    OutForItsUpstream,
}

impl Further {
    /// Says what may be tried after this answer; none where the answer stands. `status` is none where nobody answered.
    /// It is for the caller to see that nothing was produced that is billed, and that nothing has gone to the client.
    pub fn after(verdict: Verdict, status: Option<u16>, kept: Kept) -> Option<Self> {
        let of_credential = verdict.scope() == Scope::Credential;
        match (verdict.effect(), verdict.another(), kept) {
            (Effect::Dead | Effect::Refresh, _, Kept::Fetched) if of_credential => {
                Some(Self::WithItsSecretRenewed)
            }
            (Effect::CoolUntil | Effect::CoolModelUntil, Another::MayHelp, _) => {
                Some(Self::WhenItsLimitIsOver)
            }
            (_, Another::MayHelp, _) => Some(Self::AnotherCredential),
            (Effect::Transient, Another::Useless, _) => {
                is_the_upstreams(verdict.scope(), status).then_some(Self::AnotherUpstream)
            }
            (
                Effect::None
                | Effect::Dead
                | Effect::Refresh
                | Effect::Blocked
                | Effect::OutOfCredit
                | Effect::SpentUntil
                | Effect::CoolUntil
                | Effect::CoolModelUntil
                | Effect::Feature
                | Effect::Request
                | Effect::Config,
                Another::Useless,
                _,
            ) => None,
        }
    }
}

/// Whether an upstream fails whoever asks. Of what stands between it and us, that is so only where nobody answered, or
/// somebody said that it fails: an edge's other pages may be about this very request.
fn is_the_upstreams(scope: Scope, status: Option<u16>) -> bool {
    match scope {
        Scope::Upstream | Scope::UpstreamModel => true,
        Scope::Network => status.is_none_or(|status| status >= 500),
        Scope::None
        | Scope::Request
        | Scope::Credential
        | Scope::CredentialModel
        | Scope::Organization
        | Scope::OrganizationModelClass
        | Scope::Workspace
        | Scope::AccountRegionModel
        | Scope::ProjectRegionModel
        | Scope::Gateway => false,
    }
}

/// How a profile may take part after what was tried.
pub(super) fn part(tried: &[Tried], profile: &Profile) -> Part {
    let upstream_failed = |tried: &Tried| {
        tried.further == Further::AnotherUpstream && tried.origin == *profile.base_url.origin()
    };
    let own = |tried: &&Tried| tried.profile == profile.id;
    let its_last = tried.iter().rev().find(own).map(|tried| tried.further);
    let refused = tried
        .iter()
        .filter(own)
        .filter(|tried| tried.further == Further::WithItsSecretRenewed)
        .count();
    match its_last {
        Some(Further::AnotherCredential) => Part::Out,
        Some(Further::WithItsSecretRenewed) if refused > 1 => Part::Out,
        _ if tried.iter().any(upstream_failed) => Part::OutForItsUpstream,
        Some(Further::WithItsSecretRenewed) => Part::Renewed,
        Some(Further::WhenItsLimitIsOver) => Part::WhenReady,
        // Its own origin failed: that was said above.
        Some(Further::AnotherUpstream) => Part::OutForItsUpstream,
        None => Part::Whole,
    }
}
