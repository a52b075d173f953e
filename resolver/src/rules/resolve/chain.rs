//! Walks a client's chain step by step, in order of precedence, and records which step fills a header and why others do
//! not.

use keyreeve_core::sanitize::sanitize_line;
use keyreeve_core::token::{Family, redact};

use super::destination::{RequestDestination, single_credential};
use super::location::Location;
use super::parsed_value::{Flaw, HeaderPrefix, ParsedValue, ValueSyntax};
use super::payer::{Payer, PayerClass, likely};
use super::step::{
    ChainStep, CredentialHeader, FilledHeaders, Method, SkipReason, Slot, StepState,
};
use super::variables::{SetVariable, Variables};

/// The maximum length of a hint, in characters.
const MAX_HINT_CHARS: usize = 64;

/// The state of a walk along a chain.
pub(super) struct ChainWalk<'a> {
    pub(super) steps: Vec<ChainStep>,
    pub(super) x_api_key: Option<FilledHeader<'a>>,
    pub(super) authorization: Option<FilledHeader<'a>>,
    pub(super) destination: RequestDestination,
    /// The switch that selects a cloud account.
    pub(super) cloud: Option<(Location, Payer)>,
    /// The step that overrides every step with [`OverriddenBy::AnyHeader`], although it fills no header.
    pub(super) blocked_by: Option<String>,
    /// `true` if the client treats the request as one with an OAuth token.
    pub(super) is_oauth: bool,
    /// The credential that makes the client fail.
    pub(super) broken: Option<(Location, Flaw)>,
    /// The headers that a broken credential occupies.
    broken_headers: Vec<CredentialHeader>,
}

/// A filled header.
pub(super) struct FilledHeader<'a> {
    pub(super) slot: Slot,
    /// The value, or `None` if it is not known in advance.
    pub(super) value: Option<&'a str>,
    /// The account that would pay if it were the only credential.
    pub(super) payer: Payer,
}

/// One location at which a client looks for a credential.
pub(super) struct Candidate<'a> {
    pub(super) method: Method,
    pub(super) location: Location,
    pub(super) provides: Provides<'a>,
    pub(super) skip_reason: Option<SkipReason>,
}

/// The content of a location.
#[derive(Clone, Copy)]
pub(super) enum Provides<'a> {
    Nothing,
    Empty,
    /// A known value.
    Known(&'a str),
    /// A value that is not known until the client fetches it.
    Fetched,
    Broken(Flaw),
}

/// The condition under which a stronger step overrides a step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OverriddenBy {
    /// Its own header is filled.
    SameHeader,
    /// Either header is filled.
    AnyHeader,
}

impl<'a> ChainWalk<'a> {
    pub(super) fn new(destination: RequestDestination) -> Self {
        Self {
            steps: Vec::new(),
            x_api_key: None,
            authorization: None,
            destination,
            cloud: None,
            blocked_by: None,
            is_oauth: false,
            broken: None,
            broken_headers: Vec::new(),
        }
    }

    /// Adds the steps of one method, in order of precedence. The first location that is set decides for the method.
    pub(super) fn add_steps(
        &mut self,
        candidates: Vec<Candidate<'a>>,
        headers: FilledHeaders,
        overridden_by: OverriddenBy,
    ) {
        let mut decided: Option<String> = None;
        for candidate in candidates {
            let would_pay = self.single_payer(&candidate, headers);
            let state = match (candidate.skip_reason, candidate.provides, &decided) {
                (_, Provides::Nothing, _) => StepState::Absent,
                (Some(reason), _, _) => StepState::NotRead { reason },
                (None, _, Some(by)) => StepState::Shadowed { by: by.clone() },
                (None, _, None) => {
                    decided = Some(candidate.location.to_string());
                    self.apply(&candidate, headers, overridden_by)
                }
            };
            self.steps.push(ChainStep {
                method: candidate.method,
                location: candidate.location,
                state,
                would_pay,
            });
        }
    }

    /// Fills the free headers, unless a stronger step overrides this one.
    fn apply(
        &mut self,
        candidate: &Candidate<'a>,
        headers: FilledHeaders,
        overridden_by: OverriddenBy,
    ) -> StepState {
        let value = match candidate.provides {
            Provides::Nothing => return StepState::Absent,
            Provides::Empty => return StepState::Empty,
            Provides::Known(value) => Ok(Some(value)),
            Provides::Fetched => Ok(None),
            Provides::Broken(flaw) => Err(flaw),
        };
        let free = match self.free_headers(headers, overridden_by) {
            Ok(free) => free,
            Err(by) => return StepState::Shadowed { by },
        };
        match value {
            Ok(value) => {
                self.fill(candidate, value, free);
                StepState::Taken { headers: free }
            }
            Err(flaw) => {
                self.broken_headers.extend(each_header(free));
                self.broken
                    .get_or_insert_with(|| (candidate.location.clone(), flaw));
                StepState::Broken(flaw)
            }
        }
    }

    /// Returns the headers that are still free, or the location that overrides the step.
    fn free_headers(
        &self,
        headers: FilledHeaders,
        overridden_by: OverriddenBy,
    ) -> Result<FilledHeaders, String> {
        if let Some((switch, _)) = &self.cloud {
            return Err(switch.to_string());
        }
        if let (OverriddenBy::AnyHeader, Some(by)) = (overridden_by, &self.blocked_by) {
            return Err(by.clone());
        }
        let (key, bearer) = (
            self.filled_by(CredentialHeader::XApiKey),
            self.filled_by(CredentialHeader::Authorization),
        );
        match (overridden_by, headers, key, bearer) {
            (OverriddenBy::AnyHeader, _, Some(by), _)
            | (OverriddenBy::AnyHeader, _, None, Some(by))
            | (OverriddenBy::SameHeader, FilledHeaders::XApiKey, Some(by), _)
            | (OverriddenBy::SameHeader, FilledHeaders::Authorization, _, Some(by))
            | (OverriddenBy::SameHeader, FilledHeaders::Both, Some(by), Some(_)) => Err(by),
            (OverriddenBy::SameHeader, FilledHeaders::Both, Some(_), None) => {
                Ok(FilledHeaders::Authorization)
            }
            (OverriddenBy::SameHeader, FilledHeaders::Both, None, Some(_)) => {
                Ok(FilledHeaders::XApiKey)
            }
            (_, headers, _, _) => Ok(headers),
        }
    }

    /// Returns the location that fills a header. A broken credential occupies its header, too.
    fn filled_by(&self, header: CredentialHeader) -> Option<String> {
        let filled = match header {
            CredentialHeader::XApiKey => &self.x_api_key,
            CredentialHeader::Authorization => &self.authorization,
        };
        let broken = self
            .broken
            .as_ref()
            .filter(|_| self.broken_headers.contains(&header));
        filled
            .as_ref()
            .map(|filled| filled.slot.location.to_string())
            .or_else(|| broken.map(|(location, _)| location.to_string()))
    }

    /// Shadows a broken profile or federation, which is not used if there is a better credential.
    pub(super) fn forgive_profile(&mut self, by: &Location) {
        let is_profile = matches!(
            self.broken,
            Some((Location::SdkProfile { .. } | Location::Federation, _))
        );
        if !is_profile {
            return;
        }
        self.broken = None;
        self.broken_headers.clear();
        for step in &mut self.steps {
            let is_profile = matches!(step.method, Method::SdkProfile | Method::Federation);
            if is_profile && matches!(step.state, StepState::Broken(_)) {
                step.state = StepState::Shadowed { by: by.to_string() };
            }
        }
    }

    /// Makes the client fail: nothing is sent.
    pub(super) fn fail(&mut self, location: Location, flaw: Flaw) {
        self.cloud = None;
        self.x_api_key = None;
        self.authorization = None;
        self.broken = Some((location, flaw));
    }

    /// Makes a request fail whose address is not valid.
    pub(super) fn fail_on_invalid_address(&mut self) {
        let is_request =
            self.x_api_key.is_some() || self.authorization.is_some() || self.cloud.is_some();
        if is_request
            && self.broken.is_none()
            && let Some(location) = self.destination.invalid().cloned()
        {
            self.broken = Some((location, Flaw::InvalidAddress));
        }
    }

    /// Empties a header in favor of a credential that fills another one.
    pub(super) fn give_way(&mut self, header: CredentialHeader, to: &Location) {
        let by = to.to_string();
        for step in &mut self.steps {
            if matches!(step.state, StepState::Taken { headers } if headers == header.into()) {
                step.state = StepState::Shadowed { by: by.clone() };
            }
        }
        match header {
            CredentialHeader::XApiKey => self.x_api_key = None,
            CredentialHeader::Authorization => self.authorization = None,
        }
        self.is_oauth = false;
    }

    /// Overrides the value of a header.
    pub(super) fn override_header(
        &mut self,
        candidate: Candidate<'a>,
        header: CredentialHeader,
        value: &'a str,
    ) {
        let by = candidate.location.to_string();
        for step in &mut self.steps {
            step.state = match &step.state {
                StepState::Taken { headers } if headers.includes(header) => match (headers, header)
                {
                    (FilledHeaders::Both, CredentialHeader::XApiKey) => StepState::Taken {
                        headers: FilledHeaders::Authorization,
                    },
                    (FilledHeaders::Both, CredentialHeader::Authorization) => StepState::Taken {
                        headers: FilledHeaders::XApiKey,
                    },
                    (FilledHeaders::XApiKey | FilledHeaders::Authorization, _) => {
                        StepState::Shadowed { by: by.clone() }
                    }
                },
                state => state.clone(),
            };
        }
        let was_oauth = self.is_oauth;
        self.fill(&candidate, Some(value), header.into());
        self.is_oauth = was_oauth;
        self.steps.push(ChainStep {
            would_pay: self.single_payer(&candidate, header.into()),
            method: candidate.method,
            location: candidate.location,
            state: StepState::Taken {
                headers: header.into(),
            },
        });
    }

    /// Sends the user name and password of the base URL as `Authorization: Basic`, in place of anything else.
    pub(super) fn send_address_user(&mut self, location: Location) {
        self.give_way(CredentialHeader::Authorization, &location);
        for step in &mut self.steps {
            if matches!(&step.state, StepState::Taken { headers } if *headers == FilledHeaders::Both)
            {
                step.state = StepState::Taken {
                    headers: FilledHeaders::XApiKey,
                };
            }
        }
        let candidate = Candidate {
            method: Method::AddressUser,
            location,
            provides: Provides::Fetched,
            skip_reason: None,
        };
        let headers = CredentialHeader::Authorization.into();
        self.fill(&candidate, None, headers);
        self.steps.push(ChainStep {
            would_pay: self.single_payer(&candidate, headers),
            method: candidate.method,
            location: candidate.location,
            state: StepState::Taken { headers },
        });
    }

    /// Fills headers with a candidate's value.
    fn fill(&mut self, candidate: &Candidate<'a>, value: Option<&'a str>, headers: FilledHeaders) {
        self.is_oauth |= candidate.method.adds_oauth_beta();
        for header in each_header(headers) {
            // A value of whitespace alone is sent as an empty one.
            let known = value.filter(|value| !value.is_empty());
            let family = known.map(Family::from_prefix);
            let hint = value.map(|value| match known {
                Some(_) => sanitize_line(&redact(value), MAX_HINT_CHARS).into_owned(),
                None => "(empty)".to_owned(),
            });
            let payer = match (value, known) {
                (Some(_), None) => likely(PayerClass::NoPayer),
                _ => single_credential(candidate.method, family, header, &self.destination),
            };
            let filled = FilledHeader {
                slot: Slot {
                    method: candidate.method,
                    location: candidate.location.clone(),
                    family,
                    hint,
                },
                value,
                payer,
            };
            match header {
                CredentialHeader::XApiKey => self.x_api_key = Some(filled),
                CredentialHeader::Authorization => self.authorization = Some(filled),
            }
        }
    }

    /// Returns who would pay if the candidate were the only credential.
    fn single_payer(&self, candidate: &Candidate<'a>, headers: FilledHeaders) -> Option<Payer> {
        let header = if headers.includes(CredentialHeader::Authorization) {
            CredentialHeader::Authorization
        } else {
            CredentialHeader::XApiKey
        };
        let family = match candidate.provides {
            Provides::Nothing | Provides::Empty | Provides::Broken(_) => return None,
            Provides::Known(value) => Some(Family::from_prefix(value)),
            Provides::Fetched => None,
        };
        Some(single_credential(
            candidate.method,
            family,
            header,
            &self.destination,
        ))
    }
}

impl<'a> Candidate<'a> {
    /// Returns the locations that set a variable, or the variable itself if nothing does.
    pub(super) fn from_variable(
        variables: &Variables<'a>,
        name: &'static str,
        method: Method,
        syntax: (ValueSyntax, HeaderPrefix),
    ) -> Vec<Self> {
        let mut candidates: Vec<_> = variables
            .all(name)
            .into_iter()
            .map(|found| Self::from_set_variable(found, method, syntax))
            .collect();
        if candidates.is_empty() {
            candidates.push(Self {
                method,
                location: Location::Variable { name },
                provides: Provides::Nothing,
                skip_reason: None,
            });
        }
        candidates
    }

    fn from_set_variable(
        found: SetVariable<'a>,
        method: Method,
        (syntax, prefix): (ValueSyntax, HeaderPrefix),
    ) -> Self {
        let provides = match found
            .value
            .map(|value| ParsedValue::parse(value, syntax, prefix))
        {
            Err(flaw) | Ok(ParsedValue::Broken(flaw)) => Provides::Broken(flaw),
            Ok(ParsedValue::Empty) => Provides::Empty,
            Ok(ParsedValue::Value(value)) => Provides::Known(value),
        };
        Self {
            method,
            location: found.location,
            provides,
            skip_reason: found.skip_reason,
        }
    }

    /// Marks the candidate as skipped, unless it already is or there is no reason.
    pub(super) fn skipped(mut self, reason: Option<SkipReason>) -> Self {
        self.skip_reason = self.skip_reason.or(reason);
        self
    }
}

fn each_header(headers: FilledHeaders) -> impl Iterator<Item = CredentialHeader> {
    [CredentialHeader::XApiKey, CredentialHeader::Authorization]
        .into_iter()
        .filter(move |header| headers.includes(*header))
}
