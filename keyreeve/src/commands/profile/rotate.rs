//! `profile rotate`: replaces a stored secret. A setup-token is read as in `profile add`.

use keyreeve_core::profile::{Profile, Provenance, Source};
use keyreeve_core::secret::Secret;
use keyreeve_os::system::now;

use super::render;
use crate::args::{RotateProfileArgs, SecretInput, SetupTokenArgs};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::utc_date;
use crate::profile_secret::{paste, setup_token};
use crate::profiles::find;

pub(super) fn run(args: &RotateProfileArgs, context: &Context) -> Result<(), CommandError> {
    let &RotateProfileArgs {
        ref name,
        input,
        plan,
    } = args;
    let store = context.open_store()?;
    let policy = store.policy()?;
    let profile = find(&policy, name)?;
    check_stored(profile)?;
    let (changed, secret) = match profile.provenance {
        Provenance::SetupToken => new_setup_token(profile, input, plan, context)?,
        Provenance::Console
        | Provenance::Federation
        | Provenance::AntLogin
        | Provenance::Gateway
        | Provenance::Unknown => new_secret(profile, input, plan, context)?,
    };
    store.rotate_profile(&changed, &secret)?;
    let expiry = match (changed.provenance, changed.expires_at) {
        (Provenance::SetupToken, Some(at)) => {
            format!(". It expires on {}.", utc_date(&at.to_string()))
        }
        _ => String::new(),
    };
    context
        .output
        .success(&format!("Replaced the secret of profile `{name}`{expiry}"));
    context
        .output
        .note("The old secret is still valid at its issuer: delete it there");
    render::print_changed(name, &store, context)
}

fn new_setup_token(
    profile: &Profile,
    input: SecretInput,
    plan: SetupTokenArgs,
    context: &Context,
) -> Result<(Profile, Secret), CommandError> {
    let command = format!("keyreeve profile rotate {}", profile.name);
    let token = setup_token::read(input, plan, &command, context)?;
    let changed = Profile {
        family: Some(setup_token::FAMILY),
        hint: Some(token.hint),
        expires_at: Some(token.expires_at),
        rotated_at: Some(now()),
        ..profile.clone()
    };
    Ok((changed, token.secret))
}

fn new_secret(
    profile: &Profile,
    input: SecretInput,
    plan: SetupTokenArgs,
    context: &Context,
) -> Result<(Profile, Secret), CommandError> {
    let name = &profile.name;
    if plan != SetupTokenArgs::default() {
        let message =
            format!("`--consent` and `--made` are for setup-tokens, and profile `{name}` has none");
        let fix = format!("keyreeve profile rotate {name}");
        return Err(CommandError::new(Exit::Usage, message).fix(fix));
    }
    let command = format!("keyreeve profile rotate {name} --stdin");
    let pasted = paste::read_credential(input, profile.api(), context, &command)?;
    let changed = Profile {
        family: Some(pasted.family),
        hint: Some(pasted.hint),
        rotated_at: Some(now()),
        ..profile.clone()
    };
    Ok((changed, pasted.secret))
}

/// Checks that keyreeve stores the secret itself.
fn check_stored(profile: &Profile) -> Result<(), CommandError> {
    let source = match &profile.source {
        Source::Sealed => return Ok(()),
        Source::Environment { variable } => format!("the variable {variable}"),
        Source::File { path } => path.clone(),
        Source::Command { .. } => "a program".to_owned(),
        Source::SdkProfile { name, .. } => format!("the SDK profile {name}"),
        Source::Ant { .. } => "`ant`".to_owned(),
        Source::ClaudeLogin { .. } => "Claude Code".to_owned(),
    };
    let name = &profile.name;
    Err(CommandError::new(
        Exit::Failed,
        format!("profile `{name}` has no stored secret to replace"),
    )
    .with_causes([format!(
        "it reads its secret from {source} whenever it is used"
    )])
    .fix(format!("keyreeve profile show {name}")))
}
