//! Where each program keeps what can be moved in, as data (docs/facts.md#moving-in).

use zeroize::Zeroizing;

/// What is moved in from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Clawdbot, of January 2026 and before.
    Clawdbot,
    /// OpenClaw, which it became.
    Openclaw,
    /// Claude Code's settings and login.
    ClaudeCode,
    /// The profiles of Anthropic's SDKs and `ant`.
    AnthropicProfiles,
}

/// A file to look for, below the directory of its program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Its path; `*` stands for any name in one component, and in the last for any beginning.
    pub path: &'static str,
    /// What it holds.
    pub role: Role,
    /// How it is read.
    pub form: Form,
}

/// How a file is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// As text.
    Text,
    /// Not at all: that it is there is enough.
    Presence,
    /// As a SQLite database, of which one value is text.
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

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The configuration of Clawdbot or OpenClaw, JSON5.
    Config,
    /// Their credentials by profile.
    AuthProfiles,
    /// Their order of profiles, in a file of its own.
    AuthState,
    /// Credentials by provider, as the oldest versions wrote them.
    OlderAuth,
    /// Claude Code's settings.
    Settings,
    /// Claude Code's login.
    Login,
    /// One profile of the SDKs.
    SdkProfile,
    /// The name of the SDKs' active profile.
    ActiveConfig,
}

/// A file that was found. It has no `Debug`: it may hold tokens.
pub struct Found {
    /// Its path below the directory, for people.
    pub path: String,
    /// What it holds.
    pub role: Role,
    /// Its text; empty where its presence is enough.
    pub text: Zeroizing<String>,
}

/// What stands for one agent's folder in [`Wanted::path`].
const AGENT: &str = "agents/*/agent/";

const fn text(path: &'static str, role: Role) -> Wanted {
    let form = Form::Text;
    Wanted { path, role, form }
}

const CLAWDBOT: &[Wanted] = &[
    text("clawdbot.json", Role::Config),
    text("agents/*/agent/auth-profiles.json", Role::AuthProfiles),
    text("agents/*/agent/auth.json", Role::OlderAuth),
    text("credentials/oauth.json", Role::OlderAuth),
];

const OPENCLAW: &[Wanted] = &[
    text("openclaw.json", Role::Config),
    Wanted {
        path: "state/openclaw.sqlite",
        role: Role::AuthProfiles,
        form: Form::Database {
            table: "config_machine_state",
            key: "state_key",
            row: "authProfiles.store",
            value: "value_json",
        },
    },
    Wanted {
        path: "agents/*/agent/openclaw-agent.sqlite",
        role: Role::AuthProfiles,
        form: Form::Database {
            table: "auth_profile_store",
            key: "store_key",
            row: "primary",
            value: "store_json",
        },
    },
    text("agents/*/agent/auth-profiles.json", Role::AuthProfiles),
    text("agents/*/agent/auth-state.json", Role::AuthState),
    text("agents/*/agent/auth.json", Role::OlderAuth),
    text("credentials/oauth.json", Role::OlderAuth),
];

const CLAUDE_CODE: &[Wanted] = &[
    text("settings.json", Role::Settings),
    Wanted {
        path: ".credentials.json",
        role: Role::Login,
        form: Form::Presence,
    },
];

const ANTHROPIC_PROFILES: &[Wanted] = &[
    text("configs/*.json", Role::SdkProfile),
    text("active_config", Role::ActiveConfig),
];

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::Clawdbot,
        Self::Openclaw,
        Self::ClaudeCode,
        Self::AnthropicProfiles,
    ];

    /// Names it as the command line does.
    pub fn word(self) -> &'static str {
        match self {
            Self::Clawdbot => "clawdbot",
            Self::Openclaw => "openclaw",
            Self::ClaudeCode => "claude-code",
            Self::AnthropicProfiles => "anthropic-profiles",
        }
    }

    /// What the names of its profiles begin with.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Clawdbot | Self::Openclaw | Self::ClaudeCode => self.word(),
            Self::AnthropicProfiles => "sdk",
        }
    }

    /// The variable that names its directory, where it has one.
    pub fn variable(self) -> Option<&'static str> {
        match self {
            Self::Clawdbot => None,
            Self::Openclaw => Some("OPENCLAW_STATE_DIR"),
            Self::ClaudeCode => Some("CLAUDE_CONFIG_DIR"),
            Self::AnthropicProfiles => Some("ANTHROPIC_CONFIG_DIR"),
        }
    }

    /// Its directory below the person's home.
    pub fn in_home(self) -> &'static str {
        match self {
            Self::Clawdbot => ".clawdbot",
            Self::Openclaw => ".openclaw",
            Self::ClaudeCode => ".claude",
            Self::AnthropicProfiles => ".config/anthropic",
        }
    }

    /// The variables that name one more agent's folder.
    pub fn agent_variables(self) -> &'static [&'static str] {
        match self {
            Self::Clawdbot => &["CLAWDBOT_AGENT_DIR", "PI_CODING_AGENT_DIR"],
            Self::Openclaw => &["OPENCLAW_AGENT_DIR"],
            Self::ClaudeCode | Self::AnthropicProfiles => &[],
        }
    }

    /// The files to look for in its directory.
    pub fn wanted(self) -> &'static [Wanted] {
        match self {
            Self::Clawdbot => CLAWDBOT,
            Self::Openclaw => OPENCLAW,
            Self::ClaudeCode => CLAUDE_CODE,
            Self::AnthropicProfiles => ANTHROPIC_PROFILES,
        }
    }

    /// The files to look for in one agent's folder.
    pub fn wanted_of_agent(self) -> impl Iterator<Item = Wanted> {
        self.wanted().iter().filter_map(|wanted| {
            let path = wanted.path.strip_prefix(AGENT)?;
            Some(Wanted { path, ..*wanted })
        })
    }
}

impl Wanted {
    /// Whether a file's or folder's name may stand where [`Wanted::path`] has this component.
    pub fn takes(component: &str, name: &str) -> bool {
        match component.strip_prefix('*') {
            Some(end) => name.len() > end.len() && name.ends_with(end) && !name.starts_with('.'),
            None => component == name,
        }
    }
}
