//! Settings of `profile`.

use std::path::Path;

use jiff::Timestamp;
use keyreeve_core::api::Api;
use keyreeve_core::health::{BackoffSchedule, ManualAction};
use keyreeve_core::origin::{BaseUrl, OriginError, PlainHttp};
use keyreeve_core::profile::{Auth, Name, SecretExposure};

use crate::args;
use crate::problem::Problem;
use crate::settings::SetupTokenOptions;
use crate::settings::secret_input::{SecretInput, secret_input};
use crate::settings::when::parse_duration;

/// Actions of `profile`.
#[derive(Debug)]
pub(crate) enum ProfileAction {
    Add(AddProfile),
    List,
    Show(Name),
    Use(Name),
    Rename {
        name: Name,
        new_name: Name,
    },
    Rotate {
        name: Name,
        input: SecretInput,
        plan: SetupTokenOptions,
    },
    Link {
        name: Name,
        key: Option<Name>,
    },
    Unlink(Name),
    SetExposure {
        name: Name,
        exposure: SecretExposure,
    },
    Remove(Name),
    SetHealth {
        name: Name,
        action: ManualAction,
    },
}

/// Settings of `profile add`.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct AddProfile {
    pub(crate) name: Name,
    pub(crate) base_url: BaseUrl,
    pub(crate) api: Api,
    pub(crate) auth: Auth,
    pub(crate) exposure: SecretExposure,
    pub(crate) secret: SecretOrigin,
}

/// Origin of a new profile's secret.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum SecretOrigin {
    /// The user, now.
    Given(SecretInput),
    /// An environment variable, whenever it is used.
    Environment { variable: String },
    /// A file, whenever it is used.
    File { path: String },
    /// A program, whenever it is used.
    Command { argv: Vec<String> },
    /// A profile of the official SDKs.
    SdkProfile {
        directory: Option<String>,
        name: Name,
    },
    /// The login of Anthropic's `ant`.
    Ant { profile: Option<Name> },
    /// A setup-token, from its owner, now.
    SetupToken {
        input: SecretInput,
        plan: SetupTokenOptions,
    },
    /// Claude Code's own login, by reference.
    ClaudeLogin { config_dir: Option<String> },
}

impl AddProfile {
    /// Creates settings with the defaults for an API.
    pub(crate) fn with_defaults(
        name: Name,
        base_url: BaseUrl,
        api: Api,
        secret: SecretOrigin,
    ) -> Self {
        Self {
            name,
            base_url,
            api,
            auth: secret.default_auth(api),
            exposure: SecretExposure::RequestsOnly,
            secret,
        }
    }
}

impl SecretOrigin {
    /// Returns the header for such a credential if none is given; a login is always a bearer token.
    fn default_auth(&self, api: Api) -> Auth {
        match self {
            Self::SdkProfile { .. }
            | Self::Ant { .. }
            | Self::ClaudeLogin { .. }
            | Self::SetupToken { .. } => Auth::Bearer,
            Self::Given(_)
            | Self::Environment { .. }
            | Self::File { .. }
            | Self::Command { .. } => api.default_auth(),
        }
    }
}

impl ProfileAction {
    /// Validates the arguments.
    ///
    /// # Errors
    /// Every invalid argument.
    pub(super) fn from_args(
        typed: args::ProfileCommand,
        now: Timestamp,
    ) -> Result<Self, Vec<Problem>> {
        Ok(match typed {
            args::ProfileCommand::Add(typed) => Self::Add(add_profile(typed, now)?),
            args::ProfileCommand::List => Self::List,
            args::ProfileCommand::Show { name } => Self::Show(name),
            args::ProfileCommand::Use { name } => Self::Use(name),
            args::ProfileCommand::Rename { name, new_name } => Self::Rename { name, new_name },
            args::ProfileCommand::Rotate(typed) => Self::Rotate {
                name: typed.name,
                input: secret_input(typed.stdin),
                plan: SetupTokenOptions::from_args(&typed.plan, now)?,
            },
            args::ProfileCommand::Link(typed) => Self::Link {
                name: typed.name,
                key: typed.key,
            },
            args::ProfileCommand::Unlink { name } => Self::Unlink(name),
            args::ProfileCommand::Direct { name, undo } => Self::SetExposure {
                name,
                exposure: if undo {
                    SecretExposure::RequestsOnly
                } else {
                    SecretExposure::Programs
                },
            },
            args::ProfileCommand::Remove { name } => Self::Remove(name),
            args::ProfileCommand::Resume { name } => Self::SetHealth {
                name,
                action: ManualAction::Resume,
            },
            args::ProfileCommand::Pause { name, duration } => Self::SetHealth {
                name,
                action: pause(&duration, now)?,
            },
            args::ProfileCommand::Drain { name } => Self::SetHealth {
                name,
                action: ManualAction::Drain,
            },
        })
    }
}

fn pause(duration: &str, now: Timestamp) -> Result<ManualAction, Vec<Problem>> {
    let invalid = |text: String| vec![Problem::flag("--for", text)];
    let length = parse_duration(duration).map_err(invalid)?;
    if length > BackoffSchedule::Manual.max_delay() {
        let text = "must be at most 32 days. To stop using a profile for longer, run `keyreeve profile drain NAME`.";
        return Err(invalid(text.to_owned()));
    }
    if length.is_zero() {
        let text = "must be at least 1s. To end a pause, run `keyreeve profile resume NAME`.";
        return Err(invalid(text.to_owned()));
    }
    let until = now.checked_add(length);
    let until = until.map_err(|_| invalid(format!("is out of range: `{duration}`")))?;
    Ok(ManualAction::Pause { until })
}

fn add_profile(
    mut typed: args::AddProfileArgs,
    now: Timestamp,
) -> Result<AddProfile, Vec<Problem>> {
    let mut problems = Vec::new();
    let plain = if typed.insecure_loopback {
        PlainHttp::LoopbackOnly
    } else {
        PlainHttp::Forbidden
    };
    let base_url = match BaseUrl::parse(&typed.origin, plain) {
        Ok(base_url) => Some(base_url),
        Err(error) => {
            problems.push(origin_problem("--origin", &error, plain));
            None
        }
    };
    let plan = SetupTokenOptions::from_args(&typed.plan, now).unwrap_or_else(|more| {
        problems.extend(more);
        SetupTokenOptions::default()
    });
    if !typed.setup_token && plan != SetupTokenOptions::default() {
        problems.push(plan.misplaced());
    }
    let secret = secret_from(&mut typed, plan, &mut problems);
    let Some(base_url) = base_url.filter(|_| problems.is_empty()) else {
        return Err(problems);
    };
    let api = api(&base_url, typed.simulated)?;
    let auth = match typed.auth {
        Some(args::AuthArg::ApiKey) => Auth::ApiKey,
        Some(args::AuthArg::Bearer) => Auth::Bearer,
        None => secret.default_auth(api),
    };
    let exposure = if typed.direct {
        SecretExposure::Programs
    } else {
        SecretExposure::RequestsOnly
    };
    Ok(AddProfile {
        name: typed.name,
        base_url,
        api,
        auth,
        exposure,
        secret,
    })
}

fn secret_from(
    typed: &mut args::AddProfileArgs,
    plan: SetupTokenOptions,
    problems: &mut Vec<Problem>,
) -> SecretOrigin {
    if let Some(variable) = typed.env.take() {
        if !is_variable(&variable) {
            let text = "must be the name of a variable, such as ANTHROPIC_API_KEY";
            problems.push(Problem::flag("--env", text));
        }
        SecretOrigin::Environment { variable }
    } else if let Some(path) = typed.from_file.take() {
        let path = absolute_path("--from-file", &path, problems);
        SecretOrigin::File { path }
    } else if let Some(name) = typed.sdk_profile.take() {
        let directory = typed.sdk_dir.take();
        SecretOrigin::SdkProfile {
            directory: directory.map(|path| absolute_path("--sdk-dir", &path, problems)),
            name,
        }
    } else if let Some(profile) = typed.ant.take() {
        SecretOrigin::Ant {
            profile: profile.into_iter().next(),
        }
    } else if typed.claude_login {
        let directory = typed.config_dir.take();
        SecretOrigin::ClaudeLogin {
            config_dir: directory.map(|path| absolute_path("--config-dir", &path, problems)),
        }
    } else if typed.setup_token {
        SecretOrigin::SetupToken {
            input: secret_input(typed.stdin),
            plan,
        }
    } else if typed.command {
        SecretOrigin::Command {
            argv: std::mem::take(&mut typed.argv),
        }
    } else {
        SecretOrigin::Given(secret_input(typed.stdin))
    }
}

/// Returns an absolute path, which means the same wherever keyreeve is started later.
fn absolute_path(flag: &'static str, path: &Path, problems: &mut Vec<Problem>) -> String {
    match path.to_str() {
        Some(text) if path.is_absolute() => text.to_owned(),
        Some(_) => {
            let text = "must be an absolute path: it is read later, from another directory";
            problems.push(Problem::flag(flag, text));
            String::new()
        }
        None => {
            problems.push(Problem::flag(flag, "must be a path in UTF-8"));
            String::new()
        }
    }
}

/// Returns the problem of an unusable origin.
pub(super) fn origin_problem(flag: &'static str, error: &OriginError, plain: PlainHttp) -> Problem {
    match (error, plain) {
        (OriginError::PlainHttp, PlainHttp::Forbidden) => Problem::flag(
            flag,
            "must be https. For a server on this machine, add `--insecure-loopback`.",
        ),
        (OriginError::PlainHttp, PlainHttp::LoopbackOnly) => Problem::flag(
            flag,
            "must be https, or http to a loopback IP address such as http://127.0.0.1:8080",
        ),
        (
            OriginError::NotAUrl
            | OriginError::Scheme
            | OriginError::UserInfo
            | OriginError::QueryOrFragment
            | OriginError::Unspecified,
            _,
        ) => Problem::flag(flag, error.to_string()),
    }
}

/// Returns the API at an origin.
///
/// # Errors
/// `--simulated` with an origin that is no loopback address.
pub(super) fn api(base_url: &BaseUrl, simulated: bool) -> Result<Api, Vec<Problem>> {
    match (Api::from_base_url(base_url), simulated) {
        (api, false) => Ok(api),
        (Api::Gateway, true) if base_url.origin().is_loopback() => Ok(Api::Sandbox),
        (_, true) => Err(vec![Problem::flag(
            "--simulated",
            "needs an origin on a loopback address of this machine",
        )]),
    }
}

/// Returns `true` if a word can be the name of an environment variable by POSIX.
fn is_variable(word: &str) -> bool {
    let first = word
        .bytes()
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == b'_');
    first && word.len() <= 128 && word.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
}
