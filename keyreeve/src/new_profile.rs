//! Saving a new profile: a credential, encrypted, or a reference to it, bound to one origin.

use std::error::Error as _;

use keyreeve_broker::admin::NewSecret;
use keyreeve_broker::admin::profiles::{self, AddedProfile, ProfileSettings, check_name_free};
use keyreeve_core::api::Api;
use keyreeve_core::origin::{BaseUrl, OriginError, PlainHttp};
use keyreeve_core::profile::{Profile, Source};
use keyreeve_core::token::Family;
use keyreeve_os::environment::Environment;
use keyreeve_store::Store;

use crate::args::{SecretInput, SetupTokenArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::Line;
use crate::problem::Problem;
use crate::profile_secret::{paste, setup_token};

/// Origin of a new profile's secret.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum SecretOrigin {
    /// The user, now.
    Given(SecretInput),
    /// A setup-token, from its owner, now.
    SetupToken {
        input: SecretInput,
        plan: SetupTokenArgs,
    },
    /// A reference, read whenever it is used.
    Reference(Source),
}

/// Reads the secret, if it is to be stored, and saves the profile. Prints what is to be known about the secret.
///
/// # Errors
/// Exit 1 for a name in use; any problem with the secret.
pub(crate) fn save(
    settings: ProfileSettings,
    origin: SecretOrigin,
    store: &Store,
    context: &Context,
) -> Result<Profile, CommandError> {
    // Before prompting for a secret.
    check_name_free(&*store.policy()?, &settings.name)?;
    let secret = read_secret(&settings, origin, context)?;
    let warnings = match &secret {
        NewSecret::Pasted(report) => paste::warnings(report),
        NewSecret::SetupToken { .. } | NewSecret::Reference(_) => Vec::new(),
    };
    let environment = &context.snapshot.environment;
    let added = profiles::add(store, settings, secret, environment)?;
    context.output.write(&warnings)?;
    context.output.write(&source_notes(&added, environment))?;
    Ok(added.profile)
}

fn read_secret(
    settings: &ProfileSettings,
    origin: SecretOrigin,
    context: &Context,
) -> Result<NewSecret, CommandError> {
    let name = &settings.name;
    match origin {
        SecretOrigin::Given(input) => {
            let command = format!("keyreeve profile add {name} --stdin");
            let report = paste::read_credential(input, settings.api, context, &command)?;
            Ok(NewSecret::Pasted(report))
        }
        SecretOrigin::SetupToken { input, plan } => {
            let command = format!("keyreeve profile add {name} --setup-token");
            setup_token::read(input, plan, &command, context)
        }
        SecretOrigin::Reference(source) => Ok(NewSecret::Reference(source)),
    }
}

/// Returns what the user should know about the source of a new profile's secret, while it can still be corrected.
fn source_notes(added: &AddedProfile, environment: &Environment) -> Vec<Line> {
    let AddedProfile {
        profile,
        sdk_problem,
    } = added;
    let note = match &profile.source {
        Source::Sealed => (profile.api() == Api::Gateway && profile.family == Some(Family::ApiKey))
            .then(|| {
                format!(
                    "This looks like an Anthropic API key, but it will be sent to {}",
                    profile.base_url
                )
            }),
        Source::Environment { variable } => {
            let is_unset = environment.get(variable).is_none_or(str::is_empty);
            is_unset.then(|| {
                format!("{variable} is not set in this shell. Set it where `keyreeve serve` runs.")
            })
        }
        Source::Command { argv } => argv
            .first()
            .map(|program| format!("The secret comes from {program}")),
        Source::SdkProfile { name, .. } => sdk_problem.as_ref().map(|error| {
            let note = format!("SDK profile `{name}` is not usable yet: {error}");
            match error.source() {
                Some(cause) => format!("{note}: {cause}"),
                None => note,
            }
        }),
        Source::File { .. } | Source::Ant { .. } | Source::ClaudeLogin { .. } => None,
    };
    note.map(Line::Note).into_iter().collect()
}

/// Parses the origin that a flag gives, and finds the API there.
///
/// # Errors
/// Exit 2 for an unusable origin, and for `--simulated` with an origin that is no loopback address.
pub(crate) fn parse_origin(
    flag: &'static str,
    (text, plain): (&str, PlainHttp),
    simulated: bool,
) -> Result<(BaseUrl, Api), CommandError> {
    let base_url =
        BaseUrl::parse(text, plain).map_err(|error| origin_problem(flag, &error, plain))?;
    let api = match (Api::from_base_url(&base_url), simulated) {
        (api, false) => api,
        (Api::Gateway, true) if base_url.origin().is_loopback() => Api::Sandbox,
        (_, true) => {
            let text = "needs an origin on a loopback address of this machine";
            return Err(Problem::flag("--simulated", text).into());
        }
    };
    Ok((base_url, api))
}

/// Returns the problem of an unusable origin.
fn origin_problem(flag: &'static str, error: &OriginError, plain: PlainHttp) -> Problem {
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
