//! The texts that a client would send as they are set, and the problems by which they cannot work: a placeholder, a
//! reference to a secret, an address without a scheme.
//!
//! `status --check`, `guard`, `doctor` and `exec --env` all judge a value by these functions. Invariants: no value is
//! repeated; a text that cannot be sent at all is a [`Flaw`](super::Flaw) of the resolution, not a problem here.

use std::fmt;

use keyreeve_core::profile::{Profile, Source};
use keyreeve_core::token::{self, Family, Grammar, TokenProblem, TokenRepair, TokenVerdict};
use url::Url;

use super::location::Location;
use super::step::{CredentialHeader, Method, Slot};
use super::{BaseUrlOverride, Resolution};
use crate::rules::claude_code::SettingsState;
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::BASE_URL;

/// The host of Anthropic's own API.
const VENDOR_HOST: &str = "api.anthropic.com";

/// The paths of an address that clients add themselves (docs/facts.md#endpoints).
const ADDED_PATHS: [&str; 2] = ["/v1", "/messages"];

/// A reason why requests with a value cannot succeed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ValueProblem {
    /// The location of the value.
    pub location: Location,
    /// The kind of problem.
    pub kind: ValueProblemKind,
}

/// The kind of a problem with a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueProblemKind {
    /// It is no credential that can call models.
    Credential(CredentialProblem),
    /// It is no address that can be used.
    BaseUrl(BaseUrlProblem),
}

/// A reason why a text is not a usable credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CredentialProblem {
    /// Its family cannot call models; a noun phrase for it.
    WrongKind(&'static str),
    /// It is not a token, or not a complete one.
    NotAToken(TokenProblem),
    /// It has text around the token, which a client would send with it.
    SurroundedBy(TokenRepair),
}

/// A reason why an address cannot be used as a base URL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BaseUrlProblem {
    /// Quotes are part of it.
    Quoted,
    /// A variable in it was not expanded.
    Unexpanded,
    /// It does not start with `https://` or `http://`.
    NoScheme,
    /// It is no address.
    Invalid,
    /// It ends in a path that clients add themselves.
    AddedPath,
}

impl Resolution {
    /// Returns the reasons why the next request cannot succeed, as far as the values show it: that of the base URL
    /// first, then those of the credentials that would be sent.
    pub fn value_problems(&self, snapshot: &Snapshot) -> Vec<ValueProblem> {
        let mut found = Vec::new();
        let base_url = self.base_url_override.as_ref();
        found.extend(base_url.and_then(|base_url| override_problem(base_url, snapshot)));
        for (header, slot) in [
            (CredentialHeader::XApiKey, &self.x_api_key),
            (CredentialHeader::Authorization, &self.authorization),
        ] {
            let Some(slot) = slot else { continue };
            let is_reported = |problem: &ValueProblem| problem.location == slot.location;
            if !found.iter().any(is_reported) {
                found.extend(slot_problem((slot, header), base_url, snapshot));
            }
        }
        found
    }
}

fn override_problem(base_url: &BaseUrlOverride, snapshot: &Snapshot) -> Option<ValueProblem> {
    let text = set_text(&base_url.location, snapshot).or(base_url.base_url.as_deref());
    // One that is not even text is not an address either.
    let problem = match text {
        Some(text) => base_url_problem(text)?,
        None => BaseUrlProblem::Invalid,
    };
    // A cloud's own address has such a path (docs/facts.md#endpoints).
    let is_vendors = match &base_url.location {
        Location::Variable { name } => *name == BASE_URL,
        Location::Setting { key, .. } => key.strip_prefix("env.") == Some(BASE_URL),
        Location::Login { .. }
        | Location::SdkProfile { .. }
        | Location::Federation
        | Location::Profile { .. } => true,
    };
    if problem == BaseUrlProblem::AddedPath && !is_vendors {
        return None;
    }
    Some(ValueProblem {
        location: base_url.location.clone(),
        kind: ValueProblemKind::BaseUrl(problem),
    })
}

fn slot_problem(
    (slot, header): (&Slot, CredentialHeader),
    base_url: Option<&BaseUrlOverride>,
    snapshot: &Snapshot,
) -> Option<ValueProblem> {
    let text = sent_text(slot, header, snapshot)?;
    let grammar = match own_profile(&slot.location, snapshot) {
        Some(profile) => profile.api().grammar(),
        None => grammar_of(base_url.and_then(|found| found.base_url.as_deref())),
    };
    Some(ValueProblem {
        location: slot.location.clone(),
        kind: ValueProblemKind::Credential(credential_problem(text, grammar)?),
    })
}

/// Returns the grammar of credentials for an address, or for the vendor's own if there is none.
fn grammar_of(base_url: Option<&str>) -> Grammar {
    let url = base_url.and_then(|text| Url::parse(text.trim()).ok());
    match url.as_ref().and_then(Url::host_str) {
        Some(host) if host != VENDOR_HOST => Grammar::Printable,
        Some(_) | None => Grammar::Anthropic,
    }
}

/// Finds the problem by which a text cannot be the credential of requests, whatever variable contains it.
pub fn credential_problem(text: &str, grammar: Grammar) -> Option<CredentialProblem> {
    let text = text.trim();
    if text.is_empty() || text.contains(|c: char| c.is_control() || c > '\u{ff}') {
        return None;
    }
    if is_quoted(text) {
        return Some(CredentialProblem::SurroundedBy(TokenRepair::Quotes));
    }
    if let Some(kind) = unusable_kind(Family::from_prefix(text), grammar) {
        return Some(CredentialProblem::WrongKind(kind));
    }
    let report = token::read(text, grammar);
    if let Some(repair) = report.repairs.first() {
        return Some(CredentialProblem::SurroundedBy(*repair));
    }
    match report.verdict {
        TokenVerdict::Reject => report
            .problems
            .first()
            .copied()
            .map(CredentialProblem::NotAToken),
        TokenVerdict::Accept | TokenVerdict::Warn => None,
    }
}

/// Finds the problem by which a text cannot be a base URL. An empty one counts as not set.
pub fn base_url_problem(text: &str) -> Option<BaseUrlProblem> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if is_quoted(text) {
        return Some(BaseUrlProblem::Quoted);
    }
    if text.contains("${") || text.contains("{{") || text.starts_with(['$', '%']) {
        return Some(BaseUrlProblem::Unexpanded);
    }
    if !["https://", "http://"].iter().any(|scheme| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    }) {
        return Some(BaseUrlProblem::NoScheme);
    }
    let Ok(url) = Url::parse(text) else {
        return Some(BaseUrlProblem::Invalid);
    };
    if url.host_str().is_none_or(str::is_empty) {
        return Some(BaseUrlProblem::Invalid);
    }
    let path = url.path().trim_end_matches('/');
    let has_added_path = ADDED_PATHS.iter().any(|added| path.ends_with(added));
    has_added_path.then_some(BaseUrlProblem::AddedPath)
}

/// Returns the text that fills a header, if it is known before the client starts.
pub(super) fn sent_text<'a>(
    slot: &Slot,
    header: CredentialHeader,
    snapshot: &'a Snapshot,
) -> Option<&'a str> {
    let text = match own_profile(&slot.location, snapshot).map(|profile| &profile.source) {
        Some(Source::Environment { variable }) => snapshot.environment.get(variable),
        Some(
            Source::Sealed
            | Source::File { .. }
            | Source::Command { .. }
            | Source::SdkProfile { .. }
            | Source::Ant { .. }
            | Source::ClaudeLogin { .. },
        ) => None,
        None => set_text(&slot.location, snapshot),
    }?;
    match slot.method {
        Method::CustomHeader => in_custom_headers(text, header),
        Method::Cloud
        | Method::CloudKey
        | Method::Helper
        | Method::SdkProfile
        | Method::Federation
        | Method::StoredKey
        | Method::AddressUser
        | Method::Login => None,
        Method::ApiKey | Method::AuthToken | Method::OauthToken | Method::Profile => Some(text),
    }
}

/// Returns the text of a variable, in the environment or in a settings file.
fn set_text<'a>(location: &Location, snapshot: &'a Snapshot) -> Option<&'a str> {
    match location {
        Location::Variable { name } => snapshot.environment.get(name),
        Location::Setting {
            scope, path, key, ..
        } => {
            let name = key.strip_prefix("env.")?;
            let mut files = snapshot.settings.iter();
            let file = files.find(|file| file.scope == *scope && file.path == *path)?;
            match &file.state {
                SettingsState::Read(settings) => {
                    settings.variable(name).map(|it| it.value.inspect())
                }
                SettingsState::Damaged(_) | SettingsState::Unreadable => None,
            }
        }
        Location::Login { .. }
        | Location::SdkProfile { .. }
        | Location::Federation
        | Location::Profile { .. } => None,
    }
}

/// Returns the last value of a credential header in `ANTHROPIC_CUSTOM_HEADERS`, without `Bearer`.
fn in_custom_headers(text: &str, header: CredentialHeader) -> Option<&str> {
    let value = |line: &'_ str| {
        let (name, _) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case(&header.to_string())
            .then_some(())
    };
    let line = text.lines().rev().find(|line| value(line).is_some())?;
    let (_, value) = line.split_once(':')?;
    let value = value.trim();
    match (header, value.split_once(' ')) {
        (CredentialHeader::Authorization, Some((scheme, token)))
            if scheme.eq_ignore_ascii_case("bearer") =>
        {
            Some(token.trim())
        }
        (CredentialHeader::Authorization | CredentialHeader::XApiKey, _) => Some(value),
    }
}

fn own_profile<'a>(location: &Location, snapshot: &'a Snapshot) -> Option<&'a Profile> {
    let Location::Profile { name } = location else {
        return None;
    };
    let mut profiles = snapshot.keyreeve.profiles.iter();
    profiles.find(|profile| profile.name.as_str() == name)
}

/// Returns `true` if quotes are part of a text.
fn is_quoted(text: &str) -> bool {
    const QUOTES: [char; 7] = [
        '"', '\'', '`', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}',
    ];
    text.starts_with(QUOTES) || text.ends_with(QUOTES)
}

/// Describes a family that cannot call models with any variable.
fn unusable_kind(family: Family, grammar: Grammar) -> Option<&'static str> {
    match (family, grammar) {
        (Family::AdminKey, _) => Some("an Admin API key, which cannot call models"),
        (Family::OauthRefresh, _) => Some("a refresh token, which is never sent as a credential"),
        (Family::ClaudeSession, _) => Some("a web session cookie, which is not an API credential"),
        (Family::WorkToken | Family::AdminVirtualKey, _) => {
            Some("not a credential that can call models")
        }
        (Family::OtherVendor, Grammar::Anthropic) => Some("another vendor's key"),
        (Family::VirtualKey, Grammar::Anthropic) => {
            Some("a keyreeve virtual key, but no base URL points to its gateway")
        }
        (Family::OtherVendor | Family::VirtualKey, Grammar::Printable)
        | (Family::ApiKey | Family::OauthAccess | Family::UnknownAnthropic | Family::Opaque, _) => {
            None
        }
    }
}

/// Returns `true` if a URL points to this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl fmt::Display for ValueProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let location = &self.location;
        match self.kind {
            ValueProblemKind::Credential(problem) => {
                write!(f, "{location} cannot be used: {problem}")
            }
            ValueProblemKind::BaseUrl(problem) => write!(f, "{location} {problem}"),
        }
    }
}

impl fmt::Display for CredentialProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongKind(kind) => write!(f, "it is {kind}"),
            Self::NotAToken(problem) => problem.fmt(f),
            Self::SurroundedBy(repair) => f.write_str(match repair {
                TokenRepair::InvisibleChars => "it contains invisible characters",
                TokenRepair::Trim => "it has whitespace around it",
                TokenRepair::TrailingPunctuation => "it ends with a comma or semicolon",
                TokenRepair::HeaderName => "it starts with the name of a header",
                TokenRepair::Assignment => "it starts with the name of a variable",
                TokenRepair::Bearer => "it starts with `Bearer `, which the client adds itself",
                TokenRepair::Quotes => "it has quotes around it, which are sent as part of it",
                TokenRepair::JoinedLines => "it contains a line break",
            }),
        }
    }
}

impl fmt::Display for BaseUrlProblem {
    /// Describes the problem as the predicate of a sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quoted => "has quotes around its value, which become part of the address",
            Self::Unexpanded => "contains the name of a variable, not its value: nothing expanded it",
            Self::NoScheme => "is not an address: it must start with https://",
            Self::Invalid => "is not a valid address",
            Self::AddedPath => {
                "ends in a path that Claude Code and the SDKs add themselves, so they would request /v1/v1/messages"
            }
        })
    }
}
