//! The files that can be imported from each program, as data (docs/facts.md#moving-in).

use zeroize::Zeroizing;

use crate::rules::variables::{CLAUDE_CONFIG_DIR, SDK_CONFIG_DIR};

/// The program to import from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImportSource {
    /// Clawdbot, until January 2026.
    Clawdbot,
    /// OpenClaw, its successor.
    Openclaw,
    /// Claude Code's settings and login.
    ClaudeCode,
    /// The profiles of Anthropic's SDKs and `ant`.
    AnthropicProfiles,
}

/// A file to look for in the directory of its program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FilePattern {
    /// Its path; `*` matches any name in one component, and any prefix in the last one.
    pub path: &'static str,
    /// Its role.
    pub role: FileRole,
    /// Its format.
    pub format: FileFormat,
}

/// The format of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileFormat {
    /// Text.
    Text,
    /// Not read: its presence is enough.
    Presence,
    /// A SQLite database with the text in one value.
    Database {
        /// The table.
        table: &'static str,
        /// The column that names the row.
        key: &'static str,
        /// The row.
        row: &'static str,
        /// The column with the text.
        value: &'static str,
    },
}

/// The role of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileRole {
    /// The configuration of Clawdbot or OpenClaw, JSON5.
    Config,
    /// Its credentials by profile.
    AuthProfiles,
    /// Its order of profiles, in a separate file.
    AuthState,
    /// Credentials by provider, as the oldest versions wrote them.
    OlderAuth,
    /// Claude Code's settings.
    Settings,
    /// Claude Code's login.
    Login,
    /// Claude Code's state, with the key of a sign-in to the Console.
    State,
    /// An SDK profile.
    SdkProfile,
    /// The name of the active SDK profile.
    ActiveConfig,
}

/// A file that was found. It has no `Debug`, since it may contain tokens.
pub struct FoundFile {
    /// Its path relative to the program's directory, for display.
    pub path: String,
    /// Its role.
    pub role: FileRole,
    /// Its text; empty if its presence is enough.
    pub text: Zeroizing<String>,
}

/// Claude Code's state file: in its directory if a variable selects that, else next to it.
const STATE_FILE: &str = ".claude.json";

/// The prefix of an agent's directory in [`FilePattern::path`].
const AGENT: &str = "agents/*/agent/";

const fn text(path: &'static str, role: FileRole) -> FilePattern {
    FilePattern {
        path,
        role,
        format: FileFormat::Text,
    }
}

const CLAWDBOT: &[FilePattern] = &[
    text("clawdbot.json", FileRole::Config),
    text("agents/*/agent/auth-profiles.json", FileRole::AuthProfiles),
    text("agents/*/agent/auth.json", FileRole::OlderAuth),
    text("credentials/oauth.json", FileRole::OlderAuth),
];

const OPENCLAW: &[FilePattern] = &[
    text("openclaw.json", FileRole::Config),
    FilePattern {
        path: "state/openclaw.sqlite",
        role: FileRole::AuthProfiles,
        format: FileFormat::Database {
            table: "config_machine_state",
            key: "state_key",
            row: "authProfiles.store",
            value: "value_json",
        },
    },
    FilePattern {
        path: "agents/*/agent/openclaw-agent.sqlite",
        role: FileRole::AuthProfiles,
        format: FileFormat::Database {
            table: "auth_profile_store",
            key: "store_key",
            row: "primary",
            value: "store_json",
        },
    },
    text("agents/*/agent/auth-profiles.json", FileRole::AuthProfiles),
    text("agents/*/agent/auth-state.json", FileRole::AuthState),
    text("agents/*/agent/auth.json", FileRole::OlderAuth),
    text("credentials/oauth.json", FileRole::OlderAuth),
];

const CLAUDE_CODE: &[FilePattern] = &[
    text("settings.json", FileRole::Settings),
    FilePattern {
        path: ".credentials.json",
        role: FileRole::Login,
        format: FileFormat::Presence,
    },
    text(".config.json", FileRole::State),
    text(STATE_FILE, FileRole::State),
];

const ANTHROPIC_PROFILES: &[FilePattern] = &[
    text("configs/*.json", FileRole::SdkProfile),
    text("active_config", FileRole::ActiveConfig),
];

impl ImportSource {
    /// Every source.
    pub const ALL: [Self; 4] = [
        Self::Clawdbot,
        Self::Openclaw,
        Self::ClaudeCode,
        Self::AnthropicProfiles,
    ];

    /// Returns its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clawdbot => "clawdbot",
            Self::Openclaw => "openclaw",
            Self::ClaudeCode => "claude-code",
            Self::AnthropicProfiles => "anthropic-profiles",
        }
    }

    /// Returns the prefix of its profiles' names.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Clawdbot | Self::Openclaw | Self::ClaudeCode => self.name(),
            Self::AnthropicProfiles => "sdk",
        }
    }

    /// Returns the variable that selects its directory, if there is one.
    pub fn directory_variable(self) -> Option<&'static str> {
        match self {
            Self::Clawdbot => None,
            Self::Openclaw => Some("OPENCLAW_STATE_DIR"),
            Self::ClaudeCode => Some(CLAUDE_CONFIG_DIR),
            Self::AnthropicProfiles => Some(SDK_CONFIG_DIR),
        }
    }

    /// Returns its default directory, relative to the user's home.
    pub fn default_directory(self) -> &'static str {
        match self {
            Self::Clawdbot => ".clawdbot",
            Self::Openclaw => ".openclaw",
            Self::ClaudeCode => ".claude",
            Self::AnthropicProfiles => ".config/anthropic",
        }
    }

    /// Returns the variables that name the directory of another agent.
    pub fn agent_directory_variables(self) -> &'static [&'static str] {
        match self {
            Self::Clawdbot => &["CLAWDBOT_AGENT_DIR", "PI_CODING_AGENT_DIR"],
            Self::Openclaw => &["OPENCLAW_AGENT_DIR"],
            Self::ClaudeCode | Self::AnthropicProfiles => &[],
        }
    }

    /// Returns the files to look for in its directory.
    pub fn files(self) -> &'static [FilePattern] {
        match self {
            Self::Clawdbot => CLAWDBOT,
            Self::Openclaw => OPENCLAW,
            Self::ClaudeCode => CLAUDE_CODE,
            Self::AnthropicProfiles => ANTHROPIC_PROFILES,
        }
    }

    /// Returns the files to look for next to its default directory.
    pub fn files_next_to_directory(self) -> impl Iterator<Item = FilePattern> {
        let is_next = move |wanted: &FilePattern| match self {
            Self::ClaudeCode => wanted.path == STATE_FILE,
            Self::Clawdbot | Self::Openclaw | Self::AnthropicProfiles => false,
        };
        self.files().iter().copied().filter(is_next)
    }

    /// Returns the files to look for in an agent's directory.
    pub fn agent_files(self) -> impl Iterator<Item = FilePattern> {
        self.files().iter().filter_map(|wanted| {
            let path = wanted.path.strip_prefix(AGENT)?;
            Some(FilePattern { path, ..*wanted })
        })
    }
}

impl FileRole {
    /// Returns `true` if a file of this role may have nothing to import, and this text has nothing.
    pub fn is_irrelevant(self, text: &str) -> bool {
        match self {
            Self::State => !text.contains("primaryApiKey"),
            Self::Config
            | Self::AuthProfiles
            | Self::AuthState
            | Self::OlderAuth
            | Self::Settings
            | Self::Login
            | Self::SdkProfile
            | Self::ActiveConfig => false,
        }
    }
}

impl FilePattern {
    /// Returns `true` if a file or directory name matches this component of [`FilePattern::path`].
    pub fn matches(component: &str, name: &str) -> bool {
        match component.strip_prefix('*') {
            Some(end) => name.len() > end.len() && name.ends_with(end) && !name.starts_with('.'),
            None => component == name,
        }
    }
}
