//! What is to be started, and by whose rules it looks for a credential.

use crate::claude_code::{Arguments, Mode};
use crate::resolve::{Client, PythonMajor, Release, TypescriptMajor};

/// What is to be started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// What kind of program it is.
    pub program: Program,
    /// The file, as it is shown.
    pub file: String,
    /// Every client whose rules it may follow. A plan must hold for each.
    pub clients: Vec<Client>,
    /// What its arguments say.
    pub arguments: Arguments,
}

/// What kind of program is to be started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    /// The program `claude`, as it is installed.
    GenuineClaude,
    /// Something that is said to be, or to start, Claude Code.
    ClaudeCode,
    /// Anything else: it may use any SDK.
    Other,
}

impl Target {
    /// Tells by the program's name, unless the person says whose rules count.
    ///
    /// Without a version the plan has to hold for every release: nothing is started to ask for it.
    pub fn of(file: &str, told: Option<Client>, arguments: Arguments) -> Self {
        let is_claude = file.rsplit('/').next() == Some("claude");
        let every_release = || Release::ALL.map(of_release).to_vec();
        let (program, clients) = match (told, is_claude) {
            (None | Some(Client::Keyreeve), true) => (Program::GenuineClaude, every_release()),
            (Some(client @ Client::ClaudeCode { .. }), true) => {
                (Program::GenuineClaude, vec![client])
            }
            (Some(client @ Client::ClaudeCode { .. }), false) => {
                (Program::ClaudeCode, vec![client])
            }
            (Some(client @ (Client::SdkPython(_) | Client::SdkTypescript(_))), _) => {
                (Program::Other, vec![client])
            }
            (None | Some(Client::Keyreeve), false) => (Program::Other, every_sdk()),
        };
        let started = |client: Client| match client {
            // What `--for bare` says stands, whatever the arguments are.
            Client::ClaudeCode {
                mode: Mode::Bare, ..
            } => client,
            _ => client.started_with(&arguments),
        };
        Self {
            program,
            file: file.to_owned(),
            clients: clients.into_iter().map(started).collect(),
            arguments,
        }
    }

    /// Whether it has a login of its own: whether it is Claude Code.
    pub fn has_login(&self) -> bool {
        match self.program {
            Program::GenuineClaude | Program::ClaudeCode => true,
            Program::Other => false,
        }
    }
}

impl Target {
    /// Whether it asks before it uses a key of its environment, and passes over one that was refused.
    pub(super) fn asks_about_keys(&self) -> bool {
        self.clients.iter().any(|client| client.asks_about_keys())
    }

    /// Whether it may be a release of Claude Code before the newest that is known.
    pub(super) fn may_be_older(&self) -> bool {
        let is_older = |client: &Client| match client {
            Client::ClaudeCode { release, .. } => *release < Release::default(),
            Client::SdkPython(_) | Client::SdkTypescript(_) | Client::Keyreeve => false,
        };
        self.clients.iter().any(is_older)
    }
}

fn of_release(release: Release) -> Client {
    Client::ClaudeCode {
        release,
        mode: Mode::Interactive,
        sources: crate::claude_code::SettingSources::ALL,
    }
}

fn every_sdk() -> Vec<Client> {
    vec![
        Client::SdkPython(PythonMajor::Zero),
        Client::SdkPython(PythonMajor::One),
        Client::SdkPython(PythonMajor::Two),
        Client::SdkTypescript(TypescriptMajor::One),
    ]
}
