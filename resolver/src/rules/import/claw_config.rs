//! The credential settings in the configuration of Clawdbot and OpenClaw (docs/facts.md#moving-in).

use std::collections::BTreeMap;

use super::document::Node;
use super::planner::ImportDestination;
use crate::rules::variables::{API_KEY, BASE_URL};

/// The credential settings of a configuration. It has no `Debug`, since it may contain tokens.
#[derive(Default)]
pub(super) struct ClawConfig<'a> {
    /// Provider and mode by profile.
    pub(super) profiles: BTreeMap<&'a str, DeclaredProfile<'a>>,
    /// Anthropic profiles in the order in which they are used.
    pub(super) order: Vec<&'a str>,
    /// The credentials in its variables, by name.
    pub(super) variables: Vec<(&'static str, &'a str)>,
    /// Files that contain secrets, by provider name; `None` if a file contains more than one secret.
    pub(super) secret_files: BTreeMap<&'a str, Option<&'a str>>,
    /// A base URL other than the vendor's.
    pub(super) base_url: Option<&'a str>,
}

/// A profile as declared in the configuration.
#[derive(Clone, Copy, Default)]
pub(super) struct DeclaredProfile<'a> {
    /// Its provider.
    pub(super) provider: Option<&'a str>,
    /// Its declared kind: `api_key`, `oauth` or `token`.
    pub(super) mode: Option<&'a str>,
}

/// The variables that contain credentials, in order of precedence.
const VARIABLES: [&str; 2] = ["ANTHROPIC_OAUTH_TOKEN", API_KEY];

impl<'a> ClawConfig<'a> {
    /// Parses a configuration.
    pub(super) fn parse(config: &'a Node<'a>) -> Self {
        let declared = |(id, profile): (&'a str, &'a Node<'a>)| {
            let (provider, mode) = (profile.text(&["provider"]), profile.text(&["mode"]));
            (id, DeclaredProfile { provider, mode })
        };
        let variable = |name: &'static str| {
            let value = config
                .text(&["env", name])
                .or_else(|| config.text(&["env", "vars", name]))?;
            Some((name, value))
        };
        Self {
            profiles: config
                .entries(&["auth", "profiles"])
                .map(declared)
                .collect(),
            order: config.texts(&["auth", "order", "anthropic"]).collect(),
            variables: VARIABLES.into_iter().filter_map(variable).collect(),
            secret_files: config
                .entries(&["secrets", "providers"])
                .filter(|(_, provider)| provider.text(&["source"]) == Some("file"))
                .map(|(name, provider)| (name, single_value(provider)))
                .collect(),
            base_url: config
                .text(&["models", "providers", "anthropic", "baseUrl"])
                .or_else(|| config.text(&["env", BASE_URL])),
        }
    }

    /// Returns the destination of its credentials.
    pub(super) fn destination(&self) -> ImportDestination {
        ImportDestination::new(self.base_url)
    }
}

/// Returns the path of a file that contains one secret and nothing else.
fn single_value<'a>(provider: &'a Node<'a>) -> Option<&'a str> {
    let path = provider.text(&["path"])?;
    let is_single = provider.text(&["mode"]) == Some("singleValue");
    (is_single && path.starts_with('/')).then_some(path)
}
