//! Health of profiles: read before each lease, updated by observations of its response.
//!
//! Invariants: if every scope is ready, nothing is looked up and nothing is written; a half-open scope's probe slot is
//! granted only after its claim is committed, and only its holder releases it; observations about a replaced secret are
//! ignored.

use std::sync::Arc;

use jiff::Timestamp;
use keyreeve_core::health::{
    self, Health, HealthInput, HealthScope, HealthScopes, Jitter, Organization, Readiness,
    RequestClass, SecretStorage, UpstreamOutcome,
};
use keyreeve_core::origin::Origin;
use keyreeve_core::profile::{Profile, ProfileId, Source};
use keyreeve_core::verdict::Verdict;
use keyreeve_os::system;
use keyreeve_store::{HealthChange, HealthStates, LeaseSnapshot, Operation};
use tokio::sync::oneshot;

use crate::Broker;

/// An attempt, with everything that its profile's health depends on.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    profile: Arc<Profile>,
    scopes: HealthScopes,
    pub(crate) leased_at: Timestamp,
    /// Scopes whose probe slot it holds, or may hold.
    claimed: Vec<HealthScope>,
    /// `true` if everything was ready at the lease: then a success changes nothing.
    all_was_ready: bool,
    /// The kind of credential that the response headers show, whatever the verdict.
    credential_kind: CredentialKind,
}

/// Generation of a profile's secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Generation {
    pub(crate) profile: ProfileId,
    /// Time of the rotation; `None` for the first secret.
    rotated_at: Option<Timestamp>,
}

/// Kind of a credential, as shown by response headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum CredentialKind {
    /// As declared by its profile.
    AsDeclared,
    /// A plan login, which must not be leased (docs/facts.md#rate-limits).
    Plan,
}

/// Observation of an attempt's result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation<'a> {
    pub(crate) verdict: Verdict,
    pub(crate) status: Option<u16>,
    /// The organization named in the response.
    pub(crate) organization: Option<&'a str>,
}

/// A queued change; resolves when it is stored.
pub(crate) type Pending = oneshot::Receiver<StoreResult<HealthChange>>;

type StoreResult<T> = Result<T, keyreeve_store::StoreError>;

/// Request class and time of a request.
#[derive(Clone, Debug)]
pub(crate) struct RequestInfo {
    /// The class of requests that share its limits; `None` if it names no model.
    pub(crate) class: Option<RequestClass>,
    pub(crate) at: Timestamp,
}

impl RequestInfo {
    pub(crate) fn new(operation: Operation, model: Option<&str>, at: Timestamp) -> Self {
        let class = match operation {
            Operation::Messages => model.and_then(RequestClass::from_model),
            Operation::CountTokens => Some(RequestClass::count_tokens()),
            Operation::Models => Some(RequestClass::models()),
            // Used by pass-through only, which does not affect health.
            Operation::Account => None,
        };
        Self { class, at }
    }
}

impl Generation {
    fn current(profile: &Profile) -> Self {
        Self {
            profile: profile.id,
            rotated_at: profile.rotated_at,
        }
    }

    /// Returns `true` if a newer secret exists. An observation about this one does not apply to the newer one, which
    /// may belong to another organization.
    fn is_replaced(self, snapshot: &LeaseSnapshot) -> bool {
        let profile = snapshot.policy.profile(self.profile);
        profile.is_some_and(|profile| Self::current(profile) != self)
    }
}

impl Attempt {
    pub(crate) fn new(profile: &Arc<Profile>, info: &RequestInfo, health: &HealthStates) -> Self {
        Self {
            profile: Arc::clone(profile),
            scopes: HealthScopes {
                profile: profile.id,
                organization: health.organization(profile.id).cloned(),
                class: info.class.clone(),
            },
            leased_at: info.at,
            claimed: Vec::new(),
            all_was_ready: health.all_ready(),
            credential_kind: CredentialKind::AsDeclared,
        }
    }

    pub(crate) fn origin(&self) -> &Origin {
        self.profile.base_url.origin()
    }

    /// Returns the storage of the secret; a fetched one may be refreshed by its source.
    pub(crate) fn secret_storage(&self) -> SecretStorage {
        secret_storage(&self.profile.source)
    }

    fn generation(&self) -> Generation {
        Generation::current(&self.profile)
    }

    /// Returns the class of requests that share its limits.
    pub(crate) fn class(&self) -> Option<&RequestClass> {
        self.scopes.class.as_ref()
    }

    /// Marks the credential as a plan login, because the response has the headers of one.
    pub(crate) fn mark_plan(&mut self) {
        self.credential_kind = CredentialKind::Plan;
    }

    /// Returns `true` if a response of this organization cannot change the stored health.
    fn is_unchanged_by(&self, verdict: Verdict, organization: Option<&Organization>) -> bool {
        let is_known = organization.is_none() || organization == self.scopes.organization.as_ref();
        let is_as_declared = self.credential_kind == CredentialKind::AsDeclared;
        self.all_was_ready && is_known && is_as_declared && verdict == Verdict::ok()
    }
}

fn secret_storage(source: &Source) -> SecretStorage {
    match source {
        Source::Sealed => SecretStorage::Sealed,
        Source::Environment { .. }
        | Source::File { .. }
        | Source::Command { .. }
        | Source::SdkProfile { .. }
        | Source::Ant { .. }
        | Source::ClaudeLogin { .. } => SecretStorage::Fetched,
    }
}

impl Broker {
    /// Returns a profile's readiness for an attempt: circuit breakers and health combined.
    pub(crate) fn readiness(&self, attempt: &Attempt, states: &HealthStates) -> Readiness {
        let upstream = self.circuit_breakers.readiness(attempt);
        if attempt.all_was_ready {
            return upstream;
        }
        let scopes = attempt.scopes.all();
        let by_scope = scopes
            .iter()
            .map(|scope| health::readiness(&states.get(scope), attempt.leased_at));
        health::combine(by_scope.chain([upstream]))
    }

    /// Claims the probe slot of every half-open scope. Returns `false` if another request holds one; the caller then
    /// releases those that were claimed.
    ///
    /// # Errors
    /// If the claim cannot be committed.
    pub(crate) async fn claim(
        &self,
        attempt: &mut Attempt,
        states: &HealthStates,
    ) -> StoreResult<bool> {
        let now = attempt.leased_at;
        if !self.circuit_breakers.claim(attempt) {
            return Ok(false);
        }
        for scope in attempt.scopes.all() {
            if health::claim_probe(&states.get(&scope), now).is_none() {
                continue;
            }
            // Recorded before the commit: a client that disconnects in between may hold the slot.
            attempt.claimed.push(scope.clone());
            let claimed = self.queue_change(scope, move |before| {
                health::claim_probe(&before, now).unwrap_or(before)
            })?;
            let Ok(changed) = claimed.await else {
                return Err(keyreeve_store::StoreError::Closed);
            };
            let changed = changed?;
            if changed.before == changed.after {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Releases the probe slots that an attempt has claimed so far.
    pub(crate) fn release_probes(&self, attempt: &mut Attempt) -> Vec<Pending> {
        self.circuit_breakers.release_probes(attempt);
        let claimed_at = attempt.leased_at;
        let release = |scope| {
            let step = move |before| health::release_probe(before, claimed_at);
            // A closed store has no other requests to release it to.
            self.queue_change(scope, step).ok()
        };
        attempt.claimed.drain(..).filter_map(release).collect()
    }

    /// Returns `true` if a response showed the profile to be a plan login; `false` if the store, which also has its
    /// secret, cannot be read.
    pub(crate) fn is_detected_plan(&self, profile: &Profile) -> bool {
        let snapshot = self.store.lease_snapshot();
        snapshot.is_ok_and(|snapshot| is_detected_plan(&snapshot.health, profile.id))
    }

    /// Applies an observation of an attempt. Its changes are queued to the store when this returns.
    pub(crate) fn observe(
        &self,
        attempt: &mut Attempt,
        observation: Observation<'_>,
    ) -> Vec<Pending> {
        let now = system::now();
        let outcome = UpstreamOutcome::from_verdict(observation.verdict, observation.status);
        self.circuit_breakers.observe(attempt, outcome, now);
        let organization = organization(attempt.origin(), observation.organization);
        if self.refusals.is_clear()
            && attempt.is_unchanged_by(observation.verdict, organization.as_ref())
        {
            return Vec::new();
        }
        let Ok(snapshot) = self.store.lease_snapshot() else {
            // The next lease fails with the store's error.
            return Vec::new();
        };
        if attempt.generation().is_replaced(&snapshot) {
            return self.release_probes(attempt);
        }
        let verdict = self.verdict_for_credential(attempt, observation.verdict);
        let mut scopes = attempt.scopes.clone();
        if let Some(organization) = organization {
            if snapshot.health.organization(scopes.profile) != Some(&organization) {
                // A closed store needs no organization.
                self.store
                    .queue_organization(scopes.profile, organization.clone())
                    .ok();
            }
            scopes.organization = Some(organization);
        }
        let input = HealthInput {
            verdict,
            leased_at: attempt.leased_at,
            storage: attempt.secret_storage(),
            jitter: Jitter(system::random_for_id::<1>().map_or(0, |[byte]| byte)),
        };
        affected_scopes(&scopes, verdict, &snapshot.health)
            .into_iter()
            .filter(|scope| {
                let before = snapshot.health.get(scope);
                health::transition(before, &input, now) != before
            })
            .filter_map(|scope| {
                log(&scope, &snapshot, verdict);
                let step = move |before| health::transition(before, &input, now);
                self.queue_change(scope, step).ok()
            })
            .collect()
    }

    /// Returns the verdict for the credential: stricter than the response's own if the response shows a plan login or
    /// is one unexplained refusal too many.
    fn verdict_for_credential(&self, attempt: &Attempt, verdict: Verdict) -> Verdict {
        match attempt.credential_kind {
            CredentialKind::Plan => Verdict::plan_behind_key(),
            CredentialKind::AsDeclared => {
                self.refusals
                    .observe(attempt.generation(), attempt.class(), verdict)
            }
        }
    }

    fn queue_change(
        &self,
        scope: HealthScope,
        step: impl Fn(Health) -> Health + Send + 'static,
    ) -> StoreResult<Pending> {
        let (sender, pending) = oneshot::channel();
        self.store.queue_health(scope, step, move |changed| {
            if let Err(error) = &changed {
                tracing::warn!(%error, "cannot store a health change");
            }
            // The receiver is dropped at the end of a stream.
            sender.send(changed).ok();
        })?;
        Ok(pending)
    }
}

/// Returns `true` if a response showed the profile to be a plan login and the user has not resumed it since.
pub(crate) fn is_detected_plan(health: &HealthStates, profile: ProfileId) -> bool {
    let credential = health.get(&HealthScope::Credential(profile));
    let code = credential.reason().map(|reason| reason.code);
    code == Some(Verdict::plan_behind_key().to_code())
}

/// Logs a health change caused by a response.
fn log(scope: &HealthScope, snapshot: &LeaseSnapshot, verdict: Verdict) {
    let (profile, organization) = match scope {
        HealthScope::Credential(id) | HealthScope::CredentialClass(id, _) => (Some(*id), None),
        HealthScope::Organization(organization)
        | HealthScope::OrganizationClass(organization, _) => (None, Some(organization.id())),
    };
    let profile = profile.and_then(|id| snapshot.policy.profile(id));
    tracing::info!(
        scope = scope_name(scope),
        profile = profile.map(|profile| profile.name.as_str()),
        organization,
        class = scope_class(scope).map(tracing::field::display),
        verdict = verdict.code(),
        "health changed",
    );
}

pub(crate) fn scope_class(scope: &HealthScope) -> Option<&RequestClass> {
    match scope {
        HealthScope::Credential(_) | HealthScope::Organization(_) => None,
        HealthScope::CredentialClass(_, class) | HealthScope::OrganizationClass(_, class) => {
            Some(class)
        }
    }
}

pub(crate) fn scope_name(scope: &HealthScope) -> &'static str {
    match scope {
        HealthScope::Credential(_) | HealthScope::CredentialClass(..) => "credential",
        HealthScope::Organization(_) | HealthScope::OrganizationClass(..) => "organization",
    }
}

/// Returns the scopes that a verdict applies to: the one it names, or, for a success, all of the request's scopes.
fn affected_scopes(
    scopes: &HealthScopes,
    verdict: Verdict,
    states: &HealthStates,
) -> Vec<HealthScope> {
    match scopes.affected_by(verdict) {
        Some(scope) => vec![scope],
        None if states.all_ready() => Vec::new(),
        None => scopes.all(),
    }
}

fn organization(origin: &Origin, id: Option<&str>) -> Option<Organization> {
    Organization::new(origin, id?).ok()
}
