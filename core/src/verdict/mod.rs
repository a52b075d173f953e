//! What an answer means for the credential that was used, and what a person can do about it.
//!
//! Invariants: a verdict is read from structure before words, in this order: the envelope's `error_code`, then status,
//! type and wording, then headers, then the status alone (docs/facts.md#errors). An answer that is not the API's own
//! envelope never speaks against a credential; a header that is missing, unknown or garbage never makes a verdict
//! worse than its absence would. Each code has a page, `docs/answers/<code>.md`.

mod answer;
mod cloud;
mod codes;
mod health;
mod meanings;
mod plan;
mod rules;
mod times;

use std::fmt;

use jiff::Timestamp;

pub use answer::{ErrorAnswer, LONGEST_BODY};
pub use health::Health;
use meanings::Meaning;

/// What an answer does to a credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Effect {
    /// Nothing: all is well.
    None,
    /// Stop using it until a person replaces it.
    Dead,
    /// Renew it and ask once more; dead if the renewal fails.
    Refresh,
    /// A rule of the account or its licence refuses it; waiting does not help.
    Blocked,
    /// There is no money, and no known time when there will be.
    OutOfCredit,
    /// A spend limit, mostly with a date.
    SpentUntil,
    /// A rate or plan limit of all that the scope covers.
    CoolUntil,
    /// A plan limit of one model or family; other models still work.
    CoolModelUntil,
    /// Nothing to do with the credential: the same one again, after a pause.
    Transient,
    /// This credential cannot serve this request, but serves others.
    Feature,
    /// The caller's own affair: passed on.
    Request,
    /// A fault of the gateway itself.
    Config,
}

/// Whom the effect concerns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scope {
    /// Nobody.
    None,
    /// This request alone.
    Request,
    /// The credential.
    Credential,
    /// The credential, for the model asked for.
    CredentialModel,
    /// Every credential of the organization.
    Organization,
    /// Every credential of the organization, for one class of models.
    OrganizationModelClass,
    /// Every credential of the workspace.
    Workspace,
    /// An AWS account in one region, for the model asked for.
    AccountRegionModel,
    /// A Google project in one region, for the model asked for.
    ProjectRegionModel,
    /// The upstream as a whole.
    Upstream,
    /// The upstream, for the model asked for.
    UpstreamModel,
    /// The way to the upstream.
    Network,
    /// This gateway.
    Gateway,
}

/// What decided.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Evidence {
    /// The envelope's `error_code`.
    Code,
    /// Status, type and the wording of the message.
    Wording,
    /// Headers, by their presence or absence.
    Header,
    /// The status, with the envelope's bare type where there was one.
    Status,
    /// The shape of the body or a header that only one cloud sends.
    Shape,
    /// How a stream ended.
    Stream,
    /// That nobody answered.
    Silence,
    /// A text that a client program printed.
    ClientText,
}

/// Whether another credential may be served where this one was not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Another {
    /// It may.
    MayHelp,
    /// It would fare the same, or must not be tried.
    Useless,
}

/// What an answer means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub struct Verdict {
    meaning: &'static Meaning,
    effect: Effect,
    scope: Scope,
    until: Option<Timestamp>,
    evidence: Evidence,
    proof: Proof,
}

/// What stands behind a verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Proof {
    /// As much as its rule asks for.
    Full,
    /// Less than an answer of the API's own: it speaks against nobody.
    Weak,
}

/// A verdict's code, with what it tells a person: what is remembered of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Code(&'static Meaning);

impl Code {
    /// The code of this name.
    pub fn of(name: &str) -> Option<Self> {
        meanings::ALL
            .iter()
            .find(|meaning| meaning.code == name)
            .map(|meaning| Self(meaning))
    }

    /// The stable name, such as `out_of_credit`.
    pub fn name(self) -> &'static str {
        self.0.code
    }

    /// What a person can do, in a sentence.
    pub fn remedy(self) -> &'static str {
        self.0.remedy
    }

    /// Whether it is a rate or plan limit, which ends by itself.
    pub fn is_a_limit(self) -> bool {
        matches!(self.0.effect, Effect::CoolUntil | Effect::CoolModelUntil)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({})", self.name())
    }
}

impl Verdict {
    /// Judges an answer by its status, headers and body. `now` is when it was received. A 2xx is [`Verdict::ok`].
    pub fn of_error(answer: &ErrorAnswer<'_>, now: Timestamp) -> Self {
        answer::judge(answer, now)
    }

    /// Judges an answer whose body and headers nobody read. What would speak against the credential is
    /// [`Effect::Transient`] here, since the status alone proves nothing about who answered.
    pub fn of_status(status: u16) -> Self {
        Self::new(rules::by_status(status), Evidence::Status).unproven()
    }

    /// Judges a stream that began with 200, by whether it reached its last event and by the error in it, if one was.
    pub fn of_stream_end(complete: bool, error_type: Option<&str>, message: Option<&str>) -> Self {
        let Some(kind) = error_type else {
            let meaning = if complete {
                &meanings::OK
            } else {
                &meanings::CUT
            };
            return Self::new(meaning, Evidence::Stream);
        };
        let status = rules::status_of(kind);
        let worded = message.and_then(|message| rules::by_wording(status, kind, message));
        let meaning = worded.unwrap_or_else(|| rules::by_status(status));
        let verdict = Self::new(meaning, Evidence::Stream).unproven();
        // The event does not say that only one model is concerned.
        match verdict.scope {
            Scope::UpstreamModel => Self {
                scope: Scope::Upstream,
                ..verdict
            },
            _ => verdict,
        }
    }

    /// Judges a text that a client program printed, where it names a plan limit: `…usage limit reached|<epoch seconds>`.
    pub fn of_client_text(text: &str, now: Timestamp) -> Option<Self> {
        let seconds = text.strip_prefix("Claude AI usage limit reached|")?;
        let until = times::reset(seconds.trim(), now)?;
        Some(Self::new(&meanings::PLAN_TEXT, Evidence::ClientText).until_at(Some(until)))
    }

    /// Judges a request that nobody answered: no connection, or none that lasted until a status.
    pub fn no_answer() -> Self {
        Self::new(&meanings::NO_ANSWER, Evidence::Silence)
    }

    /// A profile's answer has the headers of a plan login: that is what it is, whatever it was declared.
    pub fn plan_behind_key() -> Self {
        Self::new(&meanings::PLAN_BEHIND_KEY, Evidence::Header)
    }

    /// One refusal too many that nobody explains.
    pub fn always_refused() -> Self {
        Self::new(&meanings::ALWAYS_REFUSED, Evidence::Status)
    }

    /// All is well.
    pub fn ok() -> Self {
        Self::new(&meanings::OK, Evidence::Status)
    }

    /// What follows for the credential.
    pub fn effect(self) -> Effect {
        self.effect
    }

    /// Whom it concerns.
    pub fn scope(self) -> Scope {
        self.scope
    }

    /// When the limit ends, as far as the answer says; never before it was received nor more than [`FARTHEST`](crate::limits::FARTHEST) after.
    pub fn until(self) -> Option<Timestamp> {
        self.until
    }

    /// What a person can do, in a sentence.
    pub fn remedy(self) -> &'static str {
        self.meaning.remedy
    }

    /// The stable name, such as `out_of_credit`: what the ledger stores and the page in `docs/answers` is called.
    pub fn code(self) -> &'static str {
        self.meaning.code
    }

    /// The code, to be remembered.
    pub fn known(self) -> Code {
        Code(self.meaning)
    }

    /// The code, as the ledger has it.
    pub fn name(self) -> &'static str {
        self.code()
    }

    /// What decided.
    pub fn evidence(self) -> Evidence {
        self.evidence
    }

    /// Whether another credential may be served.
    pub fn another(self) -> Another {
        self.meaning.another
    }

    /// Whether the API itself refused it with a 403, and neither a code nor known words say why.
    pub fn is_unexplained_refusal(self) -> bool {
        *self.meaning == meanings::PERMISSION && self.proof == Proof::Full
    }

    /// Every code there is, each once.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        meanings::ALL.iter().map(|meaning| meaning.code)
    }

    /// What to do about a credential whose last answer had this code; none where it may be used again by itself.
    pub fn remedy_where_dead(code: &str) -> Option<&'static str> {
        let meaning = meanings::ALL.iter().find(|meaning| meaning.code == code)?;
        match meaning.effect {
            Effect::Dead | Effect::Blocked | Effect::OutOfCredit => Some(meaning.remedy),
            Effect::None
            | Effect::Refresh
            | Effect::SpentUntil
            | Effect::CoolUntil
            | Effect::CoolModelUntil
            | Effect::Transient
            | Effect::Feature
            | Effect::Request
            | Effect::Config => None,
        }
    }

    fn new(meaning: &'static Meaning, evidence: Evidence) -> Self {
        Self {
            meaning,
            effect: meaning.effect,
            scope: meaning.scope,
            until: None,
            evidence,
            proof: Proof::Full,
        }
    }

    fn until_at(self, until: Option<Timestamp>) -> Self {
        Self { until, ..self }
    }

    /// Takes back what only the API's own envelope may say of a credential.
    fn unproven(self) -> Self {
        let effect = match self.effect {
            Effect::Dead | Effect::Blocked | Effect::OutOfCredit | Effect::Refresh => {
                Effect::Transient
            }
            effect => effect,
        };
        Self {
            effect,
            proof: Proof::Weak,
            ..self
        }
    }
}
