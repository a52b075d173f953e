//! The client programs, each with a pinned version.

use std::fmt;

/// A client program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Program {
    Curl,
    /// The official Python SDK of this version.
    Python(&'static str),
    /// The official TypeScript SDK of this version, run by Node.
    Typescript(&'static str),
    /// A user's own script with httpx of this version.
    Httpx(&'static str),
    /// `langchain-core` of this version, with a user's own chat model.
    LangChain(&'static str),
    /// Claude Code of this version.
    ClaudeCode(&'static str),
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Curl => f.write_str("curl"),
            Self::Python(version) => write!(f, "python anthropic {version}"),
            Self::Typescript(version) => write!(f, "typescript anthropic {version}"),
            Self::Httpx(version) => write!(f, "python httpx {version}"),
            Self::LangChain(version) => write!(f, "langchain-core {version}"),
            Self::ClaudeCode(version) => write!(f, "claude code {version}"),
        }
    }
}
