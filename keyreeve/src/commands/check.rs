//! `check`: tests credentials with a one-token request to each profile's upstream.

use keyreeve_broker::admin::AdminError;
use keyreeve_broker::admin::profiles::{find_or_default, find_profile};
use keyreeve_broker::wire::CheckView;
use keyreeve_core::profile::Profile;
use keyreeve_store::Policy;

use crate::args::{CheckArgs, unique};
use crate::context::Context;
use crate::credential_check::{Checker, overall_result};
use crate::error::CommandError;

pub(super) fn run(check: &CheckArgs, context: &Context) -> Result<(), CommandError> {
    let checker = Checker::new(check.model.clone(), context)?;
    let profiles = selected_profiles(&*checker.broker.store().policy()?, check)?;
    let results = checker.run(profiles, context)?;
    let failed = overall_result(&results);
    let view = CheckView {
        model: checker.model,
        profiles: results.into_iter().map(|result| result.view).collect(),
    };
    // The lines were written as the results arrived.
    context.output.report(&view, &[])?;
    failed
}

fn selected_profiles(policy: &Policy, args: &CheckArgs) -> Result<Vec<Profile>, CommandError> {
    if args.all && policy.profiles().is_empty() {
        return Err(AdminError::NoProfiles.into());
    }
    if args.all {
        return Ok(policy.to_profiles());
    }
    if args.profiles.is_empty() {
        return Ok(vec![find_or_default(policy, None)?.clone()]);
    }
    let names = unique(args.profiles.clone());
    names
        .iter()
        .map(|name| Ok(find_profile(policy, name)?.clone()))
        .collect()
}
