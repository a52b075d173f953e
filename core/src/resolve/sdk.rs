//! The official SDKs' chain, and what Claude Code shares with it: profiles, federation, custom headers
//! (docs/facts.md#sdk-chain).

use crate::sdk_store::{SdkConfig, SdkCredentials, SdkKind, SdkProfile, SdkStore};
use crate::snapshot::Snapshot;

use super::client::{Client, PythonMajor, TypescriptMajor};
use super::climb::{Candidate, Climb, Holds, YieldsTo};
use super::payer::Destination;
use super::place::Place;
use super::reading::{Blanks, Flaw};
use super::rung::{Fills, Header, Method};
use super::variables::Variables;

pub(super) fn climb(snapshot: &Snapshot, client: Client) -> Climb<'_> {
    let variables = Variables::of_process(snapshot);
    let stores = Stores::of(client, snapshot, &variables);
    let mut climb = Climb::new(Destination::of(variables.deciding("ANTHROPIC_BASE_URL")));
    let (key, token) = match client {
        Client::SdkPython(PythonMajor::Zero | PythonMajor::One) => {
            (Fills::XApiKey, YieldsTo::SameHeader)
        }
        // One bearer, and the key beats the token.
        Client::SdkPython(PythonMajor::Two)
        | Client::SdkTypescript(TypescriptMajor::One)
        | Client::ClaudeCode { .. }
        | Client::Keyreeve => (Fills::Authorization, YieldsTo::AnyHeader),
    };
    let blanks = match client {
        Client::SdkPython(_) => Blanks::Fatal,
        Client::SdkTypescript(_) | Client::ClaudeCode { .. } | Client::Keyreeve => Blanks::TakenOff,
    };
    let variable = |name, method| Candidate::of_variable(&variables, name, method, blanks);
    climb.step(
        variable("ANTHROPIC_API_KEY", Method::ApiKey),
        key,
        YieldsTo::SameHeader,
    );
    climb.step(
        variable("ANTHROPIC_AUTH_TOKEN", Method::AuthToken),
        Fills::Authorization,
        token,
    );
    let further = match client {
        Client::SdkPython(PythonMajor::Zero | PythonMajor::One) if stores.is_chosen() => {
            [stores.named(), stores.active(), stores.federation()]
        }
        Client::SdkPython(_)
        | Client::SdkTypescript(_)
        | Client::ClaudeCode { .. }
        | Client::Keyreeve => [stores.named(), stores.federation(), stores.active()],
    };
    for candidate in further {
        climb.step(vec![candidate], Fills::Authorization, YieldsTo::AnyHeader);
    }
    stores.move_destination(&mut climb);
    custom_headers(&variables, &mut climb);
    if let (Client::SdkPython(_), Some(found)) = (client, variables.deciding("ANTHROPIC_BASE_URL"))
        && found.value == Ok("")
    {
        // It takes an empty address for one.
        climb.broken.get_or_insert((found.place, Flaw::NoAddress));
    }
    climb
}

/// Credential headers that `ANTHROPIC_CUSTOM_HEADERS` spells out. They are put in last, over whatever is there.
pub(super) fn custom_headers<'a>(variables: &Variables<'a>, climb: &mut Climb<'a>) {
    const NAME: &str = "ANTHROPIC_CUSTOM_HEADERS";
    let Some(found) = variables.deciding(NAME) else {
        return;
    };
    for line in found.value.unwrap_or_default().lines() {
        let Some((header, value)) = line.split_once(':') else {
            continue;
        };
        let (header, value) = match header.trim().to_ascii_lowercase().as_str() {
            "x-api-key" => (Header::XApiKey, value.trim()),
            "authorization" => (Header::Authorization, bearer(value.trim())),
            _ => continue,
        };
        let candidate = Candidate {
            method: Method::CustomHeader,
            place: found.place.clone(),
            holds: Holds::Known(value),
            passed_over: None,
        };
        climb.replace(candidate, header, value);
    }
}

/// The token of an `Authorization` value.
fn bearer(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => value,
    }
}

/// The SDKs' profiles and federation variables, as one client sees them.
pub(super) struct Stores<'a> {
    store: Option<&'a SdkStore>,
    named: Option<&'a str>,
    is_federated: bool,
    snapshot: &'a Snapshot,
}

impl<'a> Stores<'a> {
    pub(super) fn of(client: Client, snapshot: &'a Snapshot, variables: &Variables<'a>) -> Self {
        let filled = |name| variables.is_filled(name);
        Self {
            store: store(client, snapshot, variables),
            named: variables
                .value("ANTHROPIC_PROFILE")
                .map(str::trim)
                .filter(|name| !name.is_empty()),
            is_federated: filled("ANTHROPIC_FEDERATION_RULE_ID")
                && filled("ANTHROPIC_ORGANIZATION_ID")
                && (filled("ANTHROPIC_IDENTITY_TOKEN_FILE") || filled("ANTHROPIC_IDENTITY_TOKEN")),
            snapshot,
        }
    }

    /// The profile that `ANTHROPIC_PROFILE` names. One that is not there is an error.
    pub(super) fn named(&self) -> Candidate<'a> {
        let holds = match self.named {
            None => Holds::Nothing,
            Some(name) => match self.store.and_then(|store| store.profile(name)) {
                None => Holds::Broken(Flaw::NoSuchProfile),
                Some(profile) => self.holds(profile),
            },
        };
        self.candidate(self.named.unwrap_or("(ANTHROPIC_PROFILE)"), holds)
    }

    /// The federation that variables describe.
    pub(super) fn federation(&self) -> Candidate<'a> {
        Candidate {
            method: Method::Federation,
            place: Place::Federation,
            holds: if self.is_federated {
                Holds::Fetched
            } else {
                Holds::Nothing
            },
            passed_over: None,
        }
    }

    /// The profile in use where none is named.
    pub(super) fn active(&self) -> Candidate<'a> {
        let name = self.store.map_or("default", SdkStore::active);
        let profile = self
            .store
            .filter(|_| self.named != Some(name))
            .and_then(|store| store.profile(name));
        let holds = profile.map_or(Holds::Nothing, |profile| self.holds(profile));
        self.candidate(name, holds)
    }

    /// Whether `ANTHROPIC_PROFILE` names a profile.
    pub(super) fn is_named(&self) -> bool {
        self.named.is_some()
    }

    /// Whether somebody chose the profile in use where none is named.
    fn is_chosen(&self) -> bool {
        self.store.is_some_and(|store| store.active.is_some())
    }

    /// Whether the profile in use where none is named exchanges an identity.
    pub(super) fn active_is_federation(&self) -> bool {
        let profile = self.store.and_then(|store| store.profile(store.active()));
        profile.is_some_and(|profile| match profile.config {
            SdkConfig::Known { kind, .. } => kind == SdkKind::Federation,
            SdkConfig::Damaged { .. } | SdkConfig::Refused => false,
        })
    }

    fn candidate(&self, name: &str, holds: Holds<'a>) -> Candidate<'a> {
        Candidate {
            method: Method::SdkProfile,
            place: Place::SdkProfile {
                name: name.to_owned(),
                directory: self
                    .store
                    .map_or("the SDKs' directory", |store| store.directory.as_str())
                    .to_owned(),
            },
            holds,
            passed_over: None,
        }
    }

    fn holds(&self, profile: &SdkProfile) -> Holds<'a> {
        let kind = match profile.config {
            SdkConfig::Known { kind, .. } => kind,
            SdkConfig::Damaged { .. } => return Holds::Broken(Flaw::Damaged),
            SdkConfig::Refused => return Holds::Broken(Flaw::Refused),
        };
        match (kind, &profile.credentials) {
            (SdkKind::Federation, _) => Holds::Fetched,
            (SdkKind::UserLogin | SdkKind::RotatedOutside, None) => {
                Holds::Broken(Flaw::NoCredential)
            }
            (_, Some(SdkCredentials::Damaged)) => Holds::Broken(Flaw::Damaged),
            (_, Some(SdkCredentials::Refused)) => Holds::Broken(Flaw::Refused),
            (SdkKind::RotatedOutside, Some(SdkCredentials::Present { expires_at }))
                if expires_at.is_some_and(|end| end <= self.snapshot.now) =>
            {
                Holds::Broken(Flaw::Expired)
            }
            (
                SdkKind::UserLogin | SdkKind::RotatedOutside,
                Some(SdkCredentials::Present { .. }),
            ) => Holds::Fetched,
        }
    }

    /// A profile's address counts where no variable gives one.
    pub(super) fn move_destination(&self, climb: &mut Climb<'_>) {
        let Some(filled) = &climb.authorization else {
            return;
        };
        let Place::SdkProfile { name, .. } = &filled.slot.place else {
            return;
        };
        let profile = self.store.and_then(|store| store.profile(name));
        if let Some(SdkConfig::Known {
            base_url: Some(base_url),
            ..
        }) = profile.map(|profile| &profile.config)
        {
            let place = filled.slot.place.clone();
            climb.destination.move_unless_moved(base_url, place);
        }
    }
}

/// The directory in which a client looks for profiles. Only TypeScript heeds `XDG_CONFIG_HOME`.
fn store<'a>(
    client: Client,
    snapshot: &'a Snapshot,
    variables: &Variables<'_>,
) -> Option<&'a SdkStore> {
    let filled = |name| {
        variables
            .value(name)
            .map(str::trim)
            .filter(|value| !value.is_empty())
    };
    let of_home = || {
        snapshot
            .home
            .as_ref()
            .map(|home| format!("{home}/.config/anthropic"))
    };
    let of_xdg = || filled("XDG_CONFIG_HOME").map(|config| format!("{config}/anthropic"));
    let directory = match (filled("ANTHROPIC_CONFIG_DIR"), client) {
        (Some(directory), _) => Some(directory.to_owned()),
        (None, Client::SdkTypescript(_)) => of_xdg().or_else(of_home),
        (None, Client::SdkPython(_) | Client::ClaudeCode { .. } | Client::Keyreeve) => of_home(),
    }?;
    snapshot
        .sdk_stores
        .iter()
        .find(|store| store.directory == directory)
}
