//! `check` and `ask`: what was typed, parsed once, ready to use.

use keyreeve_core::profile::Name;

use crate::args;
use crate::settings::Problem;

/// The model that `ask` asks where none is named and none is configured.
pub(crate) const USUAL_MODEL: &str = "claude-sonnet-5-5";

/// `check`
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Check {
    pub(crate) which: Which,
    /// None: the configured one, else the cheapest.
    pub(crate) model: Option<String>,
}

/// Which profiles are checked.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Which {
    /// The default one.
    Default,
    Named(Vec<Name>),
    All,
}

/// `ask`
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Ask {
    pub(crate) prompt: Prompt,
    /// None: the default one.
    pub(crate) profile: Option<Name>,
    /// None: the configured one, else [`USUAL_MODEL`].
    pub(crate) model: Option<String>,
    pub(crate) max_tokens: u64,
    pub(crate) system: Option<String>,
}

/// Where the question comes from.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Prompt {
    /// The command line.
    Typed(String),
    /// Standard input.
    Stdin,
    /// Standard input, unless that is a terminal.
    StdinUnlessTerminal,
}

impl Check {
    /// Makes sense of what was typed.
    ///
    /// # Errors
    /// Every argument that makes none.
    pub(super) fn of(typed: args::Check) -> Result<Self, Vec<Problem>> {
        let model = typed.model.map(model).transpose()?;
        let mut names = typed.profiles;
        let mut seen = Vec::new();
        names.retain(|name| {
            let is_new = !seen.contains(name);
            seen.push(name.clone());
            is_new
        });
        let which = match (typed.all, names.is_empty()) {
            (true, _) => Which::All,
            (false, true) => Which::Default,
            (false, false) => Which::Named(names),
        };
        Ok(Self { which, model })
    }
}

impl Ask {
    /// Makes sense of what was typed.
    ///
    /// # Errors
    /// Every argument that makes none.
    pub(super) fn of(typed: args::Ask) -> Result<Self, Vec<Problem>> {
        let prompt = match typed.prompt {
            None => Prompt::StdinUnlessTerminal,
            Some(dash) if dash == "-" => Prompt::Stdin,
            Some(text) => Prompt::Typed(text),
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

fn model(word: String) -> Result<String, Vec<Problem>> {
    if !word.is_empty() && word.len() <= 128 && word.bytes().all(|c| c.is_ascii_graphic()) {
        Ok(word)
    } else {
        let why = format!("`{word}` is no model's name");
        Err(vec![Problem::of_flag("--model", why)])
    }
}
