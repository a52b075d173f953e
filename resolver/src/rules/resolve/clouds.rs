//! The cloud accounts that Claude Code can be switched to, as a table, and their steps of its chain
//! (docs/facts.md#claude-code).

use super::chain::{Candidate, ChainWalk, OverriddenBy, Provides};
use super::claude_code::ClaudeCodeChain;
use super::client::Release;
use super::destination::{AddressSyntax, RequestDestination};
use super::location::Location;
use super::parsed_value::{Flaw, Switch};
use super::payer::{PayerClass, certain, likely};
use super::step::{ChainStep, CredentialHeader, FilledHeaders, Method, StepState};
use crate::rules::variables::{API_KEY, AUTH_TOKEN, BASE_URL};

/// A cloud account that can be switched on.
struct Cloud {
    switch: &'static str,
    /// The first release that knows it.
    since: Release,
    base_url: &'static str,
    /// The variables of which one must be set, if there are any.
    needs: &'static [&'static str],
    /// The variables that exclude each other.
    exclusive: &'static [&'static str],
    /// The account's own keys, in order of precedence.
    keys: &'static [CloudKey],
    /// The switch that makes Claude Code send its own credentials instead of the account's.
    skip: SkipAuth,
    /// The credentials of Claude Code that 2.1.197 sends in addition to the account's.
    added_by_197: AddedCredentials,
    /// The effect of a key of whitespace alone in 2.1.197; later releases take it as unset.
    blank_key: BlankKey,
}

/// The effect of an account's key of whitespace alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BlankKey {
    /// An empty credential is sent.
    Sent,
    /// It counts as unset.
    Unset,
}

/// The credentials of Claude Code's own that are sent in addition to those of a cloud account.
#[derive(Clone, Copy)]
enum AddedCredentials {
    None,
    Always(&'static [OwnCredential]),
    /// With the account's own key alone; without one, no request is made.
    WithKey(&'static [OwnCredential]),
}

/// A variable with a key of a cloud account.
struct CloudKey {
    name: &'static str,
    header: CredentialHeader,
    /// The first release that knows it.
    since: Release,
}

/// A switch that makes Claude Code send its own credentials to a cloud.
struct SkipAuth {
    switch: &'static str,
    sends: &'static [OwnCredential],
    /// The variables of which one must be set, if there are any.
    needs: &'static [&'static str],
}

/// A credential of Claude Code's own, with the headers it fills in requests to a cloud.
struct OwnCredential {
    method: OwnMethod,
    headers: FilledHeaders,
}

/// The kind of a credential of Claude Code's own that is sent to a cloud.
#[derive(Clone, Copy)]
enum OwnMethod {
    ApiKey,
    AuthToken,
    Helper,
    Profile,
}

const fn own(method: OwnMethod, headers: FilledHeaders) -> OwnCredential {
    OwnCredential { method, headers }
}

const fn key(name: &'static str, header: CredentialHeader) -> CloudKey {
    CloudKey {
        name,
        header,
        since: Release::V2_1_197,
    }
}

/// A key of Bedrock, sent instead of a signature.
const BEDROCK_TOKEN: CloudKey = key("AWS_BEARER_TOKEN_BEDROCK", CredentialHeader::Authorization);
const FOUNDRY_BASE_URL: &str = "ANTHROPIC_FOUNDRY_BASE_URL";
const FOUNDRY_RESOURCE: &str = "ANTHROPIC_FOUNDRY_RESOURCE";
const GOOGLE_CLOUD_BASE_URL: &str = "ANTHROPIC_GOOGLE_CLOUD_BASE_URL";

const BEARER: &[OwnCredential] = &[
    own(OwnMethod::AuthToken, FilledHeaders::Authorization),
    own(OwnMethod::Helper, FilledHeaders::Authorization),
];
const KEY_AND_BEARER: &[OwnCredential] = &[
    own(OwnMethod::ApiKey, FilledHeaders::XApiKey),
    own(OwnMethod::AuthToken, FilledHeaders::Authorization),
    own(OwnMethod::Helper, FilledHeaders::Authorization),
];
const BOTH: &[OwnCredential] = &[
    own(OwnMethod::AuthToken, FilledHeaders::Both),
    own(OwnMethod::Helper, FilledHeaders::Both),
];

const fn skip(switch: &'static str, sends: &'static [OwnCredential]) -> SkipAuth {
    SkipAuth {
        switch,
        sends,
        needs: &[],
    }
}

/// The cloud accounts in order of precedence.
static CLOUDS: [Cloud; 6] = [
    Cloud {
        switch: "CLAUDE_CODE_USE_BEDROCK",
        since: Release::V2_1_197,
        base_url: "ANTHROPIC_BEDROCK_BASE_URL",
        needs: &[],
        exclusive: &[],
        keys: &[BEDROCK_TOKEN],
        skip: skip("CLAUDE_CODE_SKIP_BEDROCK_AUTH", KEY_AND_BEARER),
        added_by_197: AddedCredentials::Always(&[
            own(OwnMethod::ApiKey, FilledHeaders::XApiKey),
            own(OwnMethod::AuthToken, FilledHeaders::Authorization),
            own(OwnMethod::Profile, FilledHeaders::Authorization),
        ]),
        blank_key: BlankKey::Sent,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_FOUNDRY",
        since: Release::V2_1_197,
        base_url: FOUNDRY_BASE_URL,
        needs: &[FOUNDRY_BASE_URL, FOUNDRY_RESOURCE],
        exclusive: &[FOUNDRY_BASE_URL, FOUNDRY_RESOURCE],
        keys: &[
            CloudKey {
                name: "ANTHROPIC_FOUNDRY_AUTH_TOKEN",
                header: CredentialHeader::Authorization,
                since: Release::V2_1_260,
            },
            key("ANTHROPIC_FOUNDRY_API_KEY", CredentialHeader::XApiKey),
        ],
        skip: skip("CLAUDE_CODE_SKIP_FOUNDRY_AUTH", BEARER),
        added_by_197: AddedCredentials::WithKey(BEARER),
        blank_key: BlankKey::Unset,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_ANTHROPIC_AWS",
        since: Release::V2_1_197,
        base_url: "ANTHROPIC_AWS_BASE_URL",
        needs: &["ANTHROPIC_AWS_WORKSPACE_ID"],
        exclusive: &[],
        keys: &[key("ANTHROPIC_AWS_API_KEY", CredentialHeader::XApiKey)],
        skip: skip("CLAUDE_CODE_SKIP_ANTHROPIC_AWS_AUTH", BOTH),
        added_by_197: AddedCredentials::None,
        blank_key: BlankKey::Sent,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
        since: Release::V2_1_260,
        base_url: GOOGLE_CLOUD_BASE_URL,
        needs: &[],
        exclusive: &[],
        keys: &[],
        skip: SkipAuth {
            switch: "CLAUDE_CODE_SKIP_ANTHROPIC_GOOGLE_CLOUD_AUTH",
            sends: BEARER,
            // Without the switch, the project may come from Google's own credentials.
            needs: &[
                GOOGLE_CLOUD_BASE_URL,
                "ANTHROPIC_GOOGLE_CLOUD_PROJECT",
                "GOOGLE_CLOUD_PROJECT",
            ],
        },
        added_by_197: AddedCredentials::None,
        blank_key: BlankKey::Sent,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_MANTLE",
        since: Release::V2_1_197,
        base_url: "ANTHROPIC_BEDROCK_MANTLE_BASE_URL",
        needs: &[],
        exclusive: &[],
        keys: &[BEDROCK_TOKEN],
        skip: skip("CLAUDE_CODE_SKIP_MANTLE_AUTH", BEARER),
        added_by_197: AddedCredentials::None,
        blank_key: BlankKey::Unset,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_VERTEX",
        since: Release::V2_1_197,
        base_url: "ANTHROPIC_VERTEX_BASE_URL",
        needs: &[],
        exclusive: &[],
        keys: &[],
        skip: skip("CLAUDE_CODE_SKIP_VERTEX_AUTH", KEY_AND_BEARER),
        added_by_197: AddedCredentials::None,
        blank_key: BlankKey::Sent,
    },
];

impl<'a> ClaudeCodeChain<'a> {
    /// Returns the destination of requests; a cloud that is switched on has its own base URL.
    pub(super) fn destination(&self) -> RequestDestination {
        let cloud = self
            .clouds()
            .find(|cloud| self.variables.switch(cloud.switch).is_on())
            .filter(|_| !self.uses_gateway);
        let name = cloud.map_or(BASE_URL, |cloud| cloud.base_url);
        let found = self.variables.effective(name);
        RequestDestination::from_variable(found, AddressSyntax::Browser)
    }

    /// Returns the cloud accounts that the release knows.
    fn clouds(&self) -> impl Iterator<Item = &'static Cloud> {
        CLOUDS.iter().filter(|cloud| cloud.since <= self.release)
    }

    /// Adds the cloud switches. The first that is on shadows the others.
    pub(super) fn add_clouds(&self, walk: &mut ChainWalk<'a>) {
        let mut on: Option<&Cloud> = None;
        for cloud in self.clouds() {
            let found = self.variables.effective(cloud.switch);
            let location = found.map_or(Location::Variable { name: cloud.switch }, |found| {
                found.location
            });
            let switch = self.variables.switch(cloud.switch);
            let payer = match switch {
                Switch::Absent | Switch::Off => None,
                Switch::On => Some(certain(PayerClass::Cloud)),
                Switch::MaybeOn => Some(likely(PayerClass::Cloud)),
            };
            let state = match (payer, &walk.cloud) {
                (None, _) if switch == Switch::Off => StepState::Off,
                (None, _) => StepState::Absent,
                (Some(_), Some((by, _))) => StepState::Shadowed { by: by.to_string() },
                (Some(payer), None) => {
                    on = Some(cloud);
                    walk.cloud = Some((location.clone(), payer));
                    StepState::On
                }
            };
            walk.steps.push(ChainStep {
                method: Method::Cloud,
                location,
                state,
                would_pay: payer,
            });
        }
        if let Some(cloud) = on {
            self.add_cloud_credentials(cloud, walk);
        }
    }

    /// Adds the credentials that are sent to the cloud: the account's own key instead of a signature, or Claude Code's.
    fn add_cloud_credentials(&self, cloud: &Cloud, walk: &mut ChainWalk<'a>) {
        // The switch must not shadow these steps.
        let switch = walk.cloud.take();
        let skips_auth = self.variables.switch(cloud.skip.switch).is_on();
        if skips_auth {
            self.add_own_credentials(cloud.skip.sends, walk);
        } else {
            for key in cloud.keys.iter().filter(|key| key.since <= self.release) {
                let mut key_steps = self.in_variable(key.name, Method::CloudKey);
                for step in &mut key_steps {
                    let is_blank = matches!(step.provides, Provides::Known(""));
                    if is_blank && cloud.blank_key == BlankKey::Unset {
                        step.provides = Provides::Empty;
                    }
                }
                walk.add_steps(key_steps, key.header.into(), OverriddenBy::AnyHeader);
            }
            let adds_own = match cloud.added_by_197 {
                AddedCredentials::Always(own) => Some(own),
                AddedCredentials::WithKey(own) => walk.x_api_key.is_some().then_some(own),
                AddedCredentials::None => None,
            };
            if let (Some(own), true) = (adds_own, self.rules.sends_own_credentials_to_clouds) {
                self.add_own_credentials(own, walk);
            }
        }
        walk.is_oauth = false;
        walk.cloud = switch;
        let is_set = |name: &&'static str| self.variables.non_empty(name).is_some();
        let has_one = |names: &'static [&'static str]| names.is_empty() || names.iter().any(is_set);
        let is_complete = has_one(cloud.needs) && (!skips_auth || has_one(cloud.skip.needs));
        let is_ambiguous = cloud.exclusive.iter().filter(|name| is_set(name)).count() > 1;
        let flaw = match (is_complete, is_ambiguous) {
            (false, _) => Flaw::NoDestination,
            (true, true) => Flaw::TwoDestinations,
            (true, false) => return,
        };
        if let Some((location, _)) = &walk.cloud {
            walk.fail(location.clone(), flaw);
        }
    }

    /// Adds credentials of Claude Code's own, in order of precedence.
    fn add_own_credentials(&self, credentials: &[OwnCredential], walk: &mut ChainWalk<'a>) {
        for OwnCredential { method, headers } in credentials {
            let candidates = match method {
                OwnMethod::ApiKey => self.key_candidates(API_KEY, Method::ApiKey),
                OwnMethod::AuthToken => self.key_candidates(AUTH_TOKEN, Method::AuthToken),
                OwnMethod::Helper => self.helper_candidates(),
                OwnMethod::Profile => {
                    // Instead of a broken profile, a signature is sent.
                    let is_usable = |candidate: &Candidate<'_>| {
                        !matches!(candidate.provides, Provides::Broken(_))
                    };
                    for candidate in self.profile_candidates().into_iter().filter(is_usable) {
                        walk.add_steps(vec![candidate], *headers, OverriddenBy::AnyHeader);
                    }
                    continue;
                }
            };
            walk.add_steps(candidates, *headers, OverriddenBy::SameHeader);
        }
    }
}
