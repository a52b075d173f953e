//! `profile rotate`: replaces a stored secret. A setup-token is read as in `profile add`.

use keyreeve_broker::admin::NewSecret;
use keyreeve_broker::admin::profiles::{self, find_rotatable};
use keyreeve_core::profile::{Profile, Provenance};

use super::changed_view;
use crate::args::{RotateProfileArgs, SetupTokenArgs};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::{Line, utc_date};
use crate::profile_secret::{paste, setup_token};

pub(super) fn run(args: &RotateProfileArgs, context: &Context) -> Result<(), CommandError> {
    let store = context.open_store()?;
    let secret = read_secret(
        find_rotatable(&*store.policy()?, &args.name)?,
        args,
        context,
    )?;
    let mut lines = match &secret {
        NewSecret::Pasted(report) => paste::warnings(report),
        NewSecret::SetupToken { .. } | NewSecret::Reference(_) => Vec::new(),
    };
    lines.extend(replaced(&profiles::rotate(&store, &args.name, secret)?));
    let view = changed_view(&store, &args.name)?;
    Ok(context.output.report(&view, &lines)?)
}

/// Reads a secret of the kind that the profile has.
fn read_secret(
    profile: &Profile,
    args: &RotateProfileArgs,
    context: &Context,
) -> Result<NewSecret, CommandError> {
    let name = &profile.name;
    let command = format!("keyreeve profile rotate {name}");
    match profile.provenance {
        Provenance::SetupToken => setup_token::read(args.input, args.plan, &command, context),
        Provenance::Console
        | Provenance::Federation
        | Provenance::AntLogin
        | Provenance::Gateway
        | Provenance::Unknown => {
            if args.plan != SetupTokenArgs::default() {
                let message = format!(
                    "`--consent` and `--made` are for setup-tokens, and profile `{name}` has none"
                );
                return Err(CommandError::new(Exit::Usage, message).fix(command));
            }
            let command = format!("{command} --stdin");
            let report = paste::read_credential(args.input, profile.api(), context, &command)?;
            Ok(NewSecret::Pasted(report))
        }
    }
}

/// Returns what was replaced, and what is left to do.
fn replaced(profile: &Profile) -> [Line; 2] {
    let expiry = match (profile.provenance, profile.expires_at) {
        (Provenance::SetupToken, Some(at)) => {
            format!(". It expires on {}.", utc_date(&at.to_string()))
        }
        _ => String::new(),
    };
    [
        Line::Success(format!(
            "Replaced the secret of profile `{}`{expiry}",
            profile.name
        )),
        Line::Note("The old secret is still valid at its issuer: delete it there".to_owned()),
    ]
}
