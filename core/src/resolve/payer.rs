//! Who would pay for a request, judged by what it carries and where it goes, and one sentence to say so.
//!
//! Invariant: a prefix names a family and no contract; wherever it leaves a doubt, the payer is only likely.

use url::Url;

use crate::inert::{LONGEST_LINE, inert_line};
use crate::snapshot::Environment;
use crate::token::Family;

use super::reading::Switch;
use super::{Client, Flaw, Header, Rung, Slot, State};

/// The variable that moves a client's requests elsewhere.
const BASE_URL: &str = "ANTHROPIC_BASE_URL";

/// Who would pay, and how sure that is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Payer {
    /// Who.
    pub class: PayerClass,
    /// How sure.
    pub sure: Sureness,
}

/// Who would pay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PayerClass {
    /// An organization, from its API credit.
    OrganizationCredit,
    /// A person's subscription.
    Plan,
    /// A cloud account.
    Cloud,
    /// Another gateway's operator, or whoever that gateway decides on.
    Gateway,
    /// The request carries two different credentials, and the API decides.
    Conflict,
    /// Nobody: there is no credential, or none that can be used.
    Nobody,
    /// It cannot be told.
    Unknown,
}

/// How sure a payer is, given the environment alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Sureness {
    /// What is known of the client leaves no doubt.
    Sure,
    /// It is the likeliest.
    Likely,
}

/// Where requests go.
pub(super) enum Destination {
    /// The vendor's own API.
    FirstParty { shown: Option<String> },
    /// Elsewhere, named by its host.
    Gateway { shown: String, host: String },
    /// The variable holds no address.
    Unreadable { shown: Option<String> },
}

/// All that decides who pays.
pub(super) struct Request<'a> {
    pub(super) client: Client,
    pub(super) x_api_key: Option<&'a Slot>,
    pub(super) authorization: Option<&'a Slot>,
    pub(super) carries: Carries,
    pub(super) destination: &'a Destination,
    pub(super) rungs: &'a [Rung],
    pub(super) environment: &'a Environment,
}

/// Whether two filled headers carry one credential.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    /// At most one credential, be it in both headers.
    OneCredential,
    /// Two that differ.
    TwoCredentials,
}

impl Destination {
    /// Reads where the environment sends requests. What is shown of it has no user name and no password.
    pub(super) fn of(environment: &Environment) -> Self {
        let Some(text) = environment.get(BASE_URL).map(str::trim) else {
            return if environment.is_set(BASE_URL) {
                Self::Unreadable { shown: None }
            } else {
                Self::FirstParty { shown: None }
            };
        };
        if text.is_empty() {
            return Self::FirstParty { shown: None };
        }
        let Some((shown, url)) = without_user_info(text) else {
            return Self::Unreadable { shown: None };
        };
        let shown = inert_line(&shown, LONGEST_LINE).into_owned();
        match url.host_str() {
            Some("api.anthropic.com") if url.scheme() == "https" && url.port().is_none() => {
                Self::FirstParty { shown: Some(shown) }
            }
            Some(host) if matches!(url.scheme(), "https" | "http") => {
                let host = inert_line(host, LONGEST_LINE).into_owned();
                Self::Gateway { shown, host }
            }
            Some(_) | None => Self::Unreadable { shown: Some(shown) },
        }
    }

    pub(super) fn shown(&self) -> Option<&str> {
        match self {
            Self::FirstParty { shown } | Self::Unreadable { shown } => shown.as_deref(),
            Self::Gateway { shown, .. } => Some(shown),
        }
    }
}

impl Request<'_> {
    /// Judges, strongest reason first, and says it in one sentence.
    pub(super) fn judge(&self) -> (Payer, String) {
        let client = self.client;
        if let Some(switch) = self.variable_in(State::On) {
            let text = format!("{client} would use a cloud account, since {switch} is on");
            return (self.cloud(switch), text);
        }
        if let Some((variable, flaw)) = self.broken() {
            let text = format!("{client} would fail on {variable}: {flaw}");
            return (sure(PayerClass::Nobody), text);
        }
        let (first, second) = match (self.x_api_key, self.authorization) {
            (Some(key), bearer) => (key, bearer),
            (None, Some(bearer)) => (bearer, None),
            (None, None) => {
                let text = format!("{client} finds no credential in its environment");
                return (likely(PayerClass::Nobody), text);
            }
        };
        let second = second.filter(|_| self.carries == Carries::TwoCredentials);
        self.judge_sent(first, second)
    }

    /// Judges a request that goes out with one credential, or with two that differ.
    fn judge_sent(&self, first: &Slot, second: Option<&Slot>) -> (Payer, String) {
        let client = self.client;
        match (self.destination, second) {
            (Destination::Gateway { host, .. }, second) => {
                let what = match second {
                    Some(second) => format!("{} and {}", labelled(first), labelled(second)),
                    None => labelled(first),
                };
                let text =
                    format!("{client} would send {what} to {host}: that gateway decides who pays");
                (sure(PayerClass::Gateway), text)
            }
            (Destination::Unreadable { .. }, _) => {
                let text = format!(
                    "{client} would send {} to {BASE_URL}, which is no address",
                    labelled(first)
                );
                (likely(PayerClass::Unknown), text)
            }
            (Destination::FirstParty { .. }, Some(second)) => {
                let text = format!(
                    "{client} would send two different credentials, {} as x-api-key and {} as authorization: \
                     the API decides who pays",
                    labelled(first),
                    labelled(second),
                );
                (sure(PayerClass::Conflict), text)
            }
            (Destination::FirstParty { .. }, None) => {
                let payer = payer_of(first.family, self.header_of_one());
                (payer, sentence(client, first, payer))
            }
        }
    }

    fn cloud(&self, switch: &str) -> Payer {
        match Switch::of(self.environment, switch) {
            Switch::On => sure(PayerClass::Cloud),
            Switch::PerhapsOn | Switch::Off | Switch::Absent => likely(PayerClass::Cloud),
        }
    }

    /// The header that a lone credential travels in.
    fn header_of_one(&self) -> Header {
        if self.x_api_key.is_some() {
            Header::XApiKey
        } else {
            Header::Authorization
        }
    }

    fn variable_in(&self, state: State) -> Option<&'static str> {
        self.rungs
            .iter()
            .find(|rung| rung.state == state)
            .map(|rung| rung.variable)
    }

    fn broken(&self) -> Option<(&'static str, Flaw)> {
        self.rungs.iter().find_map(|rung| match rung.state {
            State::Broken(flaw) => Some((rung.variable, flaw)),
            State::Taken { .. }
            | State::On
            | State::Off
            | State::Shadowed { .. }
            | State::Absent
            | State::Empty => None,
        })
    }
}

/// Who pays the vendor for a lone credential of this family in this header (docs/facts.md#tokens).
fn payer_of(family: Family, header: Header) -> Payer {
    match (family, header) {
        (Family::ApiKey, _) => sure(PayerClass::OrganizationCredit),
        (Family::OauthAccess, Header::Authorization) => likely(PayerClass::Plan),
        (Family::UnknownAnthropic | Family::Opaque, _) => likely(PayerClass::Unknown),
        // As a key an OAuth token is refused, and these ask no model in any header.
        (
            Family::OauthAccess
            | Family::AdminKey
            | Family::OauthRefresh
            | Family::ClaudeSession
            | Family::WorkToken
            | Family::VirtualKey
            | Family::AdminVirtualKey
            | Family::OtherVendor,
            _,
        ) => likely(PayerClass::Nobody),
    }
}

fn sentence(client: Client, slot: &Slot, payer: Payer) -> String {
    let what = labelled(slot);
    match payer.class {
        PayerClass::OrganizationCredit => {
            format!("{client} would pay with {what}: organization credit")
        }
        PayerClass::Plan => {
            format!(
                "{client} would pay with {what}: likely a plan, unless it is an organization's token"
            )
        }
        PayerClass::Nobody => {
            format!("{client} would send {what}, which the API most likely refuses")
        }
        PayerClass::Cloud | PayerClass::Gateway | PayerClass::Conflict | PayerClass::Unknown => {
            format!("{client} would pay with {what}: who that is cannot be told")
        }
    }
}

fn labelled(slot: &Slot) -> String {
    format!("{} ({})", slot.variable, slot.hint)
}

fn sure(class: PayerClass) -> Payer {
    Payer {
        class,
        sure: Sureness::Sure,
    }
}

fn likely(class: PayerClass) -> Payer {
    Payer {
        class,
        sure: Sureness::Likely,
    }
}

/// Parses an address; the text has its user name and password taken out, and is otherwise as it was typed.
fn without_user_info(text: &str) -> Option<(String, Url)> {
    let mut url = Url::parse(text).ok()?;
    if url.username().is_empty() && url.password().is_none() {
        return Some((text.to_owned(), url));
    }
    url.set_username("")
        .and_then(|()| url.set_password(None))
        .ok()?;
    Some((url.to_string(), url))
}
