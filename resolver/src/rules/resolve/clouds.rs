//! The cloud accounts that Claude Code can be switched to, as a table, and their steps of its chain
//! (docs/facts.md#claude-code).

use super::chain::{Candidate, ChainWalk, OverriddenBy};
use super::claude_code::ClaudeCodeChain;
use super::destination::RequestDestination;
use super::location::Location;
use super::parsed_value::Switch;
use super::payer::{PayerClass, certain, likely};
use super::step::{ChainStep, CredentialHeader, FilledHeaders, Method, StepState};
use crate::rules::variables::{API_KEY, AUTH_TOKEN, BASE_URL};

/// A cloud account that can be switched on.
struct Cloud {
    switch: &'static str,
    base_url: Option<&'static str>,
    /// The variable with the account's own key, and the header it fills.
    key: Option<(&'static str, CredentialHeader)>,
    /// The switch that makes Claude Code send the bearer token instead of a signature.
    skip_auth: Option<&'static str>,
    /// `true` if Claude Code signs requests that have no such key.
    signs: bool,
}

/// The cloud accounts in order of precedence.
static CLOUDS: [Cloud; 5] = [
    Cloud {
        switch: "CLAUDE_CODE_USE_BEDROCK",
        base_url: Some("ANTHROPIC_BEDROCK_BASE_URL"),
        key: Some(("AWS_BEARER_TOKEN_BEDROCK", CredentialHeader::Authorization)),
        skip_auth: Some("CLAUDE_CODE_SKIP_BEDROCK_AUTH"),
        signs: true,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_VERTEX",
        base_url: Some("ANTHROPIC_VERTEX_BASE_URL"),
        key: None,
        skip_auth: Some("CLAUDE_CODE_SKIP_VERTEX_AUTH"),
        signs: false,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_FOUNDRY",
        base_url: Some("ANTHROPIC_FOUNDRY_BASE_URL"),
        key: Some(("ANTHROPIC_FOUNDRY_API_KEY", CredentialHeader::XApiKey)),
        skip_auth: None,
        signs: false,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_ANTHROPIC_AWS",
        base_url: None,
        key: None,
        skip_auth: None,
        signs: false,
    },
    Cloud {
        switch: "CLAUDE_CODE_USE_MANTLE",
        base_url: None,
        key: None,
        skip_auth: None,
        signs: false,
    },
];

impl<'a> ClaudeCodeChain<'a> {
    /// Returns the destination of requests; a cloud that is switched on has its own base URL.
    pub(super) fn destination(&self) -> RequestDestination {
        let cloud = CLOUDS
            .iter()
            .find(|cloud| self.variables.switch(cloud.switch).is_on());
        let name = cloud.map_or(Some(BASE_URL), |cloud| cloud.base_url);
        RequestDestination::from_variable(name.and_then(|name| self.variables.effective(name)))
    }

    /// Adds the cloud switches. The first that is on shadows the others.
    pub(super) fn add_clouds(&self, walk: &mut ChainWalk<'a>) {
        let mut on: Option<&Cloud> = None;
        for cloud in &CLOUDS {
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
        let (method, name, header) = match cloud.key {
            _ if skips_auth => (
                Method::AuthToken,
                AUTH_TOKEN,
                CredentialHeader::Authorization,
            ),
            Some((name, header)) => (Method::CloudKey, name, header),
            None => return,
        };
        // The switch must not shadow these steps.
        let switch = walk.cloud.take();
        let variable = |name, method| {
            Candidate::from_variable(&self.variables, name, method, self.rules.whitespace)
        };
        walk.add_steps(
            variable(name, method),
            header.into(),
            OverriddenBy::SameHeader,
        );
        if cloud.signs && self.rules.sends_key_with_signature && walk.authorization.is_none() {
            let key = variable(API_KEY, Method::ApiKey);
            walk.add_steps(key, FilledHeaders::XApiKey, OverriddenBy::SameHeader);
        }
        walk.cloud = switch;
    }
}
