//! Who would pay for a request, judged by what it carries and where it goes.
//!
//! Invariant: a prefix names a family and no contract; wherever it leaves a doubt, the payer is only likely.

use url::Url;

use crate::inert::{LONGEST_LINE, inert_line};
use crate::profile::{BillingClass, Profile};
use crate::token::Family;

use super::Moved;
use super::place::Place;
use super::rung::{Header, Method};
use super::variables::Found;

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

/// How sure a payer is, given the snapshot alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Sureness {
    /// What is known of the client leaves no doubt.
    Sure,
    /// It is the likeliest.
    Likely,
}

impl PayerClass {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::OrganizationCredit => "organization_credit",
            Self::Plan => "plan",
            Self::Cloud => "cloud",
            Self::Gateway => "gateway",
            Self::Conflict => "conflict",
            Self::Nobody => "nobody",
            Self::Unknown => "unknown",
        }
    }

    /// Who that is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::OrganizationCredit => "organization credit",
            Self::Plan => "a plan",
            Self::Cloud => "a cloud account",
            Self::Gateway => "whoever the gateway decides on",
            Self::Conflict => "whoever the API decides on",
            Self::Nobody => "nobody",
            Self::Unknown => "unknown",
        }
    }
}

impl From<BillingClass> for PayerClass {
    fn from(billing: BillingClass) -> Self {
        match billing {
            BillingClass::Metered => Self::OrganizationCredit,
            BillingClass::Cloud => Self::Cloud,
            BillingClass::Gateway => Self::Gateway,
            BillingClass::Plan => Self::Plan,
        }
    }
}

/// Where requests go.
pub(super) struct Destination {
    moved: Option<Moved>,
    kind: Kind,
}

enum Kind {
    /// The vendor's own API.
    FirstParty,
    /// Elsewhere, named by its host.
    Gateway { host: String },
    /// What should be an address is none.
    Unreadable,
    /// A profile of our own, whose payer was told when it was added.
    Told(PayerClass),
}

impl Destination {
    /// Reads where a variable sends requests. What is shown of it has no user name and no password.
    pub(super) fn of(found: Option<Found<'_>>) -> Self {
        let Some(found) = found else {
            return Self::first_party(None);
        };
        match found.value {
            Err(_) => Self {
                moved: Some(Moved {
                    base_url: None,
                    place: found.place,
                }),
                kind: Kind::Unreadable,
            },
            Ok(text) => Self::of_text(text, found.place),
        }
    }

    /// The place that a profile of our own is bound to.
    pub(super) fn of_profile(profile: &Profile) -> Self {
        Self {
            moved: Some(Moved {
                base_url: Some(profile.base_url.to_string()),
                place: Place::Profile {
                    name: profile.name.to_string(),
                },
            }),
            kind: Kind::Told(profile.billing.into()),
        }
    }

    fn of_text(text: &str, place: Place) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::first_party(None);
        }
        let moved = |base_url| Some(Moved { base_url, place });
        let Some((shown, url)) = without_user_info(text) else {
            return Self {
                moved: moved(None),
                kind: Kind::Unreadable,
            };
        };
        let moved = moved(Some(inert_line(&shown, LONGEST_LINE).into_owned()));
        match url.host_str() {
            Some("api.anthropic.com") if url.scheme() == "https" && url.port().is_none() => {
                Self::first_party(moved)
            }
            Some(host) if matches!(url.scheme(), "https" | "http") => Self {
                moved,
                kind: Kind::Gateway {
                    host: inert_line(host, LONGEST_LINE).into_owned(),
                },
            },
            Some(_) | None => Self {
                moved,
                kind: Kind::Unreadable,
            },
        }
    }

    fn first_party(moved: Option<Moved>) -> Self {
        Self {
            moved,
            kind: Kind::FirstParty,
        }
    }

    /// Sends requests elsewhere, unless something stronger did already.
    pub(super) fn move_unless_moved(&mut self, base_url: &str, place: Place) {
        if self.moved.is_none() {
            *self = Self::of_text(base_url, place);
        }
    }

    /// What moved it.
    pub(super) fn moved(&self) -> Option<Moved> {
        self.moved.clone()
    }

    /// The host of a gateway.
    pub(super) fn gateway(&self) -> Option<&str> {
        match &self.kind {
            Kind::Gateway { host } => Some(host),
            Kind::FirstParty | Kind::Unreadable | Kind::Told(_) => None,
        }
    }

    /// The place that set something other than an address.
    pub(super) fn unreadable(&self) -> Option<&Place> {
        match &self.kind {
            Kind::Unreadable => self.moved.as_ref().map(|moved| &moved.place),
            Kind::FirstParty | Kind::Gateway { .. } | Kind::Told(_) => None,
        }
    }
}

/// Who pays for a lone credential (docs/facts.md#tokens). Of a value that is fetched only later the family is not known.
pub(super) fn alone(
    method: Method,
    family: Option<Family>,
    header: Header,
    destination: &Destination,
) -> Payer {
    match &destination.kind {
        Kind::Gateway { .. } => return sure(PayerClass::Gateway),
        Kind::Unreadable => return likely(PayerClass::Unknown),
        Kind::Told(class) => return sure(*class),
        Kind::FirstParty => {}
    }
    match (method, family) {
        (Method::Cloud | Method::CloudKey, _) => sure(PayerClass::Cloud),
        (Method::Login, _) => sure(PayerClass::Plan),
        (Method::SdkProfile | Method::Federation, None) => likely(PayerClass::OrganizationCredit),
        (_, None) => likely(PayerClass::Unknown),
        (_, Some(family)) => of_family(family, header),
    }
}

fn of_family(family: Family, header: Header) -> Payer {
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

pub(super) fn sure(class: PayerClass) -> Payer {
    Payer {
        class,
        sure: Sureness::Sure,
    }
}

pub(super) fn likely(class: PayerClass) -> Payer {
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
