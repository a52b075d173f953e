//! The destination of requests, and the payer of a credential that is sent there.
//!
//! Invariant: a prefix names a family, not a contract; if it leaves a doubt, the payer is only likely.

use keyreeve_core::profile::Profile;
use keyreeve_core::sanitize::{MAX_LINE_CHARS, sanitize_line};
use keyreeve_core::token::Family;
use url::Url;

use super::BaseUrlOverride;
use super::location::Location;
use super::payer::{Payer, PayerClass, certain, likely};
use super::step::{CredentialHeader, Method};
use super::variables::SetVariable;

/// The destination of requests.
pub(super) struct RequestDestination {
    base_url_override: Option<BaseUrlOverride>,
    kind: DestinationKind,
    user: Option<UrlUser>,
    /// `true` if the address as set ends in a space.
    ends_in_space: bool,
    /// The variable that sets an address of whitespace alone, which most clients ignore.
    blank: Option<Location>,
}

/// The user name and password of a base URL.
#[derive(Clone)]
pub(super) struct UrlUser {
    /// The location of the base URL.
    pub(super) location: Location,
    /// `true` if there is a password.
    pub(super) has_password: bool,
}

/// The kind of a destination.
enum DestinationKind {
    /// The vendor's own API.
    FirstParty,
    /// Another host.
    Gateway { host: String },
    /// The setting is not a valid address.
    Invalid,
    /// A keyreeve profile, whose payer was declared when it was added.
    Declared(PayerClass),
}

/// The addresses that a client accepts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressSyntax {
    /// Those that browsers accept: `http:host` too, and whitespace around it.
    Browser,
    /// The same, but without a user name and password.
    WithoutUser,
    /// Those that begin with `http://` or `https://`, without whitespace around them.
    Strict,
}

impl AddressSyntax {
    fn accepts(self, text: &str) -> bool {
        match self {
            Self::Browser => true,
            Self::WithoutUser => Url::parse(text.trim())
                .is_ok_and(|url| url.username().is_empty() && url.password().is_none()),
            Self::Strict => {
                let lower = text.to_ascii_lowercase();
                let has_scheme = lower.starts_with("http://") || lower.starts_with("https://");
                has_scheme && !text.contains(|c: char| c.is_control()) && text == text.trim()
            }
        }
    }
}

impl RequestDestination {
    /// Parses the base URL that a variable sets. The form to show has no user name and no password.
    pub(super) fn from_variable(found: Option<SetVariable<'_>>, syntax: AddressSyntax) -> Self {
        let Some(found) = found else {
            return Self::first_party(None);
        };
        match found.value {
            Err(_) => Self {
                base_url_override: Some(BaseUrlOverride {
                    base_url: None,
                    location: found.location,
                }),
                ..Self::of_kind(DestinationKind::Invalid)
            },
            Ok(text) => Self::parse(text, syntax, found.location),
        }
    }

    /// Returns the base URL that a keyreeve profile is bound to.
    pub(super) fn from_profile(profile: &Profile) -> Self {
        Self {
            base_url_override: Some(BaseUrlOverride {
                base_url: Some(profile.base_url.to_string()),
                location: Location::Profile {
                    name: profile.name.to_string(),
                },
            }),
            ..Self::of_kind(DestinationKind::Declared(profile.billing.into()))
        }
    }

    fn of_kind(kind: DestinationKind) -> Self {
        Self {
            base_url_override: None,
            kind,
            user: None,
            ends_in_space: false,
            blank: None,
        }
    }

    /// Returns the variable that sets an address of whitespace alone.
    pub(super) fn blank(&self) -> Option<&Location> {
        self.blank.as_ref()
    }

    /// Returns the user name and password of the base URL, if it has any.
    pub(super) fn user(&self) -> Option<&UrlUser> {
        self.user.as_ref()
    }

    /// Returns `true` if the address as set ends in a space.
    pub(super) fn ends_in_space(&self) -> bool {
        self.ends_in_space
    }

    /// Returns `true` if the address has a fragment, in which the path of an exchange is lost.
    pub(super) fn has_fragment(&self) -> bool {
        let address = self.base_url_override.as_ref();
        address
            .and_then(|found| found.base_url.as_deref())
            .is_some_and(|url| url.contains('#'))
    }

    /// Marks the address as one that the client cannot use.
    pub(super) fn invalidate(&mut self) {
        self.kind = DestinationKind::Invalid;
    }

    /// Parses a base URL.
    fn parse(text: &str, syntax: AddressSyntax, location: Location) -> Self {
        let is_accepted = syntax.accepts(text);
        let ends_in_space = text.trim_end_matches(['\n', '\r', '\t']).ends_with(' ');
        let is_blank = !text.is_empty();
        let text = text.trim();
        if text.is_empty() {
            return Self {
                blank: is_blank.then_some(location),
                ..Self::first_party(None)
            };
        }
        let user = UrlUser::parse(text, &location);
        let overridden = |base_url| Some(BaseUrlOverride { base_url, location });
        let Some((shown, url)) = without_user_info(text).filter(|_| is_accepted) else {
            return Self {
                base_url_override: overridden(None),
                ..Self::of_kind(DestinationKind::Invalid)
            };
        };
        let base_url_override =
            overridden(Some(sanitize_line(&shown, MAX_LINE_CHARS).into_owned()));
        let kind = match url.host_str() {
            Some("api.anthropic.com") if url.scheme() == "https" && url.port().is_none() => {
                DestinationKind::FirstParty
            }
            Some(host) if matches!(url.scheme(), "https" | "http") => DestinationKind::Gateway {
                host: sanitize_line(host, MAX_LINE_CHARS).into_owned(),
            },
            Some(_) | None => DestinationKind::Invalid,
        };
        Self {
            base_url_override,
            kind,
            user,
            ends_in_space,
            blank: None,
        }
    }

    fn first_party(base_url_override: Option<BaseUrlOverride>) -> Self {
        Self {
            base_url_override,
            ..Self::of_kind(DestinationKind::FirstParty)
        }
    }

    /// Sets the base URL, unless a stronger setting already overrides it.
    pub(super) fn set_unless_overridden(
        &mut self,
        base_url: &str,
        syntax: AddressSyntax,
        location: Location,
    ) {
        if self.base_url_override.is_none() {
            let blank = self.blank.take();
            *self = Self::parse(base_url, syntax, location);
            self.blank = self.blank.take().or(blank);
        }
    }

    /// Returns the setting that overrides the base URL.
    pub(super) fn base_url_override(&self) -> Option<BaseUrlOverride> {
        self.base_url_override.clone()
    }

    /// Returns the host, if it is a gateway.
    pub(super) fn gateway(&self) -> Option<&str> {
        match &self.kind {
            DestinationKind::Gateway { host } => Some(host),
            DestinationKind::FirstParty
            | DestinationKind::Invalid
            | DestinationKind::Declared(_) => None,
        }
    }

    /// Returns the location of a setting that is not a valid address.
    pub(super) fn invalid(&self) -> Option<&Location> {
        match &self.kind {
            DestinationKind::Invalid => {
                self.base_url_override.as_ref().map(|found| &found.location)
            }
            DestinationKind::FirstParty
            | DestinationKind::Gateway { .. }
            | DestinationKind::Declared(_) => None,
        }
    }
}

/// Returns who pays for a single credential (docs/facts.md#tokens). The family of a value that is fetched later is
/// unknown.
pub(super) fn single_credential(
    method: Method,
    family: Option<Family>,
    header: CredentialHeader,
    destination: &RequestDestination,
) -> Payer {
    match &destination.kind {
        DestinationKind::Gateway { .. } => return certain(PayerClass::Gateway),
        DestinationKind::Invalid => return likely(PayerClass::Unknown),
        DestinationKind::Declared(class) => return certain(*class),
        DestinationKind::FirstParty => {}
    }
    match (method, family) {
        (Method::Cloud | Method::CloudKey, _) => certain(PayerClass::Cloud),
        (Method::Login, _) => certain(PayerClass::Plan),
        (Method::SdkProfile | Method::Federation, None) => likely(PayerClass::OrganizationCredit),
        (_, None) => likely(PayerClass::Unknown),
        (_, Some(family)) => for_family(family, header),
    }
}

fn for_family(family: Family, header: CredentialHeader) -> Payer {
    match (family, header) {
        (Family::ApiKey, _) => certain(PayerClass::OrganizationCredit),
        (Family::OauthAccess, CredentialHeader::Authorization) => likely(PayerClass::Plan),
        (Family::UnknownAnthropic | Family::Opaque, _) => likely(PayerClass::Unknown),
        // The API refuses an OAuth token as a key, and the others in any header.
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
        ) => likely(PayerClass::NoPayer),
    }
}

impl UrlUser {
    fn parse(text: &str, location: &Location) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let has_password = url.password().is_some_and(|password| !password.is_empty());
        (has_password || !url.username().is_empty()).then(|| Self {
            location: location.clone(),
            has_password,
        })
    }
}

/// Parses an address and returns it with its text, which is as written but without a user name and password.
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
