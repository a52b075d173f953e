//! `check`: tests credentials with a one-token request to each profile's upstream.

use keyreeve_broker::wire::CheckView;
use keyreeve_core::profile::Profile;
use keyreeve_store::Policy;

use crate::context::Context;
use crate::credential_check::{Checker, overall_result};
use crate::error::{CommandError, Exit};
use crate::output::Format;
use crate::profiles;
use crate::settings::{Check, CheckTargets};

pub(super) fn run(check: Check, context: &Context) -> Result<(), CommandError> {
    let checker = Checker::new(check.model, context)?;
    let profiles = selected_profiles(&*checker.broker.store().policy()?, &check.targets)?;
    let results = checker.run(profiles, context)?;
    let failed = overall_result(&results);
    if context.output.format() == Format::Json {
        context.output.document(&CheckView {
            model: checker.probe.model,
            profiles: results.into_iter().map(|result| result.view).collect(),
        })?;
    }
    failed
}

fn selected_profiles(
    policy: &Policy,
    targets: &CheckTargets,
) -> Result<Vec<Profile>, CommandError> {
    match targets {
        CheckTargets::Default => Ok(vec![profiles::find_or_default(policy, None)?.clone()]),
        CheckTargets::Named(names) => names
            .iter()
            .map(|name| Ok(profiles::find(policy, name)?.clone()))
            .collect(),
        CheckTargets::All if policy.profiles().is_empty() => Err(CommandError::new(
            Exit::Credential,
            "there are no profiles yet",
        )
        .fix("keyreeve profile add NAME")),
        CheckTargets::All => Ok(policy.profiles().to_vec()),
    }
}
