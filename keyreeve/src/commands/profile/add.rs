//! `profile add`: saves a credential encrypted, or a reference to it, bound to one origin.

use keyreeve_core::profile::{Profile, Provenance, Source};

use super::render;
use crate::args::AddProfileArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::new_profile::{AddProfile, SecretOrigin, parse_origin, save};
use crate::profile_secret::setup_token;

pub(super) fn run(args: AddProfileArgs, context: &Context) -> Result<(), CommandError> {
    let add = add_profile(args)?;
    let store = context.open_store()?;
    let profile = save(add, &store, context)?;
    report(&profile, context);
    render::print_changed(&profile.name, &store, context)
}

/// Combines the arguments.
fn add_profile(args: AddProfileArgs) -> Result<AddProfile, CommandError> {
    let (base_url, api) = parse_origin("--origin", (&args.origin, args.plain), args.simulated)?;
    if !args.setup_token {
        args.plan.check_absent()?;
    }
    let (name, auth, exposure) = (args.name.clone(), args.auth, args.exposure);
    let secret = secret_origin(args);
    Ok(AddProfile {
        name,
        base_url,
        api,
        auth: auth.unwrap_or_else(|| secret.default_auth(api)),
        exposure,
        secret,
    })
}

fn secret_origin(args: AddProfileArgs) -> SecretOrigin {
    let source = if let Some(variable) = args.env {
        Source::Environment { variable }
    } else if let Some(path) = args.from_file {
        Source::File { path }
    } else if let Some(name) = args.sdk_profile {
        Source::SdkProfile {
            directory: args.sdk_dir,
            name,
        }
    } else if let Some(profile) = args.ant {
        Source::Ant {
            profile: profile.into_iter().next(),
        }
    } else if args.claude_login {
        Source::ClaudeLogin {
            config_dir: args.config_dir,
        }
    } else if args.command {
        Source::Command { argv: args.argv }
    } else if args.setup_token {
        return SecretOrigin::SetupToken {
            input: args.input,
            plan: args.plan,
        };
    } else {
        return SecretOrigin::Given(args.input);
    };
    SecretOrigin::Reference(source)
}

/// Prints what was saved, and the next step.
fn report(profile: &Profile, context: &Context) {
    let name = &profile.name;
    if let (Provenance::SetupToken, Some(expires_at)) = (profile.provenance, profile.expires_at) {
        let saved = setup_token::saved_message(name.as_str(), expires_at);
        context.output.success(&saved);
        context.output.note("No virtual key can use it");
        return;
    }
    if profile.is_plan_login() {
        context.output.success(&format!(
            "Saved profile `{name}`, a reference to a plan login. Start Claude Code with it: `keyreeve exec --profile {name} -- claude`"
        ));
        context
            .output
            .note("No virtual key can use it, and its tokens are not copied");
        return;
    }
    context.output.success(&format!(
        "Saved profile `{name}` (sent only to {}). Test it: `keyreeve check {name}`",
        profile.base_url
    ));
    context.output.hint(&format!(
        "Create a virtual key for it: `keyreeve key add NAME --profile {name}`"
    ));
}
