//! Which credential a client's next request would carry, header by header, and who would pay.
//!
//! Invariants: the result depends on the snapshot alone and never on the order in which it was gathered; no value is
//! ever repeated, only its family and its redacted form; every rung is listed with what became of it. Looked at is the
//! environment only: settings files, helpers, logins and profiles are not, yet.

mod chain;
mod client;
mod payer;
mod reading;

use std::fmt;

use crate::inert::inert_line;
use crate::snapshot::{Environment, Snapshot};
use crate::token::{Family, redact};

use self::chain::{Chain, Step, YieldsTo};
pub use self::client::{Client, PythonMajor, TypescriptMajor, UnknownClient};
use self::payer::{Carries, Destination, Request};
pub use self::payer::{Payer, PayerClass, Sureness};
pub use self::reading::Flaw;
use self::reading::{Reading, Switch};

/// Longer hints are no hints.
const LONGEST_HINT: usize = 64;

/// What a client's next request would carry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolution {
    /// Whose request.
    pub client: Client,
    /// What would go out as `x-api-key`.
    pub x_api_key: Option<Slot>,
    /// What would go out as `Authorization: Bearer`.
    pub authorization: Option<Slot>,
    /// `ANTHROPIC_BASE_URL` as seen, but without a user name and password, and made inert.
    pub base_url: Option<String>,
    /// Who would pay.
    pub payer: Payer,
    /// Every rung of the client's chain, the strongest first.
    pub rungs: Vec<Rung>,
    headline: String,
}

/// A header that would be filled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slot {
    /// The variable it is filled from.
    pub variable: &'static str,
    /// The family the value's prefix names.
    pub family: Family,
    /// The value as [`redact`] shows it.
    pub hint: String,
}

/// One rung of a chain, and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rung {
    /// What kind of rung.
    pub method: Method,
    /// The variable it looks at.
    pub variable: &'static str,
    /// What became of it.
    pub state: State,
}

/// A kind of rung.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Method {
    /// A switch that hands everything to a cloud account.
    Cloud,
    /// An API key.
    ApiKey,
    /// A bearer token.
    AuthToken,
    /// An OAuth access token.
    OauthToken,
}

/// What became of a rung.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It fills a header.
    Taken {
        /// Which.
        header: Header,
    },
    /// It is a switch that is on: the client uses a cloud account, and no header is filled from here.
    On,
    /// It is a switch that is set, but off.
    Off,
    /// It is set, but something stronger is in its place.
    Shadowed {
        /// The variable that is stronger.
        by: &'static str,
    },
    /// The variable is not set.
    Absent,
    /// The variable is set to nothing, which counts as not set.
    Empty,
    /// The value cannot be sent. The client fails rather than look further.
    Broken(Flaw),
}

/// A header that carries a credential.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Header {
    /// `x-api-key`
    XApiKey,
    /// `Authorization: Bearer`
    Authorization,
}

impl Resolution {
    /// Who would pay, in one plain sentence without a full stop.
    pub fn headline(&self) -> &str {
        &self.headline
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::XApiKey => "x-api-key",
            Self::Authorization => "authorization",
        })
    }
}

/// Finds out what the client's next request would carry if it were started with this environment.
pub fn resolve(snapshot: &Snapshot, client: Client) -> Resolution {
    let chain = Chain::of(client);
    let environment = &snapshot.environment;
    let rungs = climb(chain, environment);
    let key = value_in(Header::XApiKey, &rungs, chain, environment);
    let bearer = value_in(Header::Authorization, &rungs, chain, environment);
    let carries = match (key, bearer) {
        (Some((_, key)), Some((_, bearer))) if key != bearer => Carries::TwoCredentials,
        _ => Carries::OneCredential,
    };
    let (x_api_key, authorization) = (key.map(slot), bearer.map(slot));
    let destination = Destination::of(environment);
    let (payer, headline) = Request {
        client,
        x_api_key: x_api_key.as_ref(),
        authorization: authorization.as_ref(),
        carries,
        destination: &destination,
        rungs: &rungs,
        environment,
    }
    .judge();
    let base_url = destination.shown().map(str::to_owned);
    Resolution {
        client,
        x_api_key,
        authorization,
        base_url,
        payer,
        rungs,
        headline,
    }
}

/// Goes through the chain, the strongest rung first.
fn climb(chain: &Chain, environment: &Environment) -> Vec<Rung> {
    let mut rungs = cloud_rungs(chain, environment);
    for step in chain.steps {
        let state = state_of(step, chain, environment, &rungs);
        rungs.push(Rung {
            method: step.method,
            variable: step.variable,
            state,
        });
    }
    rungs
}

/// The first switch that is on decides; the others are shadowed by it.
fn cloud_rungs(chain: &Chain, environment: &Environment) -> Vec<Rung> {
    let switches = chain
        .cloud_switches
        .iter()
        .map(|switch| (*switch, Switch::of(environment, switch)));
    let deciding = switches
        .clone()
        .find(|(_, state)| state.is_on())
        .map(|(switch, _)| switch);
    let rung = |(variable, switch): (&'static str, Switch)| {
        let state = match (switch, deciding) {
            (Switch::Absent, _) => State::Absent,
            (Switch::Off, _) => State::Off,
            (Switch::On | Switch::PerhapsOn, Some(by)) if by != variable => State::Shadowed { by },
            (Switch::On | Switch::PerhapsOn, _) => State::On,
        };
        Rung {
            method: Method::Cloud,
            variable,
            state,
        }
    };
    switches.map(rung).collect()
}

/// What becomes of a step, given what became of the stronger rungs.
fn state_of(step: &Step, chain: &Chain, environment: &Environment, stronger: &[Rung]) -> State {
    let state = match Reading::of(environment, step.variable, chain.blanks) {
        Reading::Absent => return State::Absent,
        Reading::Empty => return State::Empty,
        Reading::Value(_) => State::Taken { header: step.fills },
        Reading::Broken(flaw) => State::Broken(flaw),
    };
    let unread = step
        .unread_under
        .filter(|switch| Switch::of(environment, switch).is_on());
    let by = unread.or_else(|| {
        let winner = stronger
            .iter()
            .find(|rung| is_in_the_way(rung, step, chain))?;
        Some(winner.variable)
    });
    by.map_or(state, |by| State::Shadowed { by })
}

/// Whether a stronger rung has the place that the step would take. A broken value keeps its place.
fn is_in_the_way(stronger: &Rung, step: &Step, chain: &Chain) -> bool {
    let header = match stronger.state {
        State::On => return true,
        State::Taken { header } => Some(header),
        State::Broken(_) => chain
            .steps
            .iter()
            .find(|it| it.variable == stronger.variable)
            .map(|it| it.fills),
        State::Off | State::Shadowed { .. } | State::Absent | State::Empty => None,
    };
    match step.yields_to {
        YieldsTo::SameHeader => header == Some(step.fills),
        YieldsTo::AnyHeader => header.is_some(),
    }
}

/// The variable and the value that fill a header.
fn value_in<'a>(
    header: Header,
    rungs: &[Rung],
    chain: &Chain,
    environment: &'a Environment,
) -> Option<(&'static str, &'a str)> {
    let taken = State::Taken { header };
    let variable = rungs.iter().find(|rung| rung.state == taken)?.variable;
    match Reading::of(environment, variable, chain.blanks) {
        Reading::Value(value) => Some((variable, value)),
        Reading::Absent | Reading::Empty | Reading::Broken(_) => None,
    }
}

fn slot((variable, value): (&'static str, &str)) -> Slot {
    let hint = inert_line(&redact(value), LONGEST_HINT).into_owned();
    Slot {
        variable,
        family: Family::of(value),
        hint,
    }
}
