//! `profile add`: bind a credential to its one origin and seal it, or note where it comes from.

use std::error::Error as _;

use jiff::Timestamp;
use keyreeve_broker::sdk_profile_provenance;
use keyreeve_core::api::Api;
use keyreeve_core::profile::{BillingClass, Name, Profile, ProfileId, Provenance, Source};
use keyreeve_core::secret::Secret;
use keyreeve_core::token::Family;
use keyreeve_os::programs;
use keyreeve_os::world::now;
use keyreeve_store::{Policy, Store};

use super::{pasted, setup_token, show};
use crate::error::{CommandError, Exit};
use crate::settings::{AddProfile, Given, SecretFrom};
use crate::wiring::{self, World};

/// A new profile's source, and the secret where it is sealed.
struct Origin {
    source: Source,
    secret: Option<Secret>,
    family: Option<Family>,
    hint: Option<String>,
    expires_at: Option<Timestamp>,
}

pub(super) fn run(add: AddProfile, world: &World) -> Result<(), CommandError> {
    let store = world.store()?;
    let profile = keep(add, &store, world)?;
    tell(&profile, world);
    show::changed(&profile.name, &store, world)
}

/// Takes the secret, where there is one to take, and keeps the profile. The first of all is the default.
///
/// # Errors
/// Exit 1 for a name that is taken; whatever is wrong with the secret.
pub(in crate::commands) fn keep(
    add: AddProfile,
    store: &Store,
    world: &World,
) -> Result<Profile, CommandError> {
    // Before anybody is asked for a secret.
    refuse_taken(&add.name, &*store.policy()?)?;
    let origin = origin(&add, world)?;
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
        id: ProfileId(wiring::fresh_id()?),
        name: add.name,
        provenance,
        source: origin.source,
        base_url: add.base_url,
        auth: add.auth,
        billing,
        family: origin.family,
        hint: origin.hint,
        handing: add.handing,
        simulated: add.api == Api::Sandbox,
        expires_at: origin.expires_at,
        created_at: now(),
        rotated_at: None,
    };
    look_ahead(&mut profile, world);
    store.add_profile(&profile, origin.secret.as_ref())?;
    if store.policy()?.default_profile().is_none() {
        store.use_profile(profile.id)?;
    }
    Ok(profile)
}

/// Looks at what an SDK profile says now, where it is there: better a word today than a refusal at the first request.
fn look_ahead(profile: &mut Profile, world: &World) {
    let Source::SdkProfile { directory, name } = &profile.source else {
        return;
    };
    let environment = &world.snapshot.environment;
    match sdk_profile_provenance(profile, directory.as_deref(), name, environment) {
        Ok(provenance) => profile.provenance = provenance,
        Err(error) => {
            let mut words = format!("the SDK profile `{name}` cannot be used as it is: {error}");
            if let Some(cause) = error.source() {
                words = format!("{words}: {cause}");
            }
            world.output.note(&words);
        }
    }
}

/// Says what was kept and what can be done with it.
fn tell(profile: &Profile, world: &World) {
    let name = &profile.name;
    if let (Provenance::SetupToken, Some(expires_at)) = (profile.provenance, profile.expires_at) {
        let what = setup_token::what_for(name.as_str(), expires_at);
        world.output.note(&what);
        world.output.note("no virtual key can use it");
        let exec = format!("keyreeve exec --profile {name} -- claude");
        world.output.hint(&exec);
        return;
    }
    if profile.is_plan_login() {
        world.output.note(&format!(
            "profile `{name}` starts Claude Code with a plan login; no key can use it, and no token of it is kept"
        ));
        return;
    }
    world.output.note(&format!(
        "profile `{name}` goes to {} and nowhere else",
        profile.base_url
    ));
    world
        .output
        .hint(&format!("keyreeve key add NAME --profile {name}"));
}

fn refuse_taken(name: &Name, policy: &Policy) -> Result<(), CommandError> {
    if policy
        .profiles()
        .iter()
        .all(|profile| profile.name != *name)
    {
        return Ok(());
    }
    Err(
        CommandError::new(Exit::Failed, format!("there is a profile `{name}` already"))
            .hint(format!("keyreeve profile rotate {name}")),
    )
}

fn origin(add: &AddProfile, world: &World) -> Result<Origin, CommandError> {
    let fetched = |source| Origin {
        source,
        secret: None,
        family: None,
        hint: None,
        expires_at: None,
    };
    match &add.secret {
        SecretFrom::Given(from) => given(*from, add, world),
        SecretFrom::Environment { variable } => {
            if world
                .snapshot
                .environment
                .get(variable)
                .is_none_or(str::is_empty)
            {
                world.output.note(&format!(
                    "{variable} is not set here: it must be set where `keyreeve serve` runs"
                ));
            }
            Ok(fetched(Source::Environment {
                variable: variable.clone(),
            }))
        }
        SecretFrom::File { path } => Ok(fetched(Source::File { path: path.clone() })),
        SecretFrom::Command { argv } => Ok(fetched(Source::Command {
            argv: found(argv, world)?,
        })),
        SecretFrom::SdkProfile { directory, name } => Ok(fetched(Source::SdkProfile {
            directory: directory.clone(),
            name: name.clone(),
        })),
        SecretFrom::Ant { profile } => Ok(fetched(Source::Ant {
            profile: profile.clone(),
        })),
        SecretFrom::SetupToken { from, plan } => {
            let command = format!("keyreeve profile add {} --setup-token", add.name);
            let taken = setup_token::take(*from, *plan, &command, world)?;
            Ok(Origin {
                source: Source::Sealed,
                secret: Some(taken.secret),
                family: Some(setup_token::FAMILY),
                hint: Some(taken.hint),
                expires_at: Some(taken.expires_at),
            })
        }
        SecretFrom::ClaudeLogin { config_dir } => Ok(fetched(Source::ClaudeLogin {
            config_dir: config_dir.clone(),
        })),
    }
}

/// Takes the secret from the person.
fn given(from: Given, add: &AddProfile, world: &World) -> Result<Origin, CommandError> {
    let instead = format!("keyreeve profile add {} --stdin", add.name);
    let taken = pasted::take(from, add.api, world, &instead)?;
    if add.api == Api::Gateway && taken.family == Family::ApiKey {
        world.output.note(&format!(
            "this looks like Anthropic's key, and will be sent to {}",
            add.base_url
        ));
    }
    Ok(Origin {
        source: Source::Sealed,
        secret: Some(taken.secret),
        family: Some(taken.family),
        hint: Some(taken.hint),
        expires_at: None,
    })
}

/// The command with its program by its whole path: looked up once, by the person who can see what was found, and not
/// again by a daemon in whatever directory it was started.
fn found(argv: &[String], world: &World) -> Result<Vec<String>, CommandError> {
    let mut argv = argv.to_vec();
    let path = world.snapshot.environment.get("PATH").unwrap_or_default();
    let Some(name) = argv.first_mut() else {
        return Err(CommandError::new(Exit::Usage, "no command was given"));
    };
    let program =
        programs::find(name, path).and_then(|file| file.into_os_string().into_string().ok());
    let Some(program) = program else {
        return Err(CommandError::new(
            Exit::Usage,
            format!("there is no program `{name}` on PATH"),
        )
        .because([
            "the working directory is not looked at: name the program by its whole path".to_owned(),
        ]));
    };
    world
        .output
        .note(&format!("the secret comes from {program}"));
    *name = program;
    Ok(argv)
}
