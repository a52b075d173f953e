//! A combination of a client and its configuration.

use std::fmt;

use super::ingredient::Ingredient;
use crate::programs::Program;

/// A combination of a client and its configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Case {
    pub(super) program: Program,
    pub(super) ingredients: Vec<Ingredient>,
}

impl Case {
    /// Returns the client's name for `keyreeve status --for`.
    pub(super) fn client(&self) -> String {
        match self.program {
            Program::Curl => "curl".to_owned(),
            Program::Python(version) => format!("sdk-python@{version}"),
            Program::Typescript(version) => format!("sdk-typescript@{version}"),
            Program::Httpx(version) => format!("httpx@{version}"),
            Program::LangChain(version) => format!("langchain@{version}"),
            Program::ClaudeCode(version) => format!("claude-code@{version}"),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.client())?;
        for ingredient in &self.ingredients {
            write!(f, " | {ingredient}")?;
        }
        Ok(())
    }
}
