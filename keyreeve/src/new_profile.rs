//! Saving a new profile: a credential, encrypted, or a reference to it, bound to one origin.

use std::error::Error as _;

use jiff::Timestamp;
use keyreeve_broker::admin::new_id;
use keyreeve_broker::sdk_profile_provenance;
use keyreeve_core::api::Api;
use keyreeve_core::origin::{BaseUrl, OriginError, PlainHttp};
use keyreeve_core::profile::{
    Auth, BillingClass, Name, Profile, ProfileId, Provenance, SecretExposure, Source,
};
use keyreeve_core::secret::Secret;
use keyreeve_core::token::Family;
use keyreeve_os::programs;
use keyreeve_os::system::now;
use keyreeve_store::{Policy, Store};

use crate::args::{SecretInput, SetupTokenArgs};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::problem::Problem;
use crate::profile_secret::{paste, setup_token};

/// A profile to save.
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
    /// A setup-token, from its owner, now.
    SetupToken {
        input: SecretInput,
        plan: SetupTokenArgs,
    },
    /// A reference, read whenever it is used.
    Reference(Source),
}

impl AddProfile {
    /// Creates one with the defaults for an API.
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
    pub(crate) fn default_auth(&self, api: Api) -> Auth {
        match self {
            Self::SetupToken { .. }
            | Self::Reference(
                Source::SdkProfile { .. } | Source::Ant { .. } | Source::ClaudeLogin { .. },
            ) => Auth::Bearer,
            Self::Given(_)
            | Self::Reference(
                Source::Sealed
                | Source::Environment { .. }
                | Source::File { .. }
                | Source::Command { .. },
            ) => api.default_auth(),
        }
    }
}

/// The source of a new profile's secret, and the secret itself if it is stored.
struct SecretSource {
    source: Source,
    secret: Option<Secret>,
    family: Option<Family>,
    hint: Option<String>,
    expires_at: Option<Timestamp>,
}

/// Reads the secret, if it is to be stored, and saves the profile. The first profile becomes the default.
///
/// # Errors
/// Exit 1 for a name in use; any problem with the secret.
pub(crate) fn save(
    add: AddProfile,
    store: &Store,
    context: &Context,
) -> Result<Profile, CommandError> {
    // Before prompting for a secret.
    check_free(&add.name, &*store.policy()?)?;
    let origin = secret_source(&add, context)?;
    let provenance = add
        .api
        .provenance(&origin.source, origin.family.unwrap_or(Family::Opaque));
    let billing = match (&origin.source, provenance) {
        (Source::ClaudeLogin { .. }, _) | (_, Provenance::SetupToken) => BillingClass::Plan,
        (
            Source::Sealed
            | Source::Environment { .. }
            | Source::File { .. }
            | Source::Command { .. }
            | Source::SdkProfile { .. }
            | Source::Ant { .. },
            _,
        ) => add.api.billing(),
    };
    let mut profile = Profile {
        id: ProfileId(new_id()?),
        name: add.name,
        provenance,
        source: origin.source,
        base_url: add.base_url,
        auth: add.auth,
        billing,
        family: origin.family,
        hint: origin.hint,
        secret_exposure: add.exposure,
        simulated: add.api == Api::Sandbox,
        expires_at: origin.expires_at,
        created_at: now(),
        rotated_at: None,
    };
    check_sdk_profile(&mut profile, context);
    store.add_profile(&profile, origin.secret.as_ref())?;
    if store.policy()?.default_profile().is_none() {
        store.use_profile(profile.id)?;
    }
    Ok(profile)
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

/// Reads the SDK profile now, if it exists, so that a problem is shown at once and not with the first request.
fn check_sdk_profile(profile: &mut Profile, context: &Context) {
    let Source::SdkProfile { directory, name } = &profile.source else {
        return;
    };
    let environment = &context.snapshot.environment;
    match sdk_profile_provenance(profile, directory.as_deref(), name, environment) {
        Ok(provenance) => profile.provenance = provenance,
        Err(error) => {
            let mut note = format!("SDK profile `{name}` is not usable yet: {error}");
            if let Some(cause) = error.source() {
                note = format!("{note}: {cause}");
            }
            context.output.note(&note);
        }
    }
}

fn check_free(name: &Name, policy: &Policy) -> Result<(), CommandError> {
    if policy
        .profiles()
        .iter()
        .all(|profile| profile.name != *name)
    {
        return Ok(());
    }
    Err(
        CommandError::new(Exit::Failed, format!("profile `{name}` already exists"))
            .fix(format!("keyreeve profile rotate {name}")),
    )
}

fn secret_source(add: &AddProfile, context: &Context) -> Result<SecretSource, CommandError> {
    match &add.secret {
        SecretOrigin::Given(input) => read_secret(*input, add, context),
        SecretOrigin::SetupToken { input, plan } => {
            let command = format!("keyreeve profile add {} --setup-token", add.name);
            let token = setup_token::read(*input, *plan, &command, context)?;
            Ok(SecretSource {
                source: Source::Sealed,
                secret: Some(token.secret),
                family: Some(setup_token::FAMILY),
                hint: Some(token.hint),
                expires_at: Some(token.expires_at),
            })
        }
        SecretOrigin::Reference(source) => Ok(SecretSource {
            source: check_reference(source, context)?,
            secret: None,
            family: None,
            hint: None,
            expires_at: None,
        }),
    }
}

/// Checks what the reference needs, while the user can see the result.
fn check_reference(source: &Source, context: &Context) -> Result<Source, CommandError> {
    match source {
        Source::Environment { variable } => {
            let value = context.snapshot.environment.get(variable);
            if value.is_none_or(str::is_empty) {
                context.output.note(&format!(
                    "{variable} is not set in this shell. Set it where `keyreeve serve` runs."
                ));
            }
        }
        Source::Command { argv } => {
            return Ok(Source::Command {
                argv: resolve_program(argv, context)?,
            });
        }
        Source::Sealed
        | Source::File { .. }
        | Source::SdkProfile { .. }
        | Source::Ant { .. }
        | Source::ClaudeLogin { .. } => {}
    }
    Ok(source.clone())
}

/// Reads the secret from the user.
fn read_secret(
    input: SecretInput,
    add: &AddProfile,
    context: &Context,
) -> Result<SecretSource, CommandError> {
    let command = format!("keyreeve profile add {} --stdin", add.name);
    let pasted = paste::read_credential(input, add.api, context, &command)?;
    if add.api == Api::Gateway && pasted.family == Family::ApiKey {
        context.output.note(&format!(
            "This looks like an Anthropic API key, but it will be sent to {}",
            add.base_url
        ));
    }
    Ok(SecretSource {
        source: Source::Sealed,
        secret: Some(pasted.secret),
        family: Some(pasted.family),
        hint: Some(pasted.hint),
        expires_at: None,
    })
}

/// Returns the command with the absolute path of its program. It is looked up once, while the user can see the result, and
/// not again by a daemon in another directory.
fn resolve_program(argv: &[String], context: &Context) -> Result<Vec<String>, CommandError> {
    let mut argv = argv.to_vec();
    let path = context.snapshot.environment.get("PATH").unwrap_or_default();
    let Some(name) = argv.first_mut() else {
        return Err(CommandError::new(Exit::Usage, "no command is given"));
    };
    let program =
        programs::find(name, path).and_then(|file| file.into_os_string().into_string().ok());
    let Some(program) = program else {
        return Err(
            CommandError::new(Exit::Usage, format!("program `{name}` is not on PATH")).hint(
                "The working directory is not searched; to run a program there, give its absolute path",
            ),
        );
    };
    context
        .output
        .note(&format!("The secret comes from {program}"));
    *name = program;
    Ok(argv)
}
