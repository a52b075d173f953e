//! `profile …`: what was typed, parsed once, ready to use.

use std::path::Path;

use jiff::Timestamp;
use keyreeve_core::api::Api;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Auth, Handing, Name};
use keyreeve_core::standing::{Act, Schedule};

use crate::args;
use crate::settings::command::{Given, given};
use crate::settings::when::span;
use crate::settings::{PlanToken, Problem};

/// `profile …`
#[derive(Debug)]
pub(crate) enum Profile {
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
        from: Given,
        plan: PlanToken,
    },
    Link {
        name: Name,
        key: Option<Name>,
    },
    Unlink(Name),
    Hand {
        name: Name,
        handing: Handing,
    },
    Remove(Name),
    Act {
        name: Name,
        act: Act,
    },
}

/// `profile add`
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct AddProfile {
    pub(crate) name: Name,
    pub(crate) base_url: BaseUrl,
    pub(crate) api: Api,
    pub(crate) auth: Auth,
    pub(crate) handing: Handing,
    pub(crate) secret: SecretFrom,
}

/// Where a new profile's secret comes from.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum SecretFrom {
    /// A person, now.
    Given(Given),
    /// An environment variable, at lease time.
    Environment { variable: String },
    /// A file, at lease time.
    File { path: String },
    /// A program, at lease time.
    Command { argv: Vec<String> },
    /// A profile of the official SDKs.
    SdkProfile {
        directory: Option<String>,
        name: Name,
    },
    /// The login of Anthropic's `ant`.
    Ant { profile: Option<Name> },
    /// A setup-token, from its owner, now.
    SetupToken { from: Given, plan: PlanToken },
    /// Claude Code's own login, by reference.
    ClaudeLogin { config_dir: Option<String> },
}

impl AddProfile {
    /// A profile as it is usually made; whoever asks for it names it.
    pub(crate) fn usual(name: Name, base_url: BaseUrl, api: Api, secret: SecretFrom) -> Self {
        Self {
            name,
            base_url,
            api,
            auth: secret.usual_auth(api),
            handing: Handing::Leased,
            secret,
        }
    }
}

impl SecretFrom {
    /// How such a credential is sent, where the person did not say: a login always as a bearer token.
    fn usual_auth(&self, api: Api) -> Auth {
        match self {
            Self::SdkProfile { .. }
            | Self::Ant { .. }
            | Self::ClaudeLogin { .. }
            | Self::SetupToken { .. } => Auth::Bearer,
            Self::Given(_)
            | Self::Environment { .. }
            | Self::File { .. }
            | Self::Command { .. } => api.usual_auth(),
        }
    }
}

impl Profile {
    /// Makes sense of what was typed.
    ///
    /// # Errors
    /// Every argument that makes none.
    pub(super) fn of(typed: args::Profile, now: Timestamp) -> Result<Self, Vec<Problem>> {
        Ok(match typed {
            args::Profile::Add(typed) => Self::Add(add_profile(typed, now)?),
            args::Profile::List => Self::List,
            args::Profile::Show { name } => Self::Show(name),
            args::Profile::Use { name } => Self::Use(name),
            args::Profile::Rename { name, new_name } => Self::Rename { name, new_name },
            args::Profile::Rotate(typed) => Self::Rotate {
                name: typed.name,
                from: given(typed.stdin),
                plan: PlanToken::of(&typed.plan, now)?,
            },
            args::Profile::Link(typed) => Self::Link {
                name: typed.name,
                key: typed.key,
            },
            args::Profile::Unlink { name } => Self::Unlink(name),
            args::Profile::Direct { name, undo } => Self::Hand {
                name,
                handing: if undo {
                    Handing::Leased
                } else {
                    Handing::Direct
                },
            },
            args::Profile::Remove { name } => Self::Remove(name),
            args::Profile::Wake { name } => Self::Act {
                name,
                act: Act::Wake,
            },
            args::Profile::Rest { name, span } => Self::Act {
                name,
                act: rest(&span, now)?,
            },
            args::Profile::Drain { name } => Self::Act {
                name,
                act: Act::Drain,
            },
            args::Profile::Enable { name } => Self::Act {
                name,
                act: Act::Enable,
            },
        })
    }
}

fn rest(typed: &str, now: Timestamp) -> Result<Act, Vec<Problem>> {
    let wrong = |text: String| vec![Problem::of_flag("--for", text)];
    let span = span(typed).map_err(wrong)?;
    if span > Schedule::Person.longest() {
        let text = "a profile rests for 32 days at the most: `keyreeve profile drain NAME` leaves it out for good";
        return Err(wrong(text.to_owned()));
    }
    if span.is_zero() {
        let text =
            "a profile rests for a second at the least: `keyreeve profile wake NAME` ends its rest";
        return Err(wrong(text.to_owned()));
    }
    let until = now.checked_add(span);
    let until = until.map_err(|_| wrong(format!("`{typed}` is too far away")))?;
    Ok(Act::Rest { until })
}

fn add_profile(mut typed: args::AddProfile, now: Timestamp) -> Result<AddProfile, Vec<Problem>> {
    let mut problems = Vec::new();
    let plain = if typed.insecure_loopback {
        PlainHttp::LoopbackOnly
    } else {
        PlainHttp::Refused
    };
    let base_url = match BaseUrl::parse(&typed.origin, plain) {
        Ok(base_url) => Some(base_url),
        Err(refused) => {
            problems.push(Problem::of_flag("--origin", refused.to_string()));
            None
        }
    };
    let plan = PlanToken::of(&typed.plan, now).unwrap_or_else(|more| {
        problems.extend(more);
        PlanToken::default()
    });
    if !typed.setup_token && plan != PlanToken::default() {
        problems.push(plan.misplaced());
    }
    let secret = secret_from(&mut typed, plan, &mut problems);
    let Some(base_url) = base_url.filter(|_| problems.is_empty()) else {
        return Err(problems);
    };
    let api = api(&base_url, typed.simulated)?;
    let auth = match typed.auth {
        Some(args::Auth::ApiKey) => Auth::ApiKey,
        Some(args::Auth::Bearer) => Auth::Bearer,
        None => secret.usual_auth(api),
    };
    let handing = if typed.direct {
        Handing::Direct
    } else {
        Handing::Leased
    };
    Ok(AddProfile {
        name: typed.name,
        base_url,
        api,
        auth,
        handing,
        secret,
    })
}

fn secret_from(
    typed: &mut args::AddProfile,
    plan: PlanToken,
    problems: &mut Vec<Problem>,
) -> SecretFrom {
    if let Some(variable) = typed.env.take() {
        if !is_variable(&variable) {
            let what = "takes the name of a variable, such as ANTHROPIC_API_KEY";
            problems.push(Problem::of_flag("--env", what));
        }
        SecretFrom::Environment { variable }
    } else if let Some(path) = typed.from_file.take() {
        let path = whole_path("--from-file", &path, problems);
        SecretFrom::File { path }
    } else if let Some(name) = typed.sdk_profile.take() {
        let directory = typed.sdk_dir.take();
        SecretFrom::SdkProfile {
            directory: directory.map(|path| whole_path("--sdk-dir", &path, problems)),
            name,
        }
    } else if let Some(profile) = typed.ant.take() {
        SecretFrom::Ant {
            profile: profile.into_iter().next(),
        }
    } else if typed.claude_login {
        let directory = typed.config_dir.take();
        SecretFrom::ClaudeLogin {
            config_dir: directory.map(|path| whole_path("--config-dir", &path, problems)),
        }
    } else if typed.setup_token {
        SecretFrom::SetupToken {
            from: given(typed.stdin),
            plan,
        }
    } else if typed.command {
        SecretFrom::Command {
            argv: std::mem::take(&mut typed.argv),
        }
    } else {
        SecretFrom::Given(given(typed.stdin))
    }
}

/// A path that means the same wherever keyreeve is started later.
fn whole_path(flag: &'static str, path: &Path, problems: &mut Vec<Problem>) -> String {
    match path.to_str() {
        Some(text) if path.is_absolute() => text.to_owned(),
        Some(_) => {
            let what = "takes a whole path, from / on: it is looked up later, from elsewhere";
            problems.push(Problem::of_flag(flag, what));
            String::new()
        }
        None => {
            problems.push(Problem::of_flag(flag, "takes a path in UTF-8"));
            String::new()
        }
    }
}

pub(super) fn api(base_url: &BaseUrl, simulated: bool) -> Result<Api, Vec<Problem>> {
    match (Api::at(base_url), simulated) {
        (api, false) => Ok(api),
        (Api::Gateway, true) if base_url.origin().is_loopback() => Ok(Api::Sandbox),
        (_, true) => Err(vec![Problem::of_flag(
            "--simulated",
            "a sandbox stands on a loopback address of this machine",
        )]),
    }
}

/// Whether a word can be the name of an environment variable, as POSIX has it.
fn is_variable(word: &str) -> bool {
    let first = word
        .bytes()
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == b'_');
    first && word.len() <= 128 && word.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
}
