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
    BaseUrlKind, CredentialsPath, DirectoryVariable, FederationConfig, SdkConfig, SdkCredentials,
    SdkKind, SdkProfile, SdkStore, profile_directory,
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
    let values = value_syntax(client);
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
    profiles.fail_on_fragment(&mut walk);
    apply_custom_headers(client, &variables, &mut walk);
    if let (ClientProgram::SdkPython(_), Some(found)) = (client, variables.effective(BASE_URL))
        && found.value == Ok("")
    {
        // The SDK uses an empty address unchanged.
        walk.broken.get_or_insert((found.location, Flaw::NoAddress));
    }
    profiles.fail_or_send_address_user(&variables, &mut walk);
    walk.fail_on_invalid_address();
    walk
}

/// Returns the values that a client can send.
fn value_syntax(client: ClientProgram) -> ValueSyntax {
    match client {
        ClientProgram::SdkPython(PythonMajor::Zero) => ValueSyntax::Kept(Encoding::Ascii),
        ClientProgram::SdkPython(PythonMajor::One | PythonMajor::Two) => {
            ValueSyntax::Kept(Encoding::Utf8)
        }
        ClientProgram::SdkTypescript(_)
        | ClientProgram::ClaudeCode { .. }
        | ClientProgram::Keyreeve => ValueSyntax::TrimmedByNode,
    }
}

/// Returns the addresses that a client accepts.
fn address_syntax(client: ClientProgram) -> AddressSyntax {
    match client {
        ClientProgram::SdkPython(_) => AddressSyntax::Strict,
        ClientProgram::SdkTypescript(_) => AddressSyntax::WithoutUser,
        ClientProgram::ClaudeCode { .. } | ClientProgram::Keyreeve => AddressSyntax::Browser,
    }
}

/// Returns the profile steps in the client's order: before Python 2.0 and TypeScript 1.0, an active profile precedes the
/// federation; before TypeScript 1.0, a federation replaces a named profile that does not exist.
fn profile_steps<'a>(client: ClientProgram, profiles: &SdkProfiles<'a>) -> [Candidate<'a>; 3] {
    match client {
        ClientProgram::SdkPython(PythonMajor::Zero | PythonMajor::One)
            if profiles.has_active_config() =>
        {
            [profiles.named(), profiles.active(), profiles.federation()]
        }
        ClientProgram::SdkTypescript(TypescriptMajor::Zero)
            if profiles.names_missing() && profiles.has_federation() =>
        {
            [profiles.federation(), profiles.named(), profiles.active()]
        }
        ClientProgram::SdkTypescript(TypescriptMajor::Zero) => {
            [profiles.named(), profiles.active(), profiles.federation()]
        }
        ClientProgram::SdkPython(_)
        | ClientProgram::SdkTypescript(TypescriptMajor::One)
        | ClientProgram::ClaudeCode { .. }
        | ClientProgram::Keyreeve => [profiles.named(), profiles.federation(), profiles.active()],
    }
}

/// Applies the credential headers of `ANTHROPIC_CUSTOM_HEADERS`, which override all others. In a request of Claude
/// Code with an auth token, a helper's value or a profile they override `x-api-key` only.
pub(super) fn apply_custom_headers<'a>(
    client: ClientProgram,
    variables: &Variables<'a>,
    walk: &mut ChainWalk<'a>,
) {
    let Some(found) = variables.effective(CUSTOM_HEADERS) else {
        return;
    };
    let is_bearer = |step: &ChainStep| {
        matches!(
            step.method,
            Method::Helper | Method::AuthToken | Method::SdkProfile | Method::Federation
        ) && matches!(step.state, StepState::Taken { .. })
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
    empty_file: EmptyCredentialFile,
}

/// The effect of a profile's credential file that is empty.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EmptyCredentialFile {
    /// It is damaged, as any other that is not JSON.
    Damaged,
    /// It counts as absent.
    Absent,
}

impl<'a> SdkProfiles<'a> {
    pub(super) fn new(
        client: ClientProgram,
        snapshot: &'a Snapshot,
        variables: &Variables<'a>,
    ) -> Self {
        // Python does not trim.
        let keeps_blanks = match client {
            ClientProgram::SdkPython(_) => true,
            ClientProgram::SdkTypescript(_)
            | ClientProgram::ClaudeCode { .. }
            | ClientProgram::Keyreeve => false,
        };
        let is_set = |name| {
            let found = variables.effective(name).and_then(|found| found.value.ok());
            let is_blank = keeps_blanks && found.is_some_and(|value| !value.is_empty());
            is_blank || variables.non_empty(name).is_some()
        };
        let named = variables.non_empty(SDK_PROFILE);
        let as_set = variables.effective(SDK_PROFILE);
        let as_set = as_set.and_then(|found| found.value.ok());
        Self {
            is_padded: keeps_blanks
                && as_set.is_some_and(|set| Some(set) != named && !set.is_empty()),
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
            empty_file: EmptyCredentialFile::Damaged,
        }
    }

    /// Sets the effect of an empty credential file.
    pub(super) fn with_empty_file(self, empty_file: EmptyCredentialFile) -> Self {
        Self { empty_file, ..self }
    }

    /// Returns the profile that `ANTHROPIC_PROFILE` names; a missing one is an error.
    pub(super) fn named(&self) -> Candidate<'a> {
        let provides = match self.named {
            None if self.is_padded => Provides::Broken(Flaw::SurroundingWhitespace),
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

    /// Returns `true` if `ANTHROPIC_PROFILE` names a profile that does not exist.
    fn names_missing(&self) -> bool {
        let Some(name) = self.named else {
            return false;
        };
        self.store.and_then(|store| store.profile(name)).is_none()
    }

    /// Returns `true` if variables configure a federation completely.
    fn has_federation(&self) -> bool {
        matches!(
            self.provides_federation(),
            Provides::Known(_) | Provides::Fetched
        )
    }

    /// Returns `true` if a file names the profile that is active by default.
    fn has_active_config(&self) -> bool {
        self.store.is_some_and(|store| store.active.is_some())
    }

    /// Returns `true` if the profile that is active by default is a federation.
    pub(super) fn active_is_federation(&self) -> bool {
        let profile = self.store.and_then(|store| store.profile(store.active()));
        profile.is_some_and(SdkProfile::is_federation)
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
            SdkConfig::Known {
                base_url_kind: BaseUrlKind::Other,
                ..
            } if matches!(self.client, ClientProgram::SdkTypescript(_)) => {
                return Provides::Broken(Flaw::NotText);
            }
            SdkConfig::Known { kind, .. } => *kind,
            SdkConfig::Damaged { .. } => return Provides::Broken(Flaw::DamagedConfig),
            SdkConfig::Refused => return Provides::Broken(Flaw::Refused),
        };
        // Python sends an expired token all the same.
        let is_python = matches!(self.client, ClientProgram::SdkPython(_));
        let checks_expiry = kind == SdkKind::ExternallyRotated && !is_python;
        match &profile.credentials {
            None => Provides::Broken(Flaw::NoCredential),
            Some(SdkCredentials::Damaged) => Provides::Broken(Flaw::Damaged),
            Some(SdkCredentials::Empty) => Provides::Broken(match self.empty_file {
                EmptyCredentialFile::Damaged => Flaw::Damaged,
                EmptyCredentialFile::Absent => Flaw::NoCredential,
            }),
            Some(SdkCredentials::NoToken) => Provides::Broken(Flaw::NoToken),
            Some(SdkCredentials::BlankToken | SdkCredentials::NotForPython { .. }) if is_python => {
                Provides::Broken(Flaw::UnsendableToken)
            }
            Some(SdkCredentials::UnsendableToken) => Provides::Broken(Flaw::UnsendableToken),
            Some(SdkCredentials::BlankToken) => Provides::Known(""),
            Some(SdkCredentials::Refused) => Provides::Broken(Flaw::Refused),
            Some(
                SdkCredentials::Present { expires_at }
                | SdkCredentials::NotForPython { expires_at },
            ) if checks_expiry && expires_at.is_some_and(|end| end <= self.snapshot.now) => {
                Provides::Broken(Flaw::Expired)
            }
            Some(SdkCredentials::Present { .. } | SdkCredentials::NotForPython { .. }) => {
                Provides::Fetched
            }
        }
    }

    /// Returns the profile that is named, or else active, if its `credentials_path` is no text.
    pub(super) fn with_odd_credentials_path(&self) -> Option<Location> {
        let name = self
            .named
            .unwrap_or_else(|| self.store.map_or("default", SdkStore::active));
        let profile = self.store.and_then(|store| store.profile(name))?;
        match &profile.config {
            SdkConfig::Known {
                credentials_path: CredentialsPath::NotText,
                ..
            } => Some(self.candidate(name, Provides::Nothing).location),
            SdkConfig::Known { .. } | SdkConfig::Damaged { .. } | SdkConfig::Refused => None,
        }
    }

    /// Makes the exchange of an identity token fail at an address with a fragment: its path is lost.
    pub(super) fn fail_on_fragment(&self, walk: &mut ChainWalk<'_>) {
        let is_exchanged =
            walk.authorization
                .as_ref()
                .is_some_and(|filled| match &filled.slot.location {
                    Location::Federation => true,
                    Location::SdkProfile { name, .. } => {
                        let profile = self.store.and_then(|store| store.profile(name));
                        profile.is_some_and(SdkProfile::is_federation)
                    }
                    Location::Variable { .. }
                    | Location::Setting { .. }
                    | Location::Login { .. }
                    | Location::Profile { .. } => false,
                });
        if is_exchanged && walk.destination.has_fragment() {
            walk.destination.invalidate();
        }
    }

    /// Applies what the SDKs' HTTP libraries do with an address: Python's sends its user name and password in place of
    /// any other `Authorization`, and Python exchanges no token without TLS.
    fn fail_or_send_address_user(&self, variables: &Variables<'a>, walk: &mut ChainWalk<'a>) {
        match self.client {
            ClientProgram::SdkPython(_) => {}
            ClientProgram::SdkTypescript(_)
            | ClientProgram::ClaudeCode { .. }
            | ClientProgram::Keyreeve => return,
        }
        self.fail_on_insecure_address(variables, walk);
        let is_request = walk.x_api_key.is_some() || walk.authorization.is_some();
        if let (Some(user), true) = (walk.destination.user().cloned(), is_request) {
            walk.send_address_user(user.location);
        }
    }

    /// Makes Python fail whose profile or federation has a base URL that is neither https nor on this machine.
    fn fail_on_insecure_address(&self, variables: &Variables<'a>, walk: &mut ChainWalk<'a>) {
        let Some(location) = walk
            .authorization
            .as_ref()
            .filter(|filled| matches!(filled.slot.method, Method::SdkProfile | Method::Federation))
            .map(|filled| filled.slot.location.clone())
        else {
            return;
        };
        let of_profile = match &location {
            Location::SdkProfile { name, .. } => {
                let profile = self.store.and_then(|store| store.profile(name));
                match profile.map(|profile| &profile.config) {
                    Some(SdkConfig::Known { base_url, .. }) => base_url.as_deref(),
                    Some(SdkConfig::Damaged { .. } | SdkConfig::Refused) | None => None,
                }
            }
            Location::Variable { .. }
            | Location::Setting { .. }
            | Location::Login { .. }
            | Location::Federation
            | Location::Profile { .. } => None,
        };
        let of_variable = variables.effective(BASE_URL);
        let of_variable = of_variable.and_then(|found| found.value.ok());
        let base_url = of_profile.or(of_variable).unwrap_or_default();
        let lower = base_url.to_ascii_lowercase();
        let accepted = [
            "https://",
            "http://localhost",
            "http://127.0.0.1",
            "http://[::1]",
        ];
        if !base_url.is_empty() && !accepted.iter().any(|start| lower.starts_with(start)) {
            walk.fail(location, Flaw::InvalidAddress);
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
