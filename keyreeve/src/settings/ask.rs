//! Settings of `check` and `ask`.

use keyreeve_core::profile::Name;

use crate::args;
use crate::problem::Problem;

/// The model of `ask` if none is named or configured.
pub(crate) const DEFAULT_ASK_MODEL: &str = "claude-sonnet-5-5";

/// Settings of `check`.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Check {
    pub(crate) targets: CheckTargets,
    /// If `None`, the configured one, else the cheapest.
    pub(crate) model: Option<String>,
}

/// Profiles to check.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum CheckTargets {
    /// The default profile.
    Default,
    Named(Vec<Name>),
    All,
}

/// Settings of `ask`.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Ask {
    pub(crate) prompt: PromptSource,
    /// If `None`, the default profile.
    pub(crate) profile: Option<Name>,
    /// If `None`, the configured one, else [`DEFAULT_ASK_MODEL`].
    pub(crate) model: Option<String>,
    pub(crate) max_tokens: u64,
    pub(crate) system: Option<String>,
}

/// Source of the question.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum PromptSource {
    /// The command line.
    Argument(String),
    /// Standard input.
    Stdin,
    /// Standard input, unless it is a terminal.
    StdinUnlessTerminal,
}

impl Check {
    /// Validates the arguments.
    ///
    /// # Errors
    /// Every invalid argument.
    pub(super) fn from_args(typed: args::CheckArgs) -> Result<Self, Vec<Problem>> {
        let model = typed.model.map(model).transpose()?;
        let mut names = typed.profiles;
        let mut seen = Vec::new();
        names.retain(|name| {
            let is_new = !seen.contains(name);
            seen.push(name.clone());
            is_new
        });
        let targets = match (typed.all, names.is_empty()) {
            (true, _) => CheckTargets::All,
            (false, true) => CheckTargets::Default,
            (false, false) => CheckTargets::Named(names),
        };
        Ok(Self { targets, model })
    }
}

impl Ask {
    /// Validates the arguments.
    ///
    /// # Errors
    /// Every invalid argument.
    pub(super) fn from_args(typed: args::AskArgs) -> Result<Self, Vec<Problem>> {
        let prompt = match typed.prompt {
            None => PromptSource::StdinUnlessTerminal,
            Some(dash) if dash == "-" => PromptSource::Stdin,
            Some(text) => PromptSource::Argument(text),
        };
        Ok(Self {
            prompt,
            profile: typed.profile,
            model: typed.model.map(model).transpose()?,
            max_tokens: typed.max_tokens,
            system: typed.system,
        })
    }
}

fn model(name: String) -> Result<String, Vec<Problem>> {
    if !name.is_empty() && name.len() <= 128 && name.bytes().all(|c| c.is_ascii_graphic()) {
        Ok(name)
    } else {
        let reason = format!("`{name}` is not a model name");
        Err(vec![Problem::flag("--model", reason)])
    }
}
