//! Claude Code's chain (docs/facts.md#claude-code). The rules that differ between releases are in `releases`.
//!
//! It fills two headers independently, so one request can carry two credentials.

use super::chain::{Candidate, ChainWalk, FilledHeader, OverriddenBy, Provides};
use super::client::{ClientProgram, Release};
use super::entry_point::SessionKind;
use super::location::Location;
use super::parsed_value::{Flaw, HeaderPrefix, ParsedValue, Switch};
use super::releases::Rules;
use super::sdk;
use super::step::{ChainStep, CredentialHeader, FilledHeaders, Method, SkipReason, StepState};
use super::variables::{ProviderManagement, Variables};
use crate::rules::claude_code::{
    LoginDamage, LoginState, Mode, SettingSources, SettingsScope, StoredKey, StoredKeyValue,
};
use crate::rules::snapshot::Snapshot;
use crate::rules::variables::{
    API_KEY, AUTH_TOKEN, BASE_URL, MANAGED_BY_HOST, SIMPLE, USE_GATEWAY,
};

/// The input for all parts of the chain. The cloud accounts are in `clouds`.
pub(super) struct ClaudeCodeChain<'a> {
    pub(super) snapshot: &'a Snapshot,
    client: ClientProgram,
    pub(super) release: Release,
    pub(super) rules: &'static Rules,
    pub(super) variables: Variables<'a>,
    management: ProviderManagement,
    pub(super) is_bare: bool,
    pub(super) session: SessionKind,
    /// `true` if the auth token alone is sent, to the base URL.
    pub(super) uses_gateway: bool,
}

/// Walks Claude Code's chain, as started in this release and mode and with these settings files.
pub(super) fn walk(
    snapshot: &Snapshot,
    client: ClientProgram,
    (release, mode, sources): (Release, Mode, SettingSources),
) -> ChainWalk<'_> {
    let rules = Rules::for_release(release);
    let management = match Switch::parse(snapshot.environment.get(MANAGED_BY_HOST)) {
        Switch::On | Switch::MaybeOn => rules.management,
        Switch::Off | Switch::Absent => ProviderManagement::NotManaged,
    };
    let settings = rules.settings(management, &snapshot.environment);
    let mut variables = Variables::for_claude_code(snapshot, sources, settings);
    if rules.follows_management_in_settings {
        variables.follow_management();
    }
    let session =
        SessionKind::from_variables(&mut variables, &snapshot.environment, rules.entry_point);
    let is_bare = mode == Mode::Bare || variables.switch(SIMPLE).is_on();
    let mut chain = ClaudeCodeChain {
        snapshot,
        client,
        release,
        rules,
        variables,
        management,
        is_bare,
        session,
        uses_gateway: false,
    };
    chain.uses_gateway = chain.has_gateway();
    let mut walk = ChainWalk::new(chain.destination());
    if !chain.uses_gateway {
        chain.add_clouds(&mut walk);
    }
    chain.add_keys(&mut walk);
    let profiles = chain.add_logins(&mut walk);
    chain.add_stored_key(&mut walk);
    chain.fail_without_login(&mut walk);
    chain.fail_on_damaged_files(&mut walk);
    chain.fail_on_bad_scopes(&mut walk);
    chain.fail_on_arguments(sources, &mut walk);
    ClaudeCodeChain::fail_on_odd_credentials_path(&profiles, &mut walk);
    profiles.override_base_url(&mut walk);
    profiles.fail_on_fragment(&mut walk);
    sdk::apply_custom_headers(client, &chain.variables, &mut walk);
    ClaudeCodeChain::fail_on_blank_key(&mut walk);
    chain.fail_on_socket(&mut walk);
    chain.fail_on_oauth_service(&mut walk);
    chain.apply_address_user(&mut walk);
    walk.fail_on_invalid_address();
    chain.mark_project_token(&mut walk);
    // A login whose scopes are a text is sent without the beta value.
    let is_odd = chain.has_login_with_odd_scopes();
    let uses_login = |filled: &FilledHeader<'_>| filled.slot.method == Method::Login;
    if is_odd && walk.authorization.as_ref().is_some_and(uses_login) {
        walk.is_oauth = false;
    }
    walk
}

impl<'a> ClaudeCodeChain<'a> {
    /// Adds the API key, the auth token and the helper.
    fn add_keys(&self, walk: &mut ChainWalk<'a>) {
        let keys = [
            (
                Method::ApiKey,
                self.key_candidates(API_KEY, Method::ApiKey),
                FilledHeaders::XApiKey,
            ),
            (
                Method::AuthToken,
                self.key_candidates(AUTH_TOKEN, Method::AuthToken),
                FilledHeaders::Authorization,
            ),
            (
                Method::Helper,
                self.helper_candidates(),
                FilledHeaders::Both,
            ),
        ];
        for (method, candidates, headers) in keys {
            // A cloud may have added these steps already.
            if walk.steps.iter().all(|step| step.method != method) {
                walk.add_steps(candidates, headers, OverriddenBy::SameHeader);
            }
        }
    }

    /// Returns the locations of a key or token in a variable.
    pub(super) fn key_candidates(&self, name: &'static str, method: Method) -> Vec<Candidate<'a>> {
        let preferred = self.preferred_login();
        let gateway =
            (self.uses_gateway && method == Method::ApiKey).then_some(SkipReason::Gateway);
        let candidates = self.in_variable(name, method);
        let candidates = candidates.into_iter().map(|candidate| {
            let rejected = self.rejected(&candidate);
            candidate.skipped(preferred.or(gateway).or(rejected))
        });
        candidates.collect()
    }

    /// Returns the locations of a variable.
    pub(super) fn in_variable(&self, name: &'static str, method: Method) -> Vec<Candidate<'a>> {
        let syntax = (self.rules.values, HeaderPrefix::Nothing);
        Candidate::from_variable(&self.variables, name, method, syntax)
    }

    /// Returns the locations of helpers.
    pub(super) fn helper_candidates(&self) -> Vec<Candidate<'a>> {
        let preferred = self.preferred_login();
        let gateway = self.uses_gateway.then_some(SkipReason::Gateway);
        let helpers = self.helpers().into_iter();
        let skipped = helpers.map(|helper| helper.skipped(preferred.or(gateway)));
        skipped.collect()
    }

    /// Returns `true` if `CLAUDE_CODE_USE_GATEWAY` is on, with what it needs: an auth token and a base URL.
    fn has_gateway(&self) -> bool {
        let tokens = self.key_candidates(AUTH_TOKEN, Method::AuthToken);
        let mut tokens = tokens.into_iter();
        let token = tokens.find(|candidate| {
            candidate.skip_reason.is_none() && !matches!(candidate.provides, Provides::Nothing)
        });
        self.variables.switch(USE_GATEWAY).is_on()
            && self.variables.non_empty(BASE_URL).is_some()
            && token.is_some_and(|token| matches!(token.provides, Provides::Known(_)))
    }

    fn profiles(&self) -> sdk::SdkProfiles<'a> {
        let profiles = sdk::SdkProfiles::new(self.client, self.snapshot, &self.variables);
        profiles.with_empty_file(self.rules.empty_credential_file)
    }

    /// Returns the profiles and the federation, in order of precedence.
    pub(super) fn profile_candidates(&self) -> [Candidate<'a>; 3] {
        let profiles = self.profiles();
        let other_named = profiles.is_named().then_some(SkipReason::OtherProfileNamed);
        let bare = self.is_bare.then_some(SkipReason::Bare);
        let with_skip_reason = |candidate: Candidate<'a>| {
            let reason = bare
                .or_else(|| self.hosted(candidate.method))
                .or_else(|| self.disabled_by_host(candidate.method));
            candidate.skipped(reason)
        };
        [
            skip_if_missing(profiles.named()),
            profiles.federation().skipped(other_named),
            skip_if_missing(profiles.active()).skipped(other_named),
        ]
        .map(with_skip_reason)
    }

    /// Adds the steps that apply only if no header is filled yet.
    fn add_logins(&self, walk: &mut ChainWalk<'a>) -> sdk::SdkProfiles<'a> {
        let bare = self.is_bare.then_some(SkipReason::Bare);
        let token = self.oauth_tokens();
        // A helper that the host disables still overrides logins.
        let is_disabled_helper = |step: &&ChainStep| {
            let disabled = StepState::NotRead {
                reason: SkipReason::ManagedByHost,
            };
            step.method == Method::Helper && step.state == disabled
        };
        // So does an OAuth token without the permission to call models.
        let is_powerless_token = |candidate: &&Candidate<'_>| {
            candidate.skip_reason == Some(SkipReason::Unusable(Flaw::NoInference))
                && matches!(candidate.provides, Provides::Known(_))
        };
        let blocking = self.blocking_project_token(&token);
        let helper = walk.steps.iter().find(is_disabled_helper);
        let token_location = token.iter().find(is_powerless_token);
        walk.blocked_by = helper
            .map(|step| &step.location)
            .or_else(|| token_location.map(|token| &token.location))
            .or(blocking.as_ref())
            .map(Location::to_string);
        // A cloud may have added these steps already.
        let is_added = |method| walk.steps.iter().any(|step| step.method == method);
        let has_profiles = is_added(Method::SdkProfile) || is_added(Method::Federation);
        let mut bearer = |mut candidates: Vec<Candidate<'a>>| {
            candidates.retain(|candidate| {
                let is_profile =
                    matches!(candidate.method, Method::SdkProfile | Method::Federation);
                !(is_profile && has_profiles)
            });
            walk.add_steps(
                candidates,
                FilledHeaders::Authorization,
                OverriddenBy::AnyHeader,
            );
        };
        bearer(token);
        let socket = self.socket().map(|_| SkipReason::Socket);
        let with_skip_reason = |candidate: Candidate<'a>| {
            let reason = bare
                .or(socket)
                .or_else(|| self.hosted(candidate.method))
                .or_else(|| self.disabled_by_host(candidate.method));
            vec![candidate.skipped(reason)]
        };
        let profiles = self.profiles();
        bearer(with_skip_reason(skip_if_missing(profiles.named())));
        // Once a profile is named, only the login can replace it.
        let other_named = profiles.is_named().then_some(SkipReason::OtherProfileNamed);
        bearer(with_skip_reason(profiles.federation().skipped(other_named)));
        // A sign-in to the Console has lower precedence than Claude Code's login, a federation has higher.
        let active = skip_if_missing(profiles.active()).skipped(other_named);
        // So has a sign-in over a login whose scopes are a text.
        if profiles.active_is_federation() || self.has_login_with_odd_scopes() {
            bearer(with_skip_reason(active));
            bearer(with_skip_reason(self.login()));
        } else {
            bearer(with_skip_reason(self.login()));
            bearer(with_skip_reason(active));
        }
        profiles
    }

    /// Adds the key of a Console sign-in. A login overrides it; it overrides a profile and a federation, and is sent in
    /// addition to a token that the user set.
    fn add_stored_key(&self, walk: &mut ChainWalk<'a>) {
        let Some(stored) = &self.snapshot.stored_key else {
            return;
        };
        let candidate = self.stored_key(stored);
        if candidate.skip_reason.is_none() {
            walk.forgive_profile(&candidate.location);
        }
        let overridden_by = match walk.authorization.as_ref().map(|filled| filled.slot.method) {
            Some(Method::OauthToken | Method::Login) => OverriddenBy::AnyHeader,
            Some(Method::SdkProfile | Method::Federation) if candidate.skip_reason.is_none() => {
                walk.give_way(CredentialHeader::Authorization, &candidate.location);
                OverriddenBy::SameHeader
            }
            Some(
                Method::SdkProfile
                | Method::Federation
                | Method::Cloud
                | Method::CloudKey
                | Method::ApiKey
                | Method::AuthToken
                | Method::CustomHeader
                | Method::Helper
                | Method::StoredKey
                | Method::AddressUser
                | Method::Profile,
            )
            | None => OverriddenBy::SameHeader,
        };
        // A value that is not text replaces a profile, too, but is not sent with messages.
        let not_sent = (stored.value == StoredKeyValue::NotText)
            .then_some(SkipReason::Unusable(Flaw::NotText));
        let candidate = candidate.skipped(not_sent);
        walk.add_steps(vec![candidate], FilledHeaders::XApiKey, overridden_by);
    }

    /// Returns the key of a Console sign-in.
    fn stored_key(&self, stored: &'a StoredKey) -> Candidate<'a> {
        let by_host = self
            .management
            .is_by_host()
            .then_some(SkipReason::ManagedByHost);
        let gateway = self.uses_gateway.then_some(SkipReason::Gateway);
        Candidate {
            method: Method::StoredKey,
            location: Location::Setting {
                scope: SettingsScope::State,
                path: stored.path.clone(),
                line: stored.line,
                key: "primaryApiKey".to_owned(),
            },
            provides: match &stored.value {
                StoredKeyValue::Key(key) => {
                    let syntax = self.rules.values;
                    match ParsedValue::parse(key.inspect(), syntax, HeaderPrefix::Nothing) {
                        ParsedValue::Value(value) => Provides::Known(value),
                        ParsedValue::Empty => Provides::Empty,
                        ParsedValue::Broken(flaw) => Provides::Broken(flaw),
                    }
                }
                StoredKeyValue::Blank => Provides::Known(""),
                StoredKeyValue::NotText => Provides::Fetched,
            },
            skip_reason: self
                .is_bare
                .then_some(SkipReason::Bare)
                .or(by_host)
                .or(gateway),
        }
    }

    /// Returns `apiKeyHelper` of each settings file, in order of precedence; an empty one turns a helper off.
    fn helpers(&self) -> Vec<Candidate<'a>> {
        let disabled = self.disabled_by_host(Method::Helper);
        let in_file = |file: &super::variables::ReadableFile<'a>| {
            let helper = file.settings.helper.as_ref()?;
            let only_by_flag =
                (self.is_bare && file.scope != SettingsScope::Flag).then_some(SkipReason::Bare);
            let by_host = disabled.filter(|_| !self.is_bare);
            Some(Candidate {
                method: Method::Helper,
                location: Location::Setting {
                    scope: file.scope,
                    path: file.path.to_owned(),
                    line: helper.line,
                    key: "apiKeyHelper".to_owned(),
                },
                provides: match helper.command.inspect() {
                    "" => Provides::Empty,
                    // It runs, and prints nothing.
                    command if command.trim().is_empty() => Provides::Known(""),
                    _ => Provides::Fetched,
                },
                skip_reason: file.skip_reason.or(only_by_flag).or(by_host),
            })
        };
        self.variables.files().iter().filter_map(in_file).collect()
    }

    /// Returns `true` if the scopes of the login are a text.
    fn has_login_with_odd_scopes(&self) -> bool {
        let login = self.snapshot.login.as_ref();
        login.is_some_and(|login| login.state == LoginState::Damaged(LoginDamage::ScopesAsText))
    }

    /// Returns Claude Code's stored login.
    pub(super) fn login(&self) -> Candidate<'a> {
        let candidate = |path: &str, provides, flaw: Option<Flaw>| Candidate {
            method: Method::Login,
            location: Location::Login {
                path: path.to_owned(),
            },
            provides,
            skip_reason: flaw.map(SkipReason::Unusable),
        };
        let Some(login) = &self.snapshot.login else {
            return candidate("Claude Code's directory", Provides::Nothing, None);
        };
        match &login.state {
            // An expired login is used as well: it is refreshed, or the API refuses it.
            LoginState::Present { .. } => candidate(&login.path, Provides::Fetched, None),
            LoginState::Damaged(LoginDamage::NoInference) => {
                candidate(&login.path, Provides::Fetched, Some(Flaw::NoInference))
            }
            LoginState::SignedOut => candidate(&login.path, Provides::Nothing, None),
            LoginState::Damaged(LoginDamage::BlankToken) => {
                candidate(&login.path, Provides::Known(""), None)
            }
            LoginState::Damaged(LoginDamage::ScopesAsText) => {
                candidate(&login.path, Provides::Fetched, None)
            }
            LoginState::Damaged(LoginDamage::BadScopes) => {
                candidate(&login.path, Provides::Broken(Flaw::Damaged), None)
            }
            LoginState::Damaged(LoginDamage::UnsendableToken) => {
                candidate(&login.path, Provides::Broken(Flaw::UnsendableToken), None)
            }
            LoginState::Damaged(LoginDamage::NotJson(_) | LoginDamage::NoToken) => {
                candidate(&login.path, Provides::Fetched, Some(Flaw::Damaged))
            }
            LoginState::Unreadable => {
                candidate(&login.path, Provides::Fetched, Some(Flaw::Refused))
            }
        }
    }

    /// Returns the reason to skip a key that the user rejected in a terminal session.
    fn rejected(&self, candidate: &Candidate<'a>) -> Option<SkipReason> {
        if let (SessionKind::VsCode, false, Method::ApiKey, Provides::Known(key)) = (
            self.session,
            self.is_bare,
            candidate.method,
            candidate.provides,
        ) {
            let is_approved = self.snapshot.approved_keys.contains(key);
            return (!is_approved).then_some(SkipReason::NotApproved);
        }
        let asks = candidate.method == Method::ApiKey && self.client.asks_about_keys();
        let is_rejected = asks
            && match candidate.provides {
                Provides::Known(key) => self.snapshot.rejected_keys.contains(key),
                Provides::Nothing | Provides::Empty | Provides::Fetched | Provides::Broken(_) => {
                    false
                }
            };
        is_rejected.then_some(SkipReason::Rejected)
    }

    /// Returns the reason to skip a method that the managing host disables.
    pub(super) fn disabled_by_host(&self, method: Method) -> Option<SkipReason> {
        let is_disabled =
            self.management.is_by_host() && self.rules.disabled_by_host.contains(&method);
        is_disabled.then_some(SkipReason::ManagedByHost)
    }
}

/// Marks a profile that does not exist, whose configuration is damaged or that has no credential as skipped; any other
/// flaw is fatal.
fn skip_if_missing(candidate: Candidate<'_>) -> Candidate<'_> {
    match candidate.provides {
        Provides::Broken(
            flaw @ (Flaw::NoSuchProfile | Flaw::DamagedConfig | Flaw::NoCredential),
        ) => candidate.skipped(Some(SkipReason::Unusable(flaw))),
        Provides::Nothing
        | Provides::Empty
        | Provides::Known(_)
        | Provides::Fetched
        | Provides::Broken(_) => candidate,
    }
}
