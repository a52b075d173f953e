//! `profile …`: what was typed, parsed once, ready to use.

use keyreeve_core::api::Api;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Auth, Name};

use crate::args;
use crate::settings::Problem;
use crate::settings::command::{Given, given};

/// `profile …`
#[derive(Debug)]
pub(crate) enum Profile {
    Add(AddProfile),
    List,
    Show(Name),
    Use(Name),
    Rename { name: Name, new_name: Name },
    Rotate { name: Name, from: Given },
    Remove(Name),
}

/// `profile add`
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct AddProfile {
    pub(crate) name: Name,
    pub(crate) base_url: BaseUrl,
    pub(crate) api: Api,
    pub(crate) auth: Auth,
    pub(crate) secret: SecretFrom,
}

/// Where a new profile's secret comes from.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum SecretFrom {
    /// A person, now.
    Given(Given),
    /// An environment variable, at lease time.
    Environment { variable: String },
    /// A program, at lease time.
    Command { argv: Vec<String> },
}

impl Profile {
    /// Makes sense of what was typed.
    ///
    /// # Errors
    /// Every argument that makes none.
    pub(super) fn of(typed: args::Profile) -> Result<Self, Vec<Problem>> {
        Ok(match typed {
            args::Profile::Add(typed) => Self::Add(add_profile(typed)?),
            args::Profile::List => Self::List,
            args::Profile::Show { name } => Self::Show(name),
            args::Profile::Use { name } => Self::Use(name),
            args::Profile::Rename { name, new_name } => Self::Rename { name, new_name },
            args::Profile::Rotate(typed) => Self::Rotate {
                name: typed.name,
                from: given(typed.stdin),
            },
            args::Profile::Remove { name } => Self::Remove(name),
        })
    }
}

fn add_profile(typed: args::AddProfile) -> Result<AddProfile, Vec<Problem>> {
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
    let secret = match (typed.env, typed.command) {
        (Some(variable), _) if is_variable(&variable) => SecretFrom::Environment { variable },
        (Some(_), _) => {
            problems.push(Problem::of_flag(
                "--env",
                "takes the name of a variable, such as ANTHROPIC_API_KEY",
            ));
            SecretFrom::Given(Given::Asked)
        }
        (None, true) => SecretFrom::Command { argv: typed.argv },
        (None, false) => SecretFrom::Given(given(typed.stdin)),
    };
    let Some(base_url) = base_url.filter(|_| problems.is_empty()) else {
        return Err(problems);
    };
    let api = api(&base_url, typed.simulated)?;
    let auth = match typed.auth {
        Some(args::Auth::ApiKey) => Auth::ApiKey,
        Some(args::Auth::Bearer) => Auth::Bearer,
        None => api.usual_auth(),
    };
    Ok(AddProfile {
        name: typed.name,
        base_url,
        api,
        auth,
        secret,
    })
}

fn api(base_url: &BaseUrl, simulated: bool) -> Result<Api, Vec<Problem>> {
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
