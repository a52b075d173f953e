//! The cloud accounts that Claude Code can be switched to, as a table, and their steps of its chain
//! (docs/facts.md#claude-code).

use super::chain::{Candidate, ChainWalk, OverriddenBy};
use super::claude_code::ClaudeCodeChain;
use super::client::Release;
use super::destination::{AddressSyntax, RequestDestination};
use super::location::Location;
use super::parsed_value::Switch;
use super::payer::{PayerClass, certain, likely};
use super::step::{ChainStep, CredentialHeader, FilledHeaders, Method, StepState};
use crate::rules::variables::{API_KEY, AUTH_TOKEN, BASE_URL};

/// A cloud account that can be switched on.
struct Cloud {
    switch: &'static str,
    /// The first release that knows it.
    since: Release,
    base_url: Option<&'static str>,
    /// The variables with the account's own key, in order of precedence, and the header each fills.
    keys: &'static [(&'static str, CredentialHeader)],
    /// The switch that makes Claude Code send the bearer token instead of a signature.
    skip_auth: Option<&'static str>,
    /// `true` if Claude Code signs requests that have no such key.
    signs: bool,
}

/// A key of Bedrock, sent instead of a signature.
const BEDROCK_TOKEN: &str = "AWS_BEARER_TOKEN_BEDROCK";

/// The cloud accounts in order of precedence.
static CLOUDS: [Cloud; 6] = [
    Cloud {
        switch: "CLAUDE_CODE_USE_BEDROCK",
        since: Release::V2_1_197,
        base_url: Some("ANTHROPIC_BEDROCK_BASE_URL"),
        keys: &[(BEDROCK_TOKEN, CredentialHeader::Authorization)],
        skip_auth: Some("CLAUDE_CODE_SKIP_BEDROCK_AUTH"),
        signs: true,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_VERTEX",
        since: Release::V2_1_197,
        base_url: Some("ANTHROPIC_VERTEX_BASE_URL"),
        keys: &[],
        skip_auth: Some("CLAUDE_CODE_SKIP_VERTEX_AUTH"),
        signs: false,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_FOUNDRY",
        since: Release::V2_1_197,
        base_url: Some("ANTHROPIC_FOUNDRY_BASE_URL"),
        keys: &[
            (
                "ANTHROPIC_FOUNDRY_AUTH_TOKEN",
                CredentialHeader::Authorization,
            ),
            ("ANTHROPIC_FOUNDRY_API_KEY", CredentialHeader::XApiKey),
        ],
        skip_auth: None,
        signs: false,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_ANTHROPIC_AWS",
        since: Release::V2_1_197,
        base_url: Some("ANTHROPIC_AWS_BASE_URL"),
        keys: &[("ANTHROPIC_AWS_API_KEY", CredentialHeader::XApiKey)],
        skip_auth: None,
        signs: false,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_MANTLE",
        since: Release::V2_1_197,
        base_url: Some("ANTHROPIC_BEDROCK_MANTLE_BASE_URL"),
        keys: &[(BEDROCK_TOKEN, CredentialHeader::Authorization)],
        skip_auth: None,
        signs: false,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
        since: Release::V2_1_260,
        base_url: None,
        keys: &[],
        skip_auth: None,
        signs: false,
    },
];

impl<'a> ClaudeCodeChain<'a> {
    /// Returns the destination of requests; a cloud that is switched on has its own base URL.
    pub(super) fn destination(&self) -> RequestDestination {
        let cloud = self
            .clouds()
            .find(|cloud| self.variables.switch(cloud.switch).is_on());
        let name = cloud.map_or(Some(BASE_URL), |cloud| cloud.base_url);
        let found = name.and_then(|name| self.variables.effective(name));
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
            self.add_cloud_key(cloud, walk);
        }
    }

    /// Adds the cloud's own key, which is sent instead of a signature.
    fn add_cloud_key(&self, cloud: &Cloud, walk: &mut ChainWalk<'a>) {
        let skips_auth = cloud
            .skip_auth
            .is_some_and(|switch| self.variables.switch(switch).is_on());
        let auth_token = [(AUTH_TOKEN, CredentialHeader::Authorization)];
        let (method, keys) = if skips_auth {
            (Method::AuthToken, &auth_token[..])
        } else {
            (Method::CloudKey, cloud.keys)
        };
        // The switch must not shadow these steps.
        let switch = walk.cloud.take();
        let variable = |name, method| {
            Candidate::from_variable(&self.variables, name, method, self.rules.whitespace)
        };
        for (name, header) in keys {
            walk.add_steps(
                variable(name, method),
                (*header).into(),
                OverriddenBy::AnyHeader,
            );
        }
        if cloud.signs && self.rules.sends_key_with_signature && walk.authorization.is_none() {
            let key = variable(API_KEY, Method::ApiKey);
            walk.add_steps(key, FilledHeaders::XApiKey, OverriddenBy::SameHeader);
        }
        walk.cloud = switch;
    }
}
