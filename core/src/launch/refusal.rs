//! Why a program is not started: what stands in the way, where, and what mends it.

use std::fmt;

use crate::origin::{BaseUrl, Origin, PlainHttp};
use crate::profile::Name;
use crate::resolve::{Flaw, Place, Unexpected};

use super::project;

/// Why a program is not started. Nothing was started and no secret was opened.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// The profile's secret stays behind a lease.
    #[error("profile `{profile}` gives programs a virtual key, and not its secret")]
    Leased {
        /// Its name.
        profile: Name,
    },
    /// A plan login is for the genuine client alone (docs/facts.md#terms).
    #[error(
        "profile `{profile}` is a plan login, which serves its owner in Anthropic's own programs alone, and {file} is none"
    )]
    PlanElsewhere {
        /// Its name.
        profile: Name,
        /// The program.
        file: String,
    },
    /// A plan login is for the vendor alone.
    #[error("profile `{profile}` is a plan login, which is not sent to {origin}")]
    PlanAtGateway {
        /// Its name.
        profile: Name,
        /// Where it is bound to.
        origin: Origin,
    },
    /// A plan login is for its owner alone (docs/facts.md#terms).
    #[error("profile `{profile}` is a plan login, and those never stand behind a virtual key")]
    PlanBehindKey {
        /// Its name.
        profile: Name,
    },
    /// A cloud account has no credential that could be handed over.
    #[error(
        "profile `{profile}` is billed to a cloud account, for which nothing can be handed out"
    )]
    Cloud {
        /// Its name.
        profile: Name,
    },
    /// Only Claude Code has a login of its own.
    #[error("{file} has no login of its own: only Claude Code has one")]
    NativeElsewhere {
        /// The program.
        file: String,
    },
    /// The project's settings decide who pays or where requests go.
    #[error("this project's settings have a say in who pays or where requests go")]
    Project {
        /// Everything in them that does.
        offences: Vec<Offence>,
    },
    /// Something would win, or go out as well, that was not meant.
    #[error("{place} {does}")]
    Rival {
        /// Where it is.
        place: Place,
        /// What it does.
        does: Does,
    },
    /// What was meant cannot be used.
    #[error("{place} cannot be used: {why}")]
    Unusable {
        /// Where it is.
        place: Place,
        /// Why.
        why: Flaw,
    },
    /// The person told Claude Code not to use this key, so that it would look for another credential.
    #[error(
        "you told Claude Code not to use the key of profile `{profile}`: in a terminal it passes over it"
    )]
    Refused {
        /// Its name.
        profile: Name,
    },
    /// Settings that the program would read cannot be read by us.
    #[error("{path} cannot be read, so that what it sets is not known")]
    Unread {
        /// The file.
        path: String,
    },
    /// The SDKs' profile leads elsewhere than the profile of keyreeve's that stands for it.
    #[error("the SDK profile {name} leads to {theirs}, and profile `{profile}` is bound to {own}")]
    LeadsElsewhere {
        /// The SDKs' profile.
        name: String,
        /// Where it leads.
        theirs: String,
        /// The profile of keyreeve's.
        profile: Name,
        /// Where that one's secret may go.
        own: Box<BaseUrl>,
    },
    /// There is no login.
    #[error("Claude Code has no login here")]
    NoLogin,
    /// A bare Claude Code does not look at what was meant.
    #[error("{what} is not looked at when Claude Code is bare")]
    Bare {
        /// What was meant.
        what: String,
    },
    /// A helper has to be switched off by the settings that the person gives, and those are in a file.
    #[error("a helper has to be switched off with --settings, which names a file already: {path}")]
    SettingsInFile {
        /// The file.
        path: String,
    },
    /// Nothing that was meant is used, for a reason that is not known.
    #[error("{what} would not be used: {headline}")]
    NotUsed {
        /// What was meant.
        what: String,
        /// What would happen instead.
        headline: String,
    },
    /// Somebody else would pay.
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
}

/// What a rival does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Does {
    /// It is a credential that goes out.
    IsSent,
    /// It hands everything to a cloud account.
    UsesCloud,
    /// It sends requests elsewhere.
    Moves,
    /// It makes the program fail.
    Breaks(Flaw),
    /// It starts Claude Code bare.
    MakesBare,
}

impl fmt::Display for Does {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IsSent => f.write_str("would pay instead, or be sent along"),
            Self::UsesCloud => f.write_str("would have a cloud account pay"),
            Self::Moves => f.write_str("would send the credential elsewhere"),
            Self::Breaks(flaw) => write!(f, "would make the program fail: {flaw}"),
            Self::MakesBare => f.write_str("would keep Claude Code from its login"),
        }
    }
}

/// A setting of a project that decides who pays or where requests go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offence {
    /// The file.
    pub path: String,
    /// The line, the first being 1.
    pub line: usize,
    /// The setting, such as `env.ANTHROPIC_BASE_URL`; none where the file cannot be read.
    pub key: Option<String>,
}

impl Offence {
    /// Whether it starts a program, which would see the environment.
    pub fn starts_program(&self) -> bool {
        self.key.as_deref().is_none_or(project::starts_program)
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, key } = self;
        match key {
            Some(key) => write!(f, "{path}:{line} sets {key}"),
            None => write!(
                f,
                "{path}:{line} cannot be read, so that what it sets is not known"
            ),
        }
    }
}

/// What kind of failure a refusal is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lacks {
    /// There is no credential, or it is a bad one.
    Credential,
    /// A rule stands in the way.
    Permission,
}

impl Refusal {
    /// What is lacking.
    pub fn lacks(&self) -> Lacks {
        match self {
            Self::Unusable { .. } | Self::NoLogin | Self::NotUsed { .. } => Lacks::Credential,
            Self::Leased { .. }
            | Self::PlanElsewhere { .. }
            | Self::PlanAtGateway { .. }
            | Self::PlanBehindKey { .. }
            | Self::Cloud { .. }
            | Self::NativeElsewhere { .. }
            | Self::Project { .. }
            | Self::Rival { .. }
            | Self::Refused { .. }
            | Self::Unread { .. }
            | Self::LeadsElsewhere { .. }
            | Self::Bare { .. }
            | Self::SettingsInFile { .. }
            | Self::Unexpected(_) => Lacks::Permission,
        }
    }

    /// What mends it, in a sentence or several; none where the refusal says it.
    pub fn mend(&self) -> Vec<String> {
        match self {
            Self::Project { offences } => offences.iter().map(ToString::to_string).collect(),
            Self::Rival { place, .. } => match (place.file(), place.line()) {
                (Some(path), Some(line)) => {
                    vec![format!("take it out of line {line} of {path}")]
                }
                _ => Vec::new(),
            },
            Self::Refused { .. } => vec![
                "take the last 20 characters of the key out of customApiKeyResponses.rejected in Claude Code's .claude.json, and it asks again".to_owned(),
            ],
            Self::SettingsInFile { path } => {
                vec![format!("write \"apiKeyHelper\": \"\" into {path}")]
            }
            Self::LeadsElsewhere { theirs, .. } => {
                let right = BaseUrl::parse(theirs, PlainHttp::LoopbackOnly).map_or_else(
                    |_| "correct the base_url in its configuration".to_owned(),
                    |to| format!("where that is right, add the profile again with `--origin {to}`"),
                );
                vec![right]
            }
            Self::Leased { profile } => vec![format!(
                "`keyreeve profile direct {profile}` would let programs have the secret itself"
            )],
            Self::PlanElsewhere { .. }
            | Self::PlanAtGateway { .. }
            | Self::PlanBehindKey { .. } => {
                vec!["use a profile with an API key for anything else".to_owned()]
            }
            Self::Bare { .. } => vec!["leave --bare away, or use an API key".to_owned()],
            Self::Cloud { .. }
            | Self::NativeElsewhere { .. }
            | Self::Unusable { .. }
            | Self::Unread { .. }
            | Self::NoLogin
            | Self::NotUsed { .. }
            | Self::Unexpected(_) => Vec::new(),
        }
    }

    /// The command that mends it, where there is one.
    pub fn command(&self) -> Option<String> {
        match self {
            Self::Leased { profile } => Some(format!(
                "keyreeve exec --gateway --profile {profile} -- PROGRAM"
            )),
            Self::PlanBehindKey { profile } => {
                Some(format!("keyreeve exec --profile {profile} -- claude"))
            }
            Self::NoLogin => Some("claude /login".to_owned()),
            Self::Project { .. } => Some(
                "keyreeve exec --allow-project-settings -- PROGRAM, once you have read them"
                    .to_owned(),
            ),
            Self::PlanElsewhere { .. }
            | Self::PlanAtGateway { .. }
            | Self::Cloud { .. }
            | Self::LeadsElsewhere { .. } => Some("keyreeve profile list".to_owned()),
            Self::NativeElsewhere { .. } => {
                Some("keyreeve exec --profile NAME -- PROGRAM".to_owned())
            }
            Self::Refused { profile } => Some(format!(
                "keyreeve exec --profile {profile} -- claude -p PROMPT, which asks nothing"
            )),
            Self::Unread { .. } => Some("keyreeve doctor".to_owned()),
            Self::Rival { .. }
            | Self::Unusable { .. }
            | Self::Bare { .. }
            | Self::SettingsInFile { .. }
            | Self::NotUsed { .. }
            | Self::Unexpected(_) => Some("keyreeve status".to_owned()),
        }
    }
}
