//! Classifies a response: the verdict on the credential that was used, and the remedy.
//!
//! Invariants: structure is checked before wording, in this order: the envelope's `error_code`, then status, type and
//! wording, then headers, then the status alone (docs/facts.md#errors). A response that is not the API's own envelope
//! never counts against a credential; a header that is missing, unknown or garbage never makes a verdict worse than its
//! absence would. Each code has a page, `docs/responses/<code>.md`.

mod classify;
mod cloud;
mod codes;
mod credential_status;
mod effect;
mod meanings;
mod rate_limit_headers;
mod response;
mod rules;
mod times;

use std::fmt;

use jiff::Timestamp;

pub use credential_status::CredentialStatus;
pub use effect::VerdictEffect;
use meanings::Meaning;
pub use response::{ErrorResponse, MAX_ERROR_BODY_BYTES};

/// The scope that the effect applies to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum VerdictScope {
    /// No scope.
    None,
    /// This request only.
    Request,
    /// The credential.
    Credential,
    /// The credential, for the requested model.
    CredentialModel,
    /// Every credential of the organization.
    Organization,
    /// Every credential of the organization, for one class of models.
    OrganizationModelClass,
    /// Every credential of the workspace.
    Workspace,
    /// An AWS account in one region, for the requested model.
    AccountRegionModel,
    /// A Google project in one region, for the requested model.
    ProjectRegionModel,
    /// The upstream as a whole.
    Upstream,
    /// The upstream, for the requested model.
    UpstreamModel,
    /// The network path to the upstream.
    Network,
    /// This gateway.
    Gateway,
}

/// The part of a response that decided the verdict.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DecidedBy {
    /// The envelope's `error_code`.
    Code,
    /// Status, type and the wording of the message.
    Wording,
    /// Headers, by their presence or absence.
    Header,
    /// The status, with the envelope's type if there was one.
    Status,
    /// The shape of the body or a header that only one cloud sends.
    Shape,
    /// The end of a stream.
    Stream,
    /// The lack of a response.
    NoResponse,
    /// Text printed by a client program.
    ClientText,
}

/// The use of a failover to another credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Failover {
    /// Another credential may succeed.
    MayHelp,
    /// Another credential would fail as well, or must not be tried.
    Useless,
}

/// The meaning of a response for the credential that was used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub struct Verdict {
    meaning: &'static Meaning,
    effect: VerdictEffect,
    scope: VerdictScope,
    until: Option<Timestamp>,
    decided_by: DecidedBy,
    proof: Proof,
}

/// The strength of the evidence for a verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Proof {
    /// As strong as its rule requires.
    Full,
    /// Weaker than a response of the API itself: it does not count against the credential.
    Weak,
}

/// A verdict's code with its remedy: the stored part of a verdict.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerdictCode(&'static Meaning);

impl VerdictCode {
    /// Returns the code of this name.
    pub fn parse(name: &str) -> Option<Self> {
        meanings::ALL
            .iter()
            .find(|meaning| meaning.code == name)
            .map(|meaning| Self(meaning))
    }

    /// Returns the stable name, such as `out_of_credit`.
    pub fn name(self) -> &'static str {
        self.0.code
    }

    /// Returns the remedy, in a sentence.
    pub fn remedy(self) -> &'static str {
        self.0.remedy
    }

    /// Returns `true` for a rate limit or plan limit, which ends without user action.
    pub fn is_limit(self) -> bool {
        self.0.effect.is_limit()
    }
}

impl fmt::Debug for VerdictCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerdictCode({})", self.name())
    }
}

impl Verdict {
    /// Classifies a response by its status, headers and body. `now` is the time it was received. A 2xx is
    /// [`Verdict::ok`].
    pub fn from_response(response: &ErrorResponse<'_>, now: Timestamp) -> Self {
        classify::classify(response, now)
    }

    /// Classifies a response by its status alone, if headers and body were not read. A verdict against the credential
    /// becomes [`VerdictEffect::Transient`], since the status alone does not prove that the API itself responded.
    pub fn from_status(status: u16) -> Self {
        Self::new(rules::by_status(status), DecidedBy::Status).without_proof()
    }

    /// Classifies a stream that began with 200, by whether it reached its final event and by its error event, if any.
    pub fn from_stream_end(
        complete: bool,
        error_type: Option<&str>,
        message: Option<&str>,
    ) -> Self {
        let Some(kind) = error_type else {
            let meaning = if complete {
                &meanings::OK
            } else {
                &meanings::CUT
            };
            return Self::new(meaning, DecidedBy::Stream);
        };
        let status = rules::status_for_type(kind);
        let by_wording = message.and_then(|message| rules::by_wording(status, kind, message));
        let meaning = by_wording.unwrap_or_else(|| rules::by_status(status));
        let verdict = Self::new(meaning, DecidedBy::Stream).without_proof();
        // The event does not show whether only one model is affected.
        match verdict.scope {
            VerdictScope::UpstreamModel => Self {
                scope: VerdictScope::Upstream,
                ..verdict
            },
            _ => verdict,
        }
    }

    /// Classifies text printed by a client program, if it names a plan limit: `…usage limit reached|<epoch seconds>`.
    pub fn from_client_text(text: &str, now: Timestamp) -> Option<Self> {
        let seconds = text.strip_prefix("Claude AI usage limit reached|")?;
        let until = times::reset(seconds.trim(), now)?;
        Some(Self::new(&meanings::PLAN_TEXT, DecidedBy::ClientText).until_at(Some(until)))
    }

    /// Returns the verdict on a request without a response: no connection, or it closed before the status line.
    pub fn no_response() -> Self {
        Self::new(&meanings::NO_RESPONSE, DecidedBy::NoResponse)
    }

    /// Returns the verdict on a profile whose response has the headers of a plan login, whatever it was declared as.
    pub fn plan_behind_key() -> Self {
        Self::new(&meanings::PLAN_BEHIND_KEY, DecidedBy::Header)
    }

    /// Returns the verdict after too many consecutive unexplained 403s.
    pub(crate) fn always_refused() -> Self {
        Self::new(&meanings::ALWAYS_REFUSED, DecidedBy::Status)
    }

    /// Returns the verdict on a success.
    pub fn ok() -> Self {
        Self::new(&meanings::OK, DecidedBy::Status)
    }

    /// Returns the effect on the credential.
    pub fn effect(self) -> VerdictEffect {
        self.effect
    }

    /// Returns the scope it applies to.
    pub fn scope(self) -> VerdictScope {
        self.scope
    }

    /// Returns the end of the limit if the response names it: not before it was received, nor more than
    /// [`MAX_RESET_DISTANCE`](crate::limits::MAX_RESET_DISTANCE) after.
    pub fn until(self) -> Option<Timestamp> {
        self.until
    }

    /// Returns the remedy, in a sentence.
    pub fn remedy(self) -> &'static str {
        self.meaning.remedy
    }

    /// Returns the stable name, such as `out_of_credit`, used in the ledger and as the page name in `docs/responses`.
    pub fn code(self) -> &'static str {
        self.meaning.code
    }

    /// Returns the code to store.
    pub fn to_code(self) -> VerdictCode {
        VerdictCode(self.meaning)
    }

    /// Returns the part of the response that decided the verdict.
    pub fn decided_by(self) -> DecidedBy {
        self.decided_by
    }

    /// Returns whether a failover to another credential may help.
    pub fn failover(self) -> Failover {
        self.meaning.failover
    }

    /// Returns `true` for a 403 of the API itself for which neither a code nor known wording gives a reason.
    pub fn is_unexplained_refusal(self) -> bool {
        *self.meaning == meanings::PERMISSION && self.proof == Proof::Full
    }

    /// Returns every code once.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        meanings::ALL.iter().map(|meaning| meaning.code)
    }

    /// Returns the remedy for a credential whose last response had this code, or `None` if it becomes usable again
    /// without user action.
    pub fn remedy_if_unusable(code: &str) -> Option<&'static str> {
        let meaning = meanings::ALL.iter().find(|meaning| meaning.code == code)?;
        meaning.effect.needs_user().then_some(meaning.remedy)
    }

    fn new(meaning: &'static Meaning, decided_by: DecidedBy) -> Self {
        Self {
            meaning,
            effect: meaning.effect,
            scope: meaning.scope,
            until: None,
            decided_by,
            proof: Proof::Full,
        }
    }

    fn until_at(self, until: Option<Timestamp>) -> Self {
        Self { until, ..self }
    }

    /// Drops any effect that only the API's own envelope may have on a credential.
    fn without_proof(self) -> Self {
        let effect = if self.effect.needs_user() || self.effect.rejects_credential() {
            VerdictEffect::Transient
        } else {
            self.effect
        };
        Self {
            effect,
            proof: Proof::Weak,
            ..self
        }
    }
}
