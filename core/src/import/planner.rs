//! Puts a plan together, entry by entry: judges a token, chooses a name, and sees what is there already.
//!
//! Invariant: a token is judged by the same grammar and refused by the same rule as one that a person pastes.

use crate::api::Api;
use crate::import::names;
use crate::import::plan::{Entry, Known, Note, Outcome, Plan, Take};
use crate::import::{Kind, Left};
use crate::inject;
use crate::origin::{BaseUrl, PlainHttp, Refused};
use crate::profile::{Auth, BillingClass, Name, Source};
use crate::token::{self, Family, Reading};

/// More entries than this are in nobody's files.
const MOST_ENTRIES: usize = 1000;

/// A plan being made.
pub(super) struct Planner<'a> {
    /// What is moved in from.
    pub(super) kind: Kind,
    known: &'a [Known],
    names: Vec<Name>,
    entries: Vec<Entry>,
    notes: Vec<Note>,
}

/// Something found, as it is called over there.
pub(super) struct Thing<'a> {
    /// What people see it called.
    pub(super) what: &'a str,
    /// The file it is in.
    path: &'a str,
    /// What its profile is called after.
    called: &'a str,
    /// What is odd about it.
    pub(super) remarks: Vec<String>,
}

impl<'a> Thing<'a> {
    /// Something in a file, whose profile is called after `called`.
    pub(super) fn new(what: &'a str, path: &'a str, called: &'a str) -> Self {
        Self {
            what,
            path,
            called,
            remarks: Vec::new(),
        }
    }

    /// The same, with one more remark.
    pub(super) fn with(mut self, remark: impl Into<String>) -> Self {
        self.remarks.push(remark.into());
        self
    }
}

/// Where a credential goes, and how.
#[derive(Clone)]
pub(super) struct Destination {
    base_url: Result<BaseUrl, Refused>,
    /// How it is sent to another gateway; the vendor is sent everything as it usually is.
    gateway_auth: Auth,
}

impl Destination {
    /// Where a base URL leads; without one, to the vendor.
    pub(super) fn of(base_url: Option<&str>) -> Self {
        let base_url = base_url.unwrap_or("https://api.anthropic.com");
        Self {
            base_url: BaseUrl::parse(base_url, PlainHttp::Refused),
            gateway_auth: Auth::Bearer,
        }
    }

    /// The same, for a credential that another gateway wants in the header `x-api-key`.
    pub(super) fn as_api_key(&self) -> Self {
        Self {
            base_url: self.base_url.clone(),
            gateway_auth: Auth::ApiKey,
        }
    }
}

impl<'a> Planner<'a> {
    pub(super) fn new(kind: Kind, known: &'a [Known]) -> Self {
        Self {
            kind,
            known,
            names: Vec::new(),
            entries: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> Plan {
        Plan {
            entries: self.entries,
            notes: self.notes,
        }
    }

    /// Says something about the whole.
    pub(super) fn note(&mut self, text: impl Into<String>, hint: Option<String>) {
        let text = text.into();
        self.notes.push(Note { text, hint });
    }

    /// Lists what stays where it is.
    pub(super) fn leave(&mut self, thing: Thing<'_>, why: Left) {
        self.push(thing, Outcome::Leave(why));
    }

    /// Plans for a token that stands in a file. Returns the name of the profile that will hold it.
    pub(super) fn token(
        &mut self,
        mut thing: Thing<'_>,
        text: &str,
        to: &Destination,
    ) -> Option<Name> {
        match self.draft(&thing, to).and_then(|draft| judge(text, draft)) {
            Ok((take, remarks)) => {
                thing.remarks.extend(remarks);
                self.take(thing, take)
            }
            Err(why) => {
                self.leave(thing, why);
                None
            }
        }
    }

    /// Plans for a secret that stays where it is. Returns the name of the profile that will refer to it.
    pub(super) fn reference(
        &mut self,
        thing: Thing<'_>,
        source: Source,
        to: &Destination,
    ) -> Option<Name> {
        match self.draft(&thing, to) {
            Ok(draft) => self.take(thing, draft.referring(source)),
            Err(why) => {
                self.leave(thing, why);
                None
            }
        }
    }

    fn draft(&self, thing: &Thing<'_>, to: &Destination) -> Result<Draft, Left> {
        Ok(Draft {
            name: names::name(self.kind.prefix(), thing.called).ok_or(Left::UnknownKind)?,
            base_url: to.base_url.clone().map_err(Left::BaseUrl)?,
            gateway_auth: to.gateway_auth,
        })
    }

    fn take(&mut self, thing: Thing<'_>, take: Take) -> Option<Name> {
        // Reserved whatever becomes of it, so that a second run names all others as the first did.
        let name = names::free(&take.name, |name| self.names.contains(name));
        self.names.push(name.clone());
        if let Some(name) = self.same(&take) {
            let outcome = Outcome::Same { name: name.clone() };
            self.push(thing, outcome);
            return Some(name);
        }
        if self.known.iter().any(|known| known.name == name) {
            self.push(thing, Outcome::Conflict { name });
            return None;
        }
        let take = Take {
            name: name.clone(),
            ..take
        };
        self.push(thing, Outcome::Take(Box::new(take)));
        Some(name)
    }

    /// The profile that holds the same already, known or planned.
    fn same(&self, take: &Take) -> Option<Name> {
        let known = self
            .known
            .iter()
            .find(|known| take.is(known))
            .map(|known| &known.name);
        let planned = || {
            self.entries.iter().find_map(|entry| match &entry.outcome {
                Outcome::Take(other) if take.is_like(other) => Some(&other.name),
                Outcome::Take(_)
                | Outcome::Same { .. }
                | Outcome::Leave(_)
                | Outcome::Conflict { .. } => None,
            })
        };
        known.or_else(planned).cloned()
    }

    fn push(&mut self, thing: Thing<'_>, outcome: Outcome) {
        if self.entries.len() > MOST_ENTRIES {
            return;
        }
        let outcome = if self.entries.len() == MOST_ENTRIES {
            Outcome::Leave(Left::TooMany)
        } else {
            outcome
        };
        self.entries.push(Entry {
            what: names::shown(thing.what),
            path: names::shown(thing.path),
            outcome,
            remarks: thing.remarks,
        });
    }
}

/// A profile to be, before it is known where its secret comes from.
struct Draft {
    name: Name,
    base_url: BaseUrl,
    gateway_auth: Auth,
}

/// Judges a token as one that a person pastes; what was repaired or looks odd comes along.
fn judge(text: &str, draft: Draft) -> Result<(Take, Vec<String>), Left> {
    let api = Api::at(&draft.base_url);
    let reading = token::read(text, api.grammar());
    let family = reading.family;
    let Reading {
        token: Some(secret),
        hint: Some(hint),
        ..
    } = reading
    else {
        return Err(Left::NoToken(reading.problems));
    };
    let auth = draft.auth();
    let provenance = api.provenance(&Source::Sealed, family);
    match inject::decide(api.facing(auth), family, provenance) {
        Ok(_) => {}
        Err(inject::Refusal::PlanLogin) => return Err(Left::SetupToken),
        Err(refusal) => return Err(Left::Refused(refusal)),
    }
    let fixes = reading.fixes.iter().map(ToString::to_string);
    let remarks = fixes
        .chain(reading.problems.iter().map(ToString::to_string))
        .collect();
    let take = Take {
        family: Some(family),
        hint: Some(hint),
        auth,
        provenance,
        secret: Some(secret),
        ..draft.referring(Source::Sealed)
    };
    Ok((take, remarks))
}

impl Draft {
    /// A profile whose token nobody has seen.
    fn referring(self, source: Source) -> Take {
        let api = Api::at(&self.base_url);
        let (auth, billing) = match source {
            Source::ClaudeLogin { .. } => (Auth::Bearer, BillingClass::Plan),
            Source::SdkProfile { .. } | Source::Ant { .. } => (Auth::Bearer, api.billing()),
            Source::Sealed
            | Source::Environment { .. }
            | Source::File { .. }
            | Source::Command { .. } => (self.auth(), api.billing()),
        };
        Take {
            provenance: api.provenance(&source, Family::Opaque),
            name: self.name,
            source,
            secret: None,
            base_url: self.base_url,
            auth,
            billing,
            family: None,
            hint: None,
        }
    }

    fn auth(&self) -> Auth {
        match Api::at(&self.base_url) {
            api @ (Api::Anthropic | Api::Sandbox) => api.usual_auth(),
            Api::Gateway => self.gateway_auth,
        }
    }
}

/// What a program calls its profile, after the provider: `manual` of `anthropic:manual`.
pub(super) fn after_provider(id: &str) -> &str {
    id.split_once(':').map_or(id, |(_, rest)| rest)
}
