//! The program to start, and the clients whose credential rules it may follow.

use crate::rules::claude_code::{Arguments, Mode};
use crate::rules::resolve::{ClientProgram, PythonMajor, Release, TypescriptMajor};

/// A program to start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The kind of program.
    pub(crate) program: Program,
    /// The program's file, as shown to the user.
    pub(crate) file: String,
    /// Every client whose rules it may follow. A plan must be verified for each.
    pub(crate) clients: Vec<ClientProgram>,
    /// The parsed arguments.
    pub arguments: Arguments,
}

/// The kind of program to start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Program {
    /// The installed program `claude`.
    GenuineClaude,
    /// A program that the user declared to be, or to start, Claude Code.
    ClaudeCode,
    /// Anything else: it may use any SDK.
    Other,
}

impl Target {
    /// Determines the clients by the program's name, unless the user declared one.
    ///
    /// Without a version the plan must work for every release: no program is started to ask for its version.
    pub fn new(file: &str, declared: Option<ClientProgram>, arguments: Arguments) -> Self {
        let is_claude = file.rsplit('/').next() == Some("claude");
        let every_release = || Release::ALL.map(interactive_claude_code).to_vec();
        let (program, clients) = match (declared, is_claude) {
            (None | Some(ClientProgram::Keyreeve), true) => {
                (Program::GenuineClaude, every_release())
            }
            (Some(client @ ClientProgram::ClaudeCode { .. }), true) => {
                (Program::GenuineClaude, vec![client])
            }
            (Some(client @ ClientProgram::ClaudeCode { .. }), false) => {
                (Program::ClaudeCode, vec![client])
            }
            (Some(client @ (ClientProgram::SdkPython(_) | ClientProgram::SdkTypescript(_))), _) => {
                (Program::Other, vec![client])
            }
            (None | Some(ClientProgram::Keyreeve), false) => (Program::Other, every_sdk()),
        };
        let started = |client: ClientProgram| match client {
            // `--for bare` overrides the arguments.
            ClientProgram::ClaudeCode {
                mode: Mode::Bare, ..
            } => client,
            _ => client.with_arguments(&arguments),
        };
        Self {
            program,
            file: file.to_owned(),
            clients: clients.into_iter().map(started).collect(),
            arguments,
        }
    }

    /// Returns `true` if it has a login of its own, as only Claude Code does.
    pub fn has_login(&self) -> bool {
        match self.program {
            Program::GenuineClaude | Program::ClaudeCode => true,
            Program::Other => false,
        }
    }
}

impl Target {
    /// Returns `true` if it asks before it uses a key from its environment, and ignores a rejected one.
    pub(super) fn asks_about_keys(&self) -> bool {
        self.clients.iter().any(|client| client.asks_about_keys())
    }

    /// Returns `true` if it may be a release of Claude Code older than the newest known one.
    pub(super) fn may_be_older(&self) -> bool {
        let is_older = |client: &ClientProgram| match client {
            ClientProgram::ClaudeCode { release, .. } => *release < Release::V2_1_329,
            ClientProgram::SdkPython(_)
            | ClientProgram::SdkTypescript(_)
            | ClientProgram::Keyreeve => false,
        };
        self.clients.iter().any(is_older)
    }
}

fn interactive_claude_code(release: Release) -> ClientProgram {
    ClientProgram::ClaudeCode {
        release,
        mode: Mode::Interactive,
        sources: crate::rules::claude_code::SettingSources::ALL,
    }
}

fn every_sdk() -> Vec<ClientProgram> {
    vec![
        ClientProgram::SdkPython(PythonMajor::Zero),
        ClientProgram::SdkPython(PythonMajor::One),
        ClientProgram::SdkPython(PythonMajor::Two),
        ClientProgram::SdkTypescript(TypescriptMajor::Zero),
        ClientProgram::SdkTypescript(TypescriptMajor::One),
    ]
}
