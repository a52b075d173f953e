//! `profile add`: saves a credential encrypted, or a reference to it, bound to one origin.

use keyreeve_core::profile::{Profile, Provenance};

use super::render;
use crate::context::Context;
use crate::error::CommandError;
use crate::new_profile::save;
use crate::profile_secret::setup_token;
use crate::settings::AddProfile;

pub(super) fn run(add: AddProfile, context: &Context) -> Result<(), CommandError> {
    let store = context.open_store()?;
    let profile = save(add, &store, context)?;
    report(&profile, context);
    render::print_changed(&profile.name, &store, context)
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
