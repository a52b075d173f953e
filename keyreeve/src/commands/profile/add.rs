//! `profile add`: saves a credential encrypted, or a reference to it, bound to one origin.

use keyreeve_broker::admin::profiles::ProfileSettings;
use keyreeve_core::profile::{Profile, Provenance, Source};

use super::changed_view;
use crate::args::AddProfileArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::new_profile::{SecretOrigin, parse_origin, save};
use crate::output::Line;
use crate::profile_secret::setup_token;

pub(super) fn run(args: AddProfileArgs, context: &Context) -> Result<(), CommandError> {
    let (base_url, api) = parse_origin("--origin", (&args.origin, args.plain), args.simulated)?;
    if !args.setup_token {
        args.plan.check_absent()?;
    }
    let settings = ProfileSettings {
        name: args.name.clone(),
        base_url,
        api,
        auth: args.auth,
        exposure: args.exposure,
    };
    let store = context.open_store()?;
    let profile = save(settings, secret_origin(args), &store, context)?;
    let view = changed_view(&store, &profile.name)?;
    Ok(context.output.report(&view, &saved(&profile))?)
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

/// Returns what was saved, and the next step.
fn saved(profile: &Profile) -> Vec<Line> {
    let name = &profile.name;
    if let (Provenance::SetupToken, Some(expires_at)) = (profile.provenance, profile.expires_at) {
        return vec![
            Line::Success(setup_token::saved_message(name.as_str(), expires_at)),
            Line::Note("No virtual key can use it".to_owned()),
        ];
    }
    if profile.is_plan_login() {
        return vec![
            Line::Success(format!(
                "Saved profile `{name}`, a reference to a plan login. Start Claude Code with it: `keyreeve exec --profile {name} -- claude`"
            )),
            Line::Note("No virtual key can use it, and its tokens are not copied".to_owned()),
        ];
    }
    vec![
        Line::Success(format!(
            "Saved profile `{name}` (sent only to {}). Test it: `keyreeve check {name}`",
            profile.base_url
        )),
        Line::Hint(format!(
            "Create a virtual key for it: `keyreeve key add NAME --profile {name}`"
        )),
    ]
}
