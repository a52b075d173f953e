//! The configuration of Clawdbot and OpenClaw, as far as credentials are concerned (docs/facts.md#moving-in).

use std::collections::BTreeMap;

use crate::import::document::Node;
use crate::import::planner::Destination;

/// What a configuration says. It has no `Debug`: it may hold tokens.
#[derive(Default)]
pub(super) struct ClawConfig<'a> {
    /// Provider and mode by profile.
    pub(super) profiles: BTreeMap<&'a str, Declared<'a>>,
    /// Profiles of Anthropic's in the order in which they are asked.
    pub(super) order: Vec<&'a str>,
    /// The credentials among its variables, by their names.
    pub(super) variables: Vec<(&'static str, &'a str)>,
    /// Files that secrets are read from, by the names of their providers; none where it holds more than one secret.
    pub(super) secret_files: BTreeMap<&'a str, Option<&'a str>>,
    /// Another base URL than the vendor's.
    pub(super) base_url: Option<&'a str>,
}

/// What a configuration says of a profile.
#[derive(Clone, Copy)]
pub(super) struct Declared<'a> {
    /// Whose it is.
    pub(super) provider: Option<&'a str>,
    /// What it is said to be: `api_key`, `oauth`, `token`.
    pub(super) mode: Option<&'a str>,
}

/// The variables that credentials stand in, the first asked first.
const VARIABLES: [&str; 2] = ["ANTHROPIC_OAUTH_TOKEN", "ANTHROPIC_API_KEY"];

impl<'a> ClawConfig<'a> {
    /// Reads a configuration.
    pub(super) fn of(config: &'a Node<'a>) -> Self {
        let declared = |(id, profile): (&'a str, &'a Node<'a>)| {
            let (provider, mode) = (profile.text(&["provider"]), profile.text(&["mode"]));
            (id, Declared { provider, mode })
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
                .or_else(|| config.text(&["env", "ANTHROPIC_BASE_URL"])),
        }
    }

    /// Where its credentials go.
    pub(super) fn destination(&self) -> Destination {
        Destination::of(self.base_url)
    }
}

/// The path of a file that holds one secret and nothing else.
fn single_value<'a>(provider: &'a Node<'a>) -> Option<&'a str> {
    let path = provider.text(&["path"])?;
    let single = provider.text(&["mode"]) == Some("singleValue");
    (single && path.starts_with('/')).then_some(path)
}
