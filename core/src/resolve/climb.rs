//! Going through a chain, rung by rung, the strongest first: what fills a header, and what becomes of the rest.

use crate::inert::inert_line;
use crate::token::{Family, redact};

use super::payer::{self, Destination, Payer, PayerClass};
use super::place::Place;
use super::reading::{Blanks, Flaw, Reading};
use super::rung::{Fills, Header, Method, PassedOver, Rung, Slot, State};
use super::variables::{Found, Variables};

/// Longer hints are no hints.
const LONGEST_HINT: usize = 64;

/// A chain that is being gone through.
pub(super) struct Climb<'a> {
    pub(super) rungs: Vec<Rung>,
    pub(super) x_api_key: Option<Filled<'a>>,
    pub(super) authorization: Option<Filled<'a>>,
    pub(super) destination: Destination,
    /// The switch that hands everything to a cloud account.
    pub(super) cloud: Option<(Place, Payer)>,
    /// What keeps the client from everything that counts only where no header is filled.
    pub(super) barred: Option<String>,
    /// Whether the client takes the request for one with an OAuth token.
    pub(super) is_oauth: bool,
    /// What makes the client fail.
    pub(super) broken: Option<(Place, Flaw)>,
    /// The headers a broken value keeps for itself.
    broken_in: Vec<Header>,
}

/// A filled header.
pub(super) struct Filled<'a> {
    pub(super) slot: Slot,
    /// The value, where it is known beforehand.
    pub(super) value: Option<&'a str>,
    /// Who would pay if it were alone.
    pub(super) payer: Payer,
}

/// One place at which a client looks.
pub(super) struct Candidate<'a> {
    pub(super) method: Method,
    pub(super) place: Place,
    pub(super) holds: Holds<'a>,
    pub(super) passed_over: Option<PassedOver>,
}

/// What a place holds.
#[derive(Clone, Copy)]
pub(super) enum Holds<'a> {
    Nothing,
    Empty,
    /// A value that is known.
    Known(&'a str),
    /// A value that comes to light only when it is fetched.
    Fetched,
    Broken(Flaw),
}

/// What passes a rung over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum YieldsTo {
    /// Its own header being filled.
    SameHeader,
    /// Either header being filled.
    AnyHeader,
}

impl<'a> Climb<'a> {
    pub(super) fn new(destination: Destination) -> Self {
        Self {
            rungs: Vec::new(),
            x_api_key: None,
            authorization: None,
            destination,
            cloud: None,
            barred: None,
            is_oauth: false,
            broken: None,
            broken_in: Vec::new(),
        }
    }

    /// Goes through the places of one method, the strongest first. The first that is set decides for the method.
    pub(super) fn step(
        &mut self,
        candidates: Vec<Candidate<'a>>,
        fills: Fills,
        yields_to: YieldsTo,
    ) {
        let mut decided: Option<String> = None;
        for candidate in candidates {
            let would_pay = self.alone(&candidate, fills);
            let state = match (candidate.passed_over, candidate.holds, &decided) {
                (_, Holds::Nothing, _) => State::Absent,
                (Some(because), _, _) => State::NotRead { because },
                (None, _, Some(by)) => State::Shadowed { by: by.clone() },
                (None, _, None) => {
                    decided = Some(candidate.place.to_string());
                    self.take(&candidate, fills, yields_to)
                }
            };
            self.rungs.push(Rung {
                method: candidate.method,
                place: candidate.place,
                state,
                would_pay,
            });
        }
    }

    fn take(&mut self, candidate: &Candidate<'a>, fills: Fills, yields_to: YieldsTo) -> State {
        let holds = candidate.holds;
        let free = match holds {
            Holds::Nothing => return State::Absent,
            Holds::Empty => return State::Empty,
            Holds::Known(_) | Holds::Fetched | Holds::Broken(_) => {
                match self.free(fills, yields_to) {
                    Ok(free) => free,
                    Err(by) => return State::Shadowed { by },
                }
            }
        };
        match holds {
            Holds::Nothing => State::Absent,
            Holds::Empty => State::Empty,
            Holds::Broken(flaw) => {
                self.broken_in.extend(headers(free));
                self.broken
                    .get_or_insert_with(|| (candidate.place.clone(), flaw));
                State::Broken(flaw)
            }
            Holds::Known(value) => {
                self.fill(candidate, Some(value), free);
                State::Taken { fills: free }
            }
            Holds::Fetched => {
                self.fill(candidate, None, free);
                State::Taken { fills: free }
            }
        }
    }

    /// The headers that are still to be filled, or what stands in the way.
    fn free(&self, fills: Fills, yields_to: YieldsTo) -> Result<Fills, String> {
        if let Some((switch, _)) = &self.cloud {
            return Err(switch.to_string());
        }
        if let (YieldsTo::AnyHeader, Some(by)) = (yields_to, &self.barred) {
            return Err(by.clone());
        }
        let (key, bearer) = (
            self.taken_by(Header::XApiKey),
            self.taken_by(Header::Authorization),
        );
        match (yields_to, fills, key, bearer) {
            (YieldsTo::AnyHeader, _, Some(by), _)
            | (YieldsTo::AnyHeader, _, None, Some(by))
            | (YieldsTo::SameHeader, Fills::XApiKey, Some(by), _)
            | (YieldsTo::SameHeader, Fills::Authorization, _, Some(by))
            | (YieldsTo::SameHeader, Fills::Both, Some(by), Some(_)) => Err(by),
            (YieldsTo::SameHeader, Fills::Both, Some(_), None) => Ok(Fills::Authorization),
            (YieldsTo::SameHeader, Fills::Both, None, Some(_)) => Ok(Fills::XApiKey),
            (_, fills, _, _) => Ok(fills),
        }
    }

    /// What has a header. A broken value keeps its place.
    fn taken_by(&self, header: Header) -> Option<String> {
        let filled = match header {
            Header::XApiKey => &self.x_api_key,
            Header::Authorization => &self.authorization,
        };
        let broken = self
            .broken
            .as_ref()
            .filter(|_| self.broken_in.contains(&header));
        filled
            .as_ref()
            .map(|filled| filled.slot.place.to_string())
            .or_else(|| broken.map(|(place, _)| place.to_string()))
    }

    /// Puts a value in the place of whatever fills a header.
    pub(super) fn replace(&mut self, candidate: Candidate<'a>, header: Header, value: &'a str) {
        let by = candidate.place.to_string();
        for rung in &mut self.rungs {
            rung.state = match &rung.state {
                State::Taken { fills } if fills.include(header) => match (fills, header) {
                    (Fills::Both, Header::XApiKey) => State::Taken {
                        fills: Fills::Authorization,
                    },
                    (Fills::Both, Header::Authorization) => State::Taken {
                        fills: Fills::XApiKey,
                    },
                    (Fills::XApiKey | Fills::Authorization, _) => {
                        State::Shadowed { by: by.clone() }
                    }
                },
                state => state.clone(),
            };
        }
        let was_oauth = self.is_oauth;
        self.fill(&candidate, Some(value), header.into());
        self.is_oauth = was_oauth;
        self.rungs.push(Rung {
            would_pay: self.alone(&candidate, header.into()),
            method: candidate.method,
            place: candidate.place,
            state: State::Taken {
                fills: header.into(),
            },
        });
    }

    /// Fills headers that are free.
    fn fill(&mut self, candidate: &Candidate<'a>, value: Option<&'a str>, fills: Fills) {
        self.is_oauth |= candidate.method.adds_oauth_beta();
        for header in headers(fills) {
            // Nothing between blanks is sent as nothing.
            let known = value.filter(|value| !value.is_empty());
            let family = known.map(Family::of);
            let hint = value.map(|value| match known {
                Some(_) => inert_line(&redact(value), LONGEST_HINT).into_owned(),
                None => "(empty)".to_owned(),
            });
            let payer = match (value, known) {
                (Some(_), None) => payer::likely(PayerClass::Nobody),
                _ => payer::alone(candidate.method, family, header, &self.destination),
            };
            let filled = Filled {
                slot: Slot {
                    method: candidate.method,
                    place: candidate.place.clone(),
                    family,
                    hint,
                },
                value,
                payer,
            };
            match header {
                Header::XApiKey => self.x_api_key = Some(filled),
                Header::Authorization => self.authorization = Some(filled),
            }
        }
    }

    fn alone(&self, candidate: &Candidate<'a>, fills: Fills) -> Option<Payer> {
        let header = if fills.include(Header::Authorization) {
            Header::Authorization
        } else {
            Header::XApiKey
        };
        let family = match candidate.holds {
            Holds::Nothing | Holds::Empty | Holds::Broken(_) => return None,
            Holds::Known(value) => Some(Family::of(value)),
            Holds::Fetched => None,
        };
        Some(payer::alone(
            candidate.method,
            family,
            header,
            &self.destination,
        ))
    }
}

impl<'a> Candidate<'a> {
    /// The places that set a variable, or the variable itself where nothing does.
    pub(super) fn of_variable(
        variables: &Variables<'a>,
        name: &'static str,
        method: Method,
        blanks: Blanks,
    ) -> Vec<Self> {
        let mut candidates: Vec<_> = variables
            .all(name)
            .into_iter()
            .map(|found| Self::of_found(found, method, blanks))
            .collect();
        if candidates.is_empty() {
            candidates.push(Self {
                method,
                place: Place::Variable { name },
                holds: Holds::Nothing,
                passed_over: None,
            });
        }
        candidates
    }

    fn of_found(found: Found<'a>, method: Method, blanks: Blanks) -> Self {
        let holds = match found.value.map(|value| Reading::of(value, blanks)) {
            Err(flaw) | Ok(Reading::Broken(flaw)) => Holds::Broken(flaw),
            Ok(Reading::Empty) => Holds::Empty,
            Ok(Reading::Value(value)) => Holds::Known(value),
        };
        Self {
            method,
            place: found.place,
            holds,
            passed_over: found.passed_over,
        }
    }

    /// The same place, which the client does not look at.
    pub(super) fn passed_over(mut self, because: Option<PassedOver>) -> Self {
        self.passed_over = self.passed_over.or(because);
        self
    }
}

fn headers(fills: Fills) -> impl Iterator<Item = Header> {
    [Header::XApiKey, Header::Authorization]
        .into_iter()
        .filter(move |header| fills.include(*header))
}
