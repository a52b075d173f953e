//! How profiles stand: read before each lease, changed by what is heard of it.
//!
//! Invariants: where every scope is ready nothing is looked up and nothing is written; a probe is given out only after its
//! claim is committed, and only its holder gives it back; what is said of a secret that was replaced is not heard.

use jiff::Timestamp;
use keyreeve_core::origin::Origin;
use keyreeve_core::profile::{Profile, ProfileId, Source};
use keyreeve_core::standing::{
    self, Heard, Jitter, Kept, Organization, Outcome, Readiness, RequestClass, Scope, Scopes,
    Standing,
};
use keyreeve_core::verdict::Verdict;
use keyreeve_os::world;
use keyreeve_store::{Changed, Known, Operation, Standings};
use tokio::sync::oneshot;

use crate::{Broker, view};

/// An attempt, as standings see it.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    scopes: Scopes,
    pub(crate) origin: Origin,
    kept: Kept,
    generation: Generation,
    pub(crate) asked_at: Timestamp,
    /// Whose probes it has, or may have.
    claimed: Vec<Scope>,
    /// Whether all was ready when it was leased: then a success says nothing new.
    all_was_ready: bool,
    /// What the headers of its answer say of the credential, whatever the answer says.
    declared: Declared,
}

/// Which of a profile's secrets, one after the other, an attempt is made with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Generation {
    /// Whose it is.
    pub(crate) profile: ProfileId,
    /// When it replaced the one before; none: it is the first.
    rotated_at: Option<Timestamp>,
}

/// What a credential shows itself to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Declared {
    /// What its profile says.
    AsItIs,
    /// A plan login, which no profile that is leased may be (docs/facts.md#rate-limits).
    APlan,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Came<'a> {
    pub(crate) verdict: Verdict,
    pub(crate) status: Option<u16>,
    /// The organization that the answer names.
    pub(crate) organization: Option<&'a str>,
}

/// A change on its way to the store.
pub(crate) type Pending = oneshot::Receiver<StoreResult<Changed>>;

type StoreResult<T> = Result<T, keyreeve_store::Error>;

/// What is asked, and when.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// What has a limit in common with it; none where it names no model.
    class: Option<RequestClass>,
    pub(crate) at: Timestamp,
}

impl Asked {
    pub(crate) fn new(operation: Operation, model: Option<&str>, at: Timestamp) -> Self {
        let class = match operation {
            Operation::Messages => model.and_then(RequestClass::of_model),
            Operation::CountTokens => Some(RequestClass::count_tokens()),
            Operation::Models => Some(RequestClass::models()),
            // Asked by pass-through alone, which no standing hears of.
            Operation::Account => None,
        };
        Self { class, at }
    }

    /// What has a limit in common with it.
    pub(crate) fn class(&self) -> Option<&RequestClass> {
        self.class.as_ref()
    }
}

impl Generation {
    fn of(profile: &Profile) -> Self {
        Self {
            profile: profile.id,
            rotated_at: profile.rotated_at,
        }
    }

    /// Whether there is another by now: what is said of this one says nothing of that, which may be of another
    /// organization, too.
    fn was_replaced(self, known: &Known) -> bool {
        let profile = known.policy.profile(self.profile);
        profile.is_some_and(|profile| Self::of(profile) != self)
    }
}

impl Attempt {
    pub(crate) fn new(profile: &Profile, asked: &Asked, standings: &Standings) -> Self {
        Self {
            scopes: Scopes {
                profile: profile.id,
                organization: standings.organization(profile.id).cloned(),
                class: asked.class.clone(),
            },
            origin: profile.base_url.origin().clone(),
            kept: kept(&profile.source),
            generation: Generation::of(profile),
            asked_at: asked.at,
            claimed: Vec::new(),
            all_was_ready: standings.all_ready(),
            declared: Declared::AsItIs,
        }
    }

    /// Whether a refused secret can mend by itself.
    pub(crate) fn kept(&self) -> Kept {
        self.kept
    }

    /// What is asked has its minute limits in common with this.
    pub(crate) fn class(&self) -> Option<&RequestClass> {
        self.scopes.class.as_ref()
    }

    /// Takes in that the answer has the headers of a plan login.
    pub(crate) fn shows_a_plan(&mut self) {
        self.declared = Declared::APlan;
    }

    /// Whether an answer of an organization can change nothing that is remembered of standings.
    fn learns_nothing(&self, verdict: Verdict, organization: Option<&Organization>) -> bool {
        let known = organization.is_none() || organization == self.scopes.organization.as_ref();
        let as_it_is = self.declared == Declared::AsItIs;
        self.all_was_ready && known && as_it_is && verdict == Verdict::ok()
    }
}

fn kept(source: &Source) -> Kept {
    match source {
        Source::Sealed => Kept::Sealed,
        Source::Environment { .. }
        | Source::File { .. }
        | Source::Command { .. }
        | Source::SdkProfile { .. }
        | Source::Ant { .. }
        | Source::ClaudeLogin { .. } => Kept::Fetched,
    }
}

impl Broker {
    /// Whether a profile may be used for what is attempted.
    pub(crate) fn readiness(&self, attempt: &Attempt, standings: &Standings) -> Readiness {
        let upstream = self.circuits.readiness(attempt);
        if attempt.all_was_ready {
            return upstream;
        }
        let scopes = attempt.scopes.all();
        let own = scopes
            .iter()
            .map(|scope| standing::readiness(&standings.of(scope), attempt.asked_at));
        standing::combine(own.chain([upstream]))
    }

    /// Takes the probe of every scope that has one to give; whether all were had. Where not, those that were are given
    /// back by whoever asked.
    ///
    /// # Errors
    /// When the claim cannot be committed.
    pub(crate) async fn claim(
        &self,
        attempt: &mut Attempt,
        standings: &Standings,
    ) -> StoreResult<bool> {
        let now = attempt.asked_at;
        if !self.circuits.claim(attempt) {
            return Ok(false);
        }
        for scope in attempt.scopes.all() {
            if standing::claim(&standings.of(&scope), now).is_none() {
                continue;
            }
            // Before it is certain: who goes away meanwhile may have it all the same.
            attempt.claimed.push(scope.clone());
            let claimed = self.change(scope, move |standing| {
                standing::claim(&standing, now).unwrap_or(standing)
            })?;
            let Ok(changed) = claimed.await else {
                return Err(keyreeve_store::Error::Closed);
            };
            let changed = changed?;
            if changed.before == changed.after {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Gives back the probes that an attempt took, all of them or as far as it came.
    pub(crate) fn give_back(&self, attempt: &mut Attempt) -> Vec<Pending> {
        self.circuits.give_back(attempt);
        let claimed_at = attempt.asked_at;
        let give_back = |scope| {
            let step = move |standing| standing::give_back(standing, claimed_at);
            // Closed: there is nobody left to give it back to.
            self.change(scope, step).ok()
        };
        attempt.claimed.drain(..).filter_map(give_back).collect()
    }

    /// Whether an answer showed a profile to be a plan login; no where the store cannot be read, which has its secret too.
    pub(crate) fn has_shown_a_plan(&self, profile: &Profile) -> bool {
        let known = self.store.known();
        known.is_ok_and(|known| shown_a_plan(&known.standings, profile.id))
    }

    /// Takes in what came of an attempt. What it changes is on its way to the store when this returns.
    pub(crate) fn hear(&self, attempt: &mut Attempt, came: Came<'_>) -> Vec<Pending> {
        let now = world::now();
        let outcome = Outcome::of(came.verdict, came.status);
        self.circuits.hear(attempt, outcome, now);
        let named = named(&attempt.origin, came.organization);
        if self.refused.is_clear() && attempt.learns_nothing(came.verdict, named.as_ref()) {
            return Vec::new();
        }
        let Ok(known) = self.store.known() else {
            // The next lease will say that the store cannot be read.
            return Vec::new();
        };
        if attempt.generation.was_replaced(&known) {
            return self.give_back(attempt);
        }
        let verdict = self.for_the_credential(attempt, came.verdict);
        let mut scopes = attempt.scopes.clone();
        if let Some(named) = named {
            if known.standings.organization(scopes.profile) != Some(&named) {
                // Closed: there is nobody left to remember it for.
                self.store
                    .queue_organization(scopes.profile, named.clone())
                    .ok();
            }
            scopes.organization = Some(named);
        }
        let heard = Heard {
            verdict,
            asked_at: attempt.asked_at,
            kept: attempt.kept,
            jitter: Jitter(world::random::<1>().map_or(0, |[byte]| byte)),
        };
        concerned(&scopes, verdict, &known.standings)
            .into_iter()
            .filter(|scope| {
                let before = known.standings.of(scope);
                standing::step(before, &heard, now) != before
            })
            .filter_map(|scope| {
                log(&scope, &known, verdict);
                self.change(scope, move |before| standing::step(before, &heard, now))
                    .ok()
            })
            .collect()
    }

    /// What an answer means for the credential: more than it says, where it shows a plan or is one refusal too many.
    fn for_the_credential(&self, attempt: &Attempt, verdict: Verdict) -> Verdict {
        match attempt.declared {
            Declared::APlan => Verdict::plan_behind_key(),
            Declared::AsItIs => self
                .refused
                .hear(attempt.generation, attempt.class(), verdict),
        }
    }

    fn change(
        &self,
        scope: Scope,
        step: impl FnOnce(Standing) -> Standing + Send + 'static,
    ) -> StoreResult<Pending> {
        let (tell, told) = oneshot::channel();
        self.store.queue_standing(scope, step, move |changed| {
            if let Err(error) = &changed {
                tracing::warn!(%error, "a standing could not be remembered");
            }
            // Nobody waits for what is told at the end of a stream.
            tell.send(changed).ok();
        })?;
        Ok(told)
    }
}

/// Whether an answer showed a profile to be a plan login, and nobody has said otherwise since.
pub(crate) fn shown_a_plan(standings: &Standings, profile: ProfileId) -> bool {
    let standing = standings.of(&Scope::Credential(profile));
    let code = standing.why().map(|why| why.code);
    code == Some(Verdict::plan_behind_key().known())
}

/// The log event of a standing that an answer changes.
fn log(scope: &Scope, known: &Known, verdict: Verdict) {
    let (profile, organization) = match scope {
        Scope::Credential(id) | Scope::CredentialClass(id, _) => (Some(*id), None),
        Scope::Organization(named) | Scope::OrganizationClass(named, _) => (None, Some(named.id())),
    };
    let profile = profile.and_then(|id| known.policy.profile(id));
    tracing::info!(
        scope = view::scope_name(scope),
        profile = profile.map(|profile| profile.name.as_str()),
        organization,
        class = view::scope_class(scope).map(tracing::field::display),
        verdict = verdict.code(),
        "standing",
    );
}

/// What strikes a scope is told to it alone; what strikes none, such as a success, to all that the request stood under.
fn concerned(scopes: &Scopes, verdict: Verdict, standings: &Standings) -> Vec<Scope> {
    match scopes.struck(verdict) {
        Some(scope) => vec![scope],
        None if standings.all_ready() => Vec::new(),
        None => scopes.all(),
    }
}

fn named(origin: &Origin, organization: Option<&str>) -> Option<Organization> {
    Organization::new(origin, organization?).ok()
}
