//! The official SDKs' chain, and what Claude Code shares with it: profiles, federation, custom headers
//! (docs/facts.md#sdk-chain).

use super::chain::{Candidate, ChainWalk, OverriddenBy, Provides};
use super::client::{ClientProgram, PythonMajor, TypescriptMajor};
use super::destination::{AddressSyntax, RequestDestination};
use super::location::Location;
use super::parsed_value::{Encoding, Flaw, HeaderPrefix, ValueSyntax};
use super::step::{ChainStep, CredentialHeader, FilledHeaders, Method, StepState};
use super::variables::Variables;
use crate::rules::sdk_store::{
    DirectoryVariable, FederationConfig, SdkConfig, SdkCredentials, SdkKind, SdkProfile, SdkStore,
    profile_directory,
};
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::{
    API_KEY, AUTH_TOKEN, BASE_URL, CUSTOM_HEADERS, FEDERATION_ORGANIZATION, FEDERATION_RULE,
    IDENTITY_TOKEN, IDENTITY_TOKEN_FILE, SDK_PROFILE,
};

/// Walks the chain of an official SDK.
pub(super) fn walk(snapshot: &Snapshot, client: ClientProgram) -> ChainWalk<'_> {
    let variables = Variables::from_environment(snapshot);
    let profiles = SdkProfiles::new(client, snapshot, &variables);
    let mut walk = ChainWalk::new(RequestDestination::from_variable(
        variables.effective(BASE_URL),
        address_syntax(client),
    ));
    let (key_headers, token_overridden_by) = match client {
        ClientProgram::SdkPython(PythonMajor::Zero | PythonMajor::One)
        | ClientProgram::SdkTypescript(TypescriptMajor::Zero) => {
            (FilledHeaders::XApiKey, OverriddenBy::SameHeader)
        }
        // One bearer token: the key overrides the auth token.
        ClientProgram::SdkPython(PythonMajor::Two)
        | ClientProgram::SdkTypescript(TypescriptMajor::One)
        | ClientProgram::ClaudeCode { .. }
        | ClientProgram::Keyreeve => (FilledHeaders::Authorization, OverriddenBy::AnyHeader),
    };
    let values = match client {
        ClientProgram::SdkPython(PythonMajor::Zero) => ValueSyntax::Kept(Encoding::Ascii),
        ClientProgram::SdkPython(PythonMajor::One | PythonMajor::Two) => {
            ValueSyntax::Kept(Encoding::Utf8)
        }
        ClientProgram::SdkTypescript(_)
        | ClientProgram::ClaudeCode { .. }
        | ClientProgram::Keyreeve => ValueSyntax::TrimmedByNode,
    };
    let key_prefix = if key_headers == FilledHeaders::XApiKey {
        HeaderPrefix::Nothing
    } else {
        HeaderPrefix::Bearer
    };
    let variable =
        |name, method, prefix| Candidate::from_variable(&variables, name, method, (values, prefix));
    walk.add_steps(
        variable(API_KEY, Method::ApiKey, key_prefix),
        key_headers,
        OverriddenBy::SameHeader,
    );
    walk.add_steps(
        variable(AUTH_TOKEN, Method::AuthToken, HeaderPrefix::Bearer),
        FilledHeaders::Authorization,
        token_overridden_by,
    );
    for candidate in profile_steps(client, &profiles) {
        walk.add_steps(
            vec![candidate],
            FilledHeaders::Authorization,
            OverriddenBy::AnyHeader,
        );
    }
    profiles.override_base_url(&mut walk);
    apply_custom_headers(client, &variables, &mut walk);
    if let (ClientProgram::SdkPython(_), Some(found)) = (client, variables.effective(BASE_URL))
        && found.value == Ok("")
    {
        // The SDK uses an empty address unchanged.
        walk.broken.get_or_insert((found.location, Flaw::NoAddress));
    }
    walk.fail_on_invalid_address();
    walk
}

/// Returns the addresses that a client accepts.
fn address_syntax(client: ClientProgram) -> AddressSyntax {
    match client {
        ClientProgram::SdkPython(_) => AddressSyntax::Strict,
        ClientProgram::SdkTypescript(_) => AddressSyntax::WithoutUser,
        ClientProgram::ClaudeCode { .. } | ClientProgram::Keyreeve => AddressSyntax::Browser,
    }
}

/// Returns the profile steps in the client's order: before Python 2.0, an active profile precedes the federation.
fn profile_steps<'a>(client: ClientProgram, profiles: &SdkProfiles<'a>) -> [Candidate<'a>; 3] {
    match client {
        ClientProgram::SdkPython(PythonMajor::Zero | PythonMajor::One)
            if profiles.has_active_config() =>
        {
            [profiles.named(), profiles.active(), profiles.federation()]
        }
        ClientProgram::SdkPython(_)
        | ClientProgram::SdkTypescript(_)
        | ClientProgram::ClaudeCode { .. }
        | ClientProgram::Keyreeve => [profiles.named(), profiles.federation(), profiles.active()],
    }
}

/// Applies the credential headers of `ANTHROPIC_CUSTOM_HEADERS`, which override all others. In a request of Claude
/// Code with an auth token or a helper's value they override `x-api-key` only.
pub(super) fn apply_custom_headers<'a>(
    client: ClientProgram,
    variables: &Variables<'a>,
    walk: &mut ChainWalk<'a>,
) {
    let Some(found) = variables.effective(CUSTOM_HEADERS) else {
        return;
    };
    let is_bearer = |step: &ChainStep| {
        matches!(step.method, Method::Helper | Method::AuthToken)
            && matches!(step.state, StepState::Taken { .. })
    };
    let keeps_bearer = match client {
        ClientProgram::ClaudeCode { .. } => walk.steps.iter().any(is_bearer),
        ClientProgram::SdkPython(_) | ClientProgram::SdkTypescript(_) | ClientProgram::Keyreeve => {
            false
        }
    };
    for line in found.value.unwrap_or_default().lines() {
        let Some((header, value)) = line.split_once(':') else {
            continue;
        };
        let (header, value) = match header.trim().to_ascii_lowercase().as_str() {
            "x-api-key" => (CredentialHeader::XApiKey, value.trim()),
            "authorization" if keeps_bearer => continue,
            "authorization" => (CredentialHeader::Authorization, bearer_token(value.trim())),
            _ => continue,
        };
        let candidate = Candidate {
            method: Method::CustomHeader,
            location: found.location.clone(),
            provides: Provides::Known(value),
            skip_reason: None,
        };
        walk.override_header(candidate, header, value);
    }
}

/// Returns the token of an `Authorization` value.
fn bearer_token(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => value,
    }
}

/// The variables that configure a federation.
struct FederationVariables<'a> {
    has_rule: bool,
    has_organization: bool,
    identity_file: Option<&'a str>,
    has_identity: bool,
}

/// The SDKs' profiles and federation variables, as one client sees them.
pub(super) struct SdkProfiles<'a> {
    store: Option<&'a SdkStore>,
    named: Option<&'a str>,
    /// `true` if there is whitespace around that name, and the client refuses it.
    is_padded: bool,
    federation: FederationVariables<'a>,
    client: ClientProgram,
    snapshot: &'a Snapshot,
}

impl<'a> SdkProfiles<'a> {
    pub(super) fn new(
        client: ClientProgram,
        snapshot: &'a Snapshot,
        variables: &Variables<'a>,
    ) -> Self {
        let is_set = |name| variables.non_empty(name).is_some();
        let named = variables.non_empty(SDK_PROFILE);
        let as_set = variables.effective(SDK_PROFILE);
        let as_set = as_set.and_then(|found| found.value.ok());
        let refuses_blanks = match client {
            ClientProgram::SdkPython(_) => true,
            ClientProgram::SdkTypescript(_)
            | ClientProgram::ClaudeCode { .. }
            | ClientProgram::Keyreeve => false,
        };
        Self {
            is_padded: refuses_blanks && as_set != named,
            store: store(client, snapshot, variables),
            named,
            federation: FederationVariables {
                has_rule: is_set(FEDERATION_RULE),
                has_organization: is_set(FEDERATION_ORGANIZATION),
                identity_file: variables.non_empty(IDENTITY_TOKEN_FILE),
                has_identity: is_set(IDENTITY_TOKEN),
            },
            client,
            snapshot,
        }
    }

    /// Returns the profile that `ANTHROPIC_PROFILE` names; a missing one is an error.
    pub(super) fn named(&self) -> Candidate<'a> {
        let provides = match self.named {
            None => Provides::Nothing,
            Some(name) if name.contains(['/', '\\']) => Provides::Broken(Flaw::InvalidName),
            Some(_) if self.is_padded => Provides::Broken(Flaw::SurroundingWhitespace),
            Some(name) => match self.store.and_then(|store| store.profile(name)) {
                None => Provides::Broken(Flaw::NoSuchProfile),
                Some(profile) => self.provides(profile),
            },
        };
        self.candidate(self.named.unwrap_or("(ANTHROPIC_PROFILE)"), provides)
    }

    /// Returns the federation that variables configure.
    pub(super) fn federation(&self) -> Candidate<'a> {
        Candidate {
            method: Method::Federation,
            location: Location::Federation,
            provides: self.provides_federation(),
            skip_reason: None,
        }
    }

    fn provides_federation(&self) -> Provides<'a> {
        let variables = &self.federation;
        if !variables.has_rule || !variables.has_organization {
            return Provides::Nothing;
        }
        let needs_identity = match self.client {
            ClientProgram::ClaudeCode { .. } => true,
            ClientProgram::SdkPython(_)
            | ClientProgram::SdkTypescript(_)
            | ClientProgram::Keyreeve => false,
        };
        match variables.identity_file {
            Some(file) if !self.has_identity_file(file) => Provides::Broken(Flaw::NoIdentity),
            Some(_) => Provides::Fetched,
            None if variables.has_identity => Provides::Fetched,
            None if needs_identity => Provides::Broken(Flaw::NoIdentity),
            None => Provides::Nothing,
        }
    }

    /// Returns `true` if a file has an identity token, as far as we know.
    fn has_identity_file(&self, file: &str) -> bool {
        let known = self.snapshot.identity_files.as_ref();
        known.is_none_or(|files| files.iter().any(|known| known.trim() == file.trim()))
    }

    /// Returns what a profile by federation provides; variables complete its configuration.
    fn provides_exchange(&self, config: &FederationConfig) -> Provides<'a> {
        let variables = &self.federation;
        let file = config.identity_file.as_deref();
        let has_identity = match file.or(variables.identity_file) {
            Some(file) => self.has_identity_file(file),
            None => variables.has_identity,
        };
        let is_complete = (config.has_rule || variables.has_rule)
            && (config.has_organization || variables.has_organization);
        match (is_complete, has_identity) {
            (true, true) => Provides::Fetched,
            (true, false) => Provides::Broken(Flaw::NoIdentity),
            (false, _) => Provides::Broken(Flaw::NoRule),
        }
    }

    /// Returns the profile that is active by default.
    pub(super) fn active(&self) -> Candidate<'a> {
        let name = self.store.map_or("default", SdkStore::active);
        let profile = self
            .store
            .filter(|_| self.named != Some(name))
            .and_then(|store| store.profile(name));
        let provides = profile.map_or(Provides::Nothing, |profile| self.provides(profile));
        self.candidate(name, provides)
    }

    /// Returns `true` if `ANTHROPIC_PROFILE` names a profile.
    pub(super) fn is_named(&self) -> bool {
        self.named.is_some()
    }

    /// Returns `true` if a file names the profile that is active by default.
    fn has_active_config(&self) -> bool {
        self.store.is_some_and(|store| store.active.is_some())
    }

    /// Returns `true` if the profile that is active by default is a federation.
    pub(super) fn active_is_federation(&self) -> bool {
        let profile = self.store.and_then(|store| store.profile(store.active()));
        profile.is_some_and(|profile| match profile.config {
            SdkConfig::Known { kind, .. } => kind == SdkKind::Federation,
            SdkConfig::Damaged { .. } | SdkConfig::Refused => false,
        })
    }

    fn candidate(&self, name: &str, provides: Provides<'a>) -> Candidate<'a> {
        Candidate {
            method: Method::SdkProfile,
            location: Location::SdkProfile {
                name: name.to_owned(),
                directory: self
                    .store
                    .map_or("the SDKs' directory", |store| store.directory.as_str())
                    .to_owned(),
            },
            provides,
            skip_reason: None,
        }
    }

    fn provides(&self, profile: &SdkProfile) -> Provides<'a> {
        let kind = match &profile.config {
            SdkConfig::Known {
                kind: SdkKind::Federation,
                federation,
                ..
            } => return self.provides_exchange(federation),
            SdkConfig::Known { kind, .. } => *kind,
            SdkConfig::Damaged { .. } => return Provides::Broken(Flaw::Damaged),
            SdkConfig::Refused => return Provides::Broken(Flaw::Refused),
        };
        // Python 2.x sends an expired token all the same.
        let checks_expiry = kind == SdkKind::ExternallyRotated
            && self.client != ClientProgram::SdkPython(PythonMajor::Two);
        match &profile.credentials {
            None => Provides::Broken(Flaw::NoCredential),
            Some(SdkCredentials::Damaged) => Provides::Broken(Flaw::Damaged),
            Some(SdkCredentials::NoToken) => Provides::Broken(Flaw::NoToken),
            Some(SdkCredentials::BlankToken) => Provides::Known(""),
            Some(SdkCredentials::Refused) => Provides::Broken(Flaw::Refused),
            Some(SdkCredentials::Present { expires_at })
                if checks_expiry && expires_at.is_some_and(|end| end <= self.snapshot.now) =>
            {
                Provides::Broken(Flaw::Expired)
            }
            Some(SdkCredentials::Present { .. }) => Provides::Fetched,
        }
    }

    /// Uses the base URL of the profile that fills the header, unless a variable sets one.
    pub(super) fn override_base_url(&self, walk: &mut ChainWalk<'_>) {
        let Some(filled) = &walk.authorization else {
            return;
        };
        let Location::SdkProfile { name, .. } = &filled.slot.location else {
            return;
        };
        let profile = self.store.and_then(|store| store.profile(name));
        if let Some(SdkConfig::Known {
            base_url: Some(base_url),
            ..
        }) = profile.map(|profile| &profile.config)
        {
            let location = filled.slot.location.clone();
            let syntax = address_syntax(self.client);
            walk.destination
                .set_unless_overridden(base_url, syntax, location);
        }
    }
}

/// Returns the profile directory that a client reads. Python does not follow `XDG_CONFIG_HOME`.
fn store<'a>(
    client: ClientProgram,
    snapshot: &'a Snapshot,
    variables: &Variables<'_>,
) -> Option<&'a SdkStore> {
    let follows = |variable| match (variable, client) {
        (DirectoryVariable::Configuration, ClientProgram::SdkPython(_)) => false,
        (DirectoryVariable::Profiles, _)
        | (
            DirectoryVariable::Configuration,
            ClientProgram::SdkTypescript(_)
            | ClientProgram::ClaudeCode { .. }
            | ClientProgram::Keyreeve,
        ) => true,
    };
    let from_variable = |variable: DirectoryVariable| {
        let value = variables.non_empty(variable.name())?;
        profile_directory(variable, value, snapshot.directory.as_deref())
    };
    let in_home = || {
        let home = snapshot.home.as_ref()?;
        Some(format!("{home}/.config/anthropic"))
    };
    let directory = DirectoryVariable::ALL
        .into_iter()
        .filter(|variable| follows(*variable))
        .find_map(from_variable)
        .or_else(in_home)?;
    snapshot
        .sdk_stores
        .iter()
        .find(|store| store.directory == directory)
}
