//! Adds the profile that pays, as `profile add` does, and makes it the default.

use keyreeve_broker::admin::profiles::{self, ProfileSettings, find_profile, find_same};
use keyreeve_core::api::Api;
use keyreeve_core::origin::{BaseUrl, PlainHttp};
use keyreeve_core::profile::{Auth, Name, Profile, Source};
use keyreeve_core::token::{self, Family};
use keyreeve_store::Store;

use super::detect::{KEY_VARIABLES, is_set};
use super::questions::{NewKeyName, OnboardMethod};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::new_profile::{self, SecretOrigin};
use crate::output::utc_date;

/// Finds or adds the profile; returns a sentence about the change, if any.
pub(super) fn find_or_add_profile(
    method: OnboardMethod,
    name: Option<&Name>,
    store: &Store,
    context: &Context,
) -> Result<(Profile, Option<String>), CommandError> {
    let profile_name = match name {
        Some(name) => name.clone(),
        None => free_name(default_name(&method), |name| {
            Ok(find_profile(&*store.policy()?, name).is_ok())
        })?,
    };
    let (settings, origin) = match method {
        OnboardMethod::Profile(name) => {
            let existing = find_profile(&*store.policy()?, &name)?.clone();
            return Ok((existing, None));
        }
        OnboardMethod::ApiKey(input) => at_anthropic(profile_name, SecretOrigin::Given(input)),
        OnboardMethod::SetupToken { input, plan } => {
            at_anthropic(profile_name, SecretOrigin::SetupToken { input, plan })
        }
        OnboardMethod::ClaudeLogin => at_anthropic(profile_name, claude_login(context)),
        OnboardMethod::Gateway {
            base_url,
            api,
            input,
        } => (
            ProfileSettings::with_defaults(profile_name, base_url, api),
            SecretOrigin::Given(input),
        ),
        OnboardMethod::Environment => profile_from_environment(profile_name, context)?,
    };
    if name.is_none()
        && let SecretOrigin::Reference(source) = &origin
        && let Some(existing) = find_same(&*store.policy()?, source, &settings.base_url)
    {
        context.output.note(&format!(
            "Profile `{}` already uses this credential",
            existing.name
        ));
        return Ok((existing.clone(), None));
    }
    let added = new_profile::save(settings, origin, store, context)?;
    let change = format!("Added profile `{}`: {}", added.name, describe(&added));
    Ok((added, Some(change)))
}

/// Makes the profile the default; returns a sentence about it.
pub(super) fn make_default(profile: &Profile, store: &Store) -> Result<String, CommandError> {
    let name = &profile.name;
    let previous = profiles::set_default(store, name)?;
    let previous = previous.map_or_else(String::new, |previous| format!(" (was `{previous}`)"));
    Ok(format!("Profile `{name}` is the default{previous}"))
}

/// Returns the name of the key to create.
pub(super) fn free_key_name(wanted: &NewKeyName, store: &Store) -> Result<Name, CommandError> {
    match wanted {
        NewKeyName::Exact(name) => Ok(name.clone()),
        NewKeyName::FreeLike(base) => free_name(base, |name| {
            let policy = store.policy()?;
            Ok(policy.keys().iter().any(|key| key.name == *name))
        }),
    }
}

/// Returns `base`, or the first free name with a number appended.
fn free_name(
    base: &str,
    is_taken: impl Fn(&Name) -> Result<bool, CommandError>,
) -> Result<Name, CommandError> {
    let numbered = (2..).map(|number| format!("{base}-{number}"));
    for name in std::iter::once(base.to_owned()).chain(numbered) {
        let name: Name = name
            .parse()
            .map_err(|error| CommandError::from_error(Exit::Failed, &error))?;
        if !is_taken(&name)? {
            return Ok(name);
        }
    }
    Err(CommandError::new(Exit::Failed, "no free name left").fix("keyreeve onboard --name NAME"))
}

fn default_name(method: &OnboardMethod) -> &'static str {
    match method {
        OnboardMethod::ApiKey(_) | OnboardMethod::Profile(_) => "work",
        OnboardMethod::ClaudeLogin => "claude",
        OnboardMethod::SetupToken { .. } => "plan",
        OnboardMethod::Gateway { .. } => "gateway",
        OnboardMethod::Environment => "env",
    }
}

fn at_anthropic(name: Name, origin: SecretOrigin) -> (ProfileSettings, SecretOrigin) {
    let settings = ProfileSettings::with_defaults(name, BaseUrl::anthropic(), Api::Anthropic);
    (settings, origin)
}

fn claude_login(context: &Context) -> SecretOrigin {
    let directory = context.snapshot.environment.get("CLAUDE_CONFIG_DIR");
    SecretOrigin::Reference(Source::ClaudeLogin {
        config_dir: directory
            .filter(|directory| directory.starts_with('/'))
            .map(ToOwned::to_owned),
    })
}

/// Returns a profile that reads the environment variable, bound to the base URL in the environment.
fn profile_from_environment(
    name: Name,
    context: &Context,
) -> Result<(ProfileSettings, SecretOrigin), CommandError> {
    let environment = &context.snapshot.environment;
    let variable = KEY_VARIABLES
        .into_iter()
        .find(|name| is_set(environment, name));
    let Some(variable) = variable else {
        let message = format!("neither {} is set", KEY_VARIABLES.join(" nor "));
        return Err(CommandError::new(Exit::Credential, message).fix("keyreeve onboard"));
    };
    let base_url = match environment.get("ANTHROPIC_BASE_URL").map(str::trim) {
        None | Some("") => BaseUrl::anthropic(),
        Some(url) => BaseUrl::parse(url, PlainHttp::LoopbackOnly).map_err(|error| {
            CommandError::new(Exit::Failed, "a secret cannot be sent to this address")
                .caused_by(&error)
        })?,
    };
    let api = Api::from_base_url(&base_url);
    let report = token::read(environment.get(variable).unwrap_or_default(), api.grammar());
    if report.family == Family::OauthAccess {
        return Err(CommandError::new(
            Exit::Policy,
            format!("{variable} is a plan token, which is never used behind a virtual key"),
        )
        .fix("keyreeve onboard --use claude-login"));
    }
    if report.token.is_none() {
        return Err(CommandError::new(
            Exit::Credential,
            format!("{variable} does not contain a credential"),
        )
        .with_causes(report.problems.iter().map(ToString::to_string))
        .fix("keyreeve inspect"));
    }
    let origin = SecretOrigin::Reference(Source::Environment {
        variable: variable.to_owned(),
    });
    let auth = match variable {
        "ANTHROPIC_AUTH_TOKEN" => Auth::Bearer,
        _ => Auth::ApiKey,
    };
    let settings = ProfileSettings {
        auth: Some(auth),
        ..ProfileSettings::with_defaults(name, base_url, api)
    };
    Ok((settings, origin))
}

/// Describes a profile in a few words.
fn describe(profile: &Profile) -> String {
    match (&profile.source, profile.expires_at) {
        (Source::Sealed, Some(at)) => {
            let day = utc_date(&at.to_string());
            format!("a plan token, encrypted at rest, expires {day}, only for `claude`")
        }
        (Source::Sealed, None) => format!("encrypted at rest, sent only to {}", profile.base_url),
        (Source::Environment { variable }, _) => format!(
            "reads {variable} when used, sent only to {}",
            profile.base_url
        ),
        (Source::ClaudeLogin { .. }, _) => {
            "Claude Code's own login (never read or copied), only for `claude`".to_owned()
        }
        (
            Source::File { .. }
            | Source::Command { .. }
            | Source::SdkProfile { .. }
            | Source::Ant { .. },
            _,
        ) => format!("sent only to {}", profile.base_url),
    }
}
