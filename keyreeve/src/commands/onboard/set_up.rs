//! Makes the profile that shall pay, by the same means as `profile add`, and the default one.

use keyreeve_core::api::Api;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Auth, Name, Profile, Source};
use keyreeve_core::token::{self, Family};
use keyreeve_store::Store;

use super::ask::KeyWanted;
use super::look::{KEY_VARIABLES, is_set};
use crate::commands::profile;
use crate::error::{CommandError, Exit};
use crate::output::to_the_day;
use crate::settings::{AddProfile, SecretFrom, Way};
use crate::wiring::World;

const ANTHROPIC: &str = "https://api.anthropic.com";

/// Finds or makes the profile; says what was done, where anything was.
pub(super) fn profile(
    way: Way,
    name: Option<&Name>,
    store: &Store,
    world: &World,
) -> Result<(Profile, Option<String>), CommandError> {
    let own_name = match name {
        Some(name) => name.clone(),
        None => free(usual_name(&way), |name| {
            Ok(profile::find(&*store.policy()?, name).is_ok())
        })?,
    };
    let add = match way {
        Way::Profile(name) => {
            let there = profile::find(&*store.policy()?, &name)?.clone();
            return Ok((there, None));
        }
        Way::ApiKey(from) => at_anthropic(own_name, SecretFrom::Given(from))?,
        Way::SetupToken { from, plan } => {
            at_anthropic(own_name, SecretFrom::SetupToken { from, plan })?
        }
        Way::ClaudeLogin => at_anthropic(own_name, claude_login(world))?,
        Way::Gateway {
            base_url,
            api,
            from,
        } => AddProfile::usual(own_name, base_url, api, SecretFrom::Given(from)),
        Way::Environment => environment(own_name, world)?,
    };
    if name.is_none()
        && let Some(there) = the_same(&add, store)?
    {
        world
            .output
            .note(&format!("profile `{}` is just this already", there.name));
        return Ok((there, None));
    }
    let made = profile::keep(add, store, world)?;
    let did = format!("added profile `{}`: {}", made.name, what(&made));
    Ok((made, Some(did)))
}

/// Makes it the default, unless it is.
pub(super) fn make_default(
    profile: &Profile,
    store: &Store,
    did: &mut Vec<String>,
) -> Result<(), CommandError> {
    let policy = store.policy()?;
    let before = policy.default_profile().and_then(|id| policy.profile(id));
    let instead = match before {
        Some(before) if before.id == profile.id => String::new(),
        Some(before) => format!(", instead of `{}`", before.name),
        None => String::new(),
    };
    if before.is_none_or(|before| before.id != profile.id) {
        store.use_profile(profile.id)?;
    }
    did.push(format!(
        "profile `{}` is the default{instead}",
        profile.name
    ));
    Ok(())
}

/// The name for a key.
pub(super) fn free_key(wanted: &KeyWanted, store: &Store) -> Result<Name, CommandError> {
    match wanted {
        KeyWanted::Named(name) => Ok(name.clone()),
        KeyWanted::Like(usual) => free(usual, |name| {
            let policy = store.policy()?;
            Ok(policy.keys().iter().any(|key| key.name == *name))
        }),
    }
}

/// The usual name, or the first with a number that nothing has.
fn free(
    usual: &str,
    is_taken: impl Fn(&Name) -> Result<bool, CommandError>,
) -> Result<Name, CommandError> {
    let numbered = (2..).map(|number| format!("{usual}-{number}"));
    for name in std::iter::once(usual.to_owned()).chain(numbered) {
        let name: Name = name
            .parse()
            .map_err(|error| CommandError::of(Exit::Failed, &error))?;
        if !is_taken(&name)? {
            return Ok(name);
        }
    }
    Err(CommandError::new(Exit::Failed, "no name is free").hint("keyreeve onboard --name NAME"))
}

/// A profile that takes its secret from the very same place.
fn the_same(add: &AddProfile, store: &Store) -> Result<Option<Profile>, CommandError> {
    let source = match &add.secret {
        SecretFrom::Environment { variable } => Source::Environment {
            variable: variable.clone(),
        },
        SecretFrom::ClaudeLogin { config_dir } => Source::ClaudeLogin {
            config_dir: config_dir.clone(),
        },
        SecretFrom::Given(_)
        | SecretFrom::File { .. }
        | SecretFrom::Command { .. }
        | SecretFrom::SdkProfile { .. }
        | SecretFrom::Ant { .. }
        | SecretFrom::SetupToken { .. } => return Ok(None),
    };
    let policy = store.policy()?;
    let same = policy
        .profiles()
        .iter()
        .find(|there| there.source == source && there.base_url == add.base_url);
    Ok(same.cloned())
}

fn usual_name(way: &Way) -> &'static str {
    match way {
        Way::ApiKey(_) | Way::Profile(_) => "work",
        Way::ClaudeLogin => "claude",
        Way::SetupToken { .. } => "plan",
        Way::Gateway { .. } => "gateway",
        Way::Environment => "env",
    }
}

fn at_anthropic(name: Name, secret: SecretFrom) -> Result<AddProfile, CommandError> {
    let base_url = parse(ANTHROPIC)?;
    Ok(AddProfile::usual(name, base_url, Api::Anthropic, secret))
}

fn parse(url: &str) -> Result<BaseUrl, CommandError> {
    BaseUrl::parse(url, PlainHttp::LoopbackOnly).map_err(|refused| {
        CommandError::new(Exit::Failed, "this is no address that a secret may go to")
            .caused_by(&refused)
    })
}

fn claude_login(world: &World) -> SecretFrom {
    let directory = world.snapshot.environment.get("CLAUDE_CONFIG_DIR");
    SecretFrom::ClaudeLogin {
        config_dir: directory
            .filter(|directory| directory.starts_with('/'))
            .map(ToOwned::to_owned),
    }
}

/// What the environment has: the variable by reference, bound to the address that is set beside it.
fn environment(name: Name, world: &World) -> Result<AddProfile, CommandError> {
    let environment = &world.snapshot.environment;
    let found = KEY_VARIABLES
        .into_iter()
        .find(|name| is_set(environment, name));
    let Some(variable) = found else {
        let message = format!("neither {} is set", KEY_VARIABLES.join(" nor "));
        return Err(CommandError::new(Exit::Credential, message).hint("keyreeve onboard"));
    };
    let base_url = match environment.get("ANTHROPIC_BASE_URL").map(str::trim) {
        None | Some("") => parse(ANTHROPIC)?,
        Some(url) => parse(url)?,
    };
    let api = Api::at(&base_url);
    let reading = token::read(environment.get(variable).unwrap_or_default(), api.grammar());
    if reading.family == Family::OauthAccess {
        return Err(CommandError::new(
            Exit::Policy,
            format!("{variable} holds a plan login, which never stands behind a virtual key"),
        )
        .hint("keyreeve onboard --use claude-login"));
    }
    if reading.token.is_none() {
        return Err(
            CommandError::new(Exit::Credential, format!("{variable} holds no credential"))
                .because(reading.problems.iter().map(ToString::to_string))
                .hint("keyreeve inspect"),
        );
    }
    let secret = SecretFrom::Environment {
        variable: variable.to_owned(),
    };
    let auth = match variable {
        "ANTHROPIC_AUTH_TOKEN" => Auth::Bearer,
        _ => Auth::ApiKey,
    };
    Ok(AddProfile {
        auth,
        ..AddProfile::usual(name, base_url, api, secret)
    })
}

/// What a profile is, in a few words.
fn what(profile: &Profile) -> String {
    match (&profile.source, profile.expires_at) {
        (Source::Sealed, Some(at)) => {
            let day = to_the_day(&at.to_string());
            format!("a plan's token, sealed, until {day}, for `claude` alone")
        }
        (Source::Sealed, None) => format!("sealed, for {} and nowhere else", profile.base_url),
        (Source::Environment { variable }, _) => format!(
            "reads {variable} each time, for {} and nowhere else",
            profile.base_url
        ),
        (Source::ClaudeLogin { .. }, _) => {
            "Claude Code's own login, of which nothing is read, for `claude` alone".to_owned()
        }
        (
            Source::File { .. }
            | Source::Command { .. }
            | Source::SdkProfile { .. }
            | Source::Ant { .. },
            _,
        ) => format!("for {} and nowhere else", profile.base_url),
    }
}
