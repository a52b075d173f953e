//! Tests credentials with a one-token request to each profile's upstream.
//!
//! Invariants: at most [`MAX_CONCURRENT`] requests run at a time; each is in the ledger before its result is printed; the exit
//! code is the highest of all profiles.

mod render;

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use keyreeve_broker::Broker;
use keyreeve_broker::admin::checks::{CheckOutcome, ProfileCheck, check};
use keyreeve_broker::admin::models::check_model;
use keyreeve_broker::admin::profiles::find_profile;
use keyreeve_broker::upstream::Upstream;
use keyreeve_broker::wire::ProfileCheckView;
use keyreeve_core::profile::{Name, Profile};
use keyreeve_core::verdict::CredentialStatus;

use crate::context::{self, Context, OwnerAccess};
use crate::error::{CommandError, Exit};

use crate::runtime::{BlockingRuntime, nth_stop_signal};

/// Maximum number of requests at a time, so that a check does not run into rate limits itself.
const MAX_CONCURRENT: usize = 2;

/// Sends the test requests.
pub(crate) struct Checker {
    pub(crate) broker: Arc<Broker>,
    upstream: Upstream,
    pub(crate) model: String,
}

/// Checks one profile for another command. Prints the result as `check` does, and returns its view and whether it failed.
///
/// # Errors
/// If no request could be sent at all.
pub(crate) fn check_one(
    name: &Name,
    context: &Context,
) -> Result<(ProfileCheckView, Result<(), CommandError>), CommandError> {
    let checker = Checker::new(None, context)?;
    let profile = find_profile(&*checker.broker.store().policy()?, name)?.clone();
    let mut results = checker.run(vec![profile], context)?;
    let failed = overall_result(&results);
    match results.pop() {
        Some(result) => Ok((result.view, failed)),
        None => Err(CommandError::new(Exit::Failed, "no profile was checked")),
    }
}

fn interrupted() -> CommandError {
    CommandError::new(
        Exit::Interrupted,
        "stopped; requests in flight are recorded as incomplete",
    )
}

/// Checks all profiles concurrently, and prints the results in the given order as they arrive.
async fn check_all(
    checker: &Checker,
    profiles: Vec<Profile>,
    context: &Context,
) -> Result<Vec<ProfileCheck>, CommandError> {
    // In the given order, so that the output is stable.
    let mut pending = stream::iter(profiles)
        .map(|profile| async move {
            let Checker {
                broker,
                upstream,
                model,
            } = checker;
            check(broker, upstream, &profile, model).await
        })
        .buffered(MAX_CONCURRENT);
    let mut results = Vec::new();
    while let Some(result) = pending.next().await {
        let result = result?;
        let lines = render::result(&result.view, &context.clock_now());
        context.output.write(&lines)?;
        results.push(result);
    }
    Ok(results)
}

impl Checker {
    /// Creates a checker for `model`, else the configured default model, else the cheapest one.
    pub(crate) fn new(model: Option<String>, context: &Context) -> Result<Self, CommandError> {
        let OwnerAccess {
            broker,
            upstream,
            default_model,
        } = context::owner_access(context)?;
        let model = check_model(model, default_model, broker.prices());
        Ok(Self {
            broker,
            upstream,
            model,
        })
    }

    /// Checks these profiles; stops at the first interrupt.
    pub(crate) fn run(
        &self,
        profiles: Vec<Profile>,
        context: &Context,
    ) -> Result<Vec<ProfileCheck>, CommandError> {
        let results = BlockingRuntime::multi_thread()?.block_on(async {
            let stop = nth_stop_signal(1)?;
            let results = tokio::select! {
                results = check_all(self, profiles, context) => results,
                () = stop => Err(interrupted()),
            };
            self.broker.finish_pending().await;
            results
        });
        self.broker.store().flush()?;
        results
    }
}

/// Fails with the highest exit code of all results.
pub(crate) fn overall_result(results: &[ProfileCheck]) -> Result<(), CommandError> {
    let worst = results
        .iter()
        .filter_map(|result| Some((exit_of(result.outcome)?, result)))
        .max_by_key(|(exit, _)| exit.code());
    let Some((exit, worst)) = worst else {
        return Ok(());
    };
    let message = match results {
        [_] => format!("profile `{}`: {}", worst.view.profile, worst.view.summary),
        _ => "some profiles do not work".to_owned(),
    };
    Err(CommandError::new(exit, message))
}

/// Returns the exit code of a test, or `None` if the credential works.
fn exit_of(outcome: CheckOutcome) -> Option<Exit> {
    match outcome {
        CheckOutcome::Status(status) => exit_code_for(status),
        CheckOutcome::NoCredential => Some(Exit::Credential),
        CheckOutcome::NoResponse => Some(Exit::Upstream),
        CheckOutcome::NotTested => Some(Exit::Failed),
    }
}

/// Returns the exit code for a credential status, or `None` if the credential works.
pub(crate) fn exit_code_for(status: CredentialStatus) -> Option<Exit> {
    match status {
        CredentialStatus::Works => None,
        CredentialStatus::RevokedOrMistyped
        | CredentialStatus::Lapsed
        | CredentialStatus::OrganizationDisabled
        | CredentialStatus::LicenceRestriction => Some(Exit::Credential),
        CredentialStatus::OutOfCredit
        | CredentialStatus::SpendLimit
        | CredentialStatus::RateLimited
        | CredentialStatus::PlanWindow
        | CredentialStatus::SubscriptionRequired
        | CredentialStatus::BlockedByRule
        | CredentialStatus::NotForThis => Some(Exit::Unavailable),
        CredentialStatus::UpstreamTrouble => Some(Exit::Upstream),
        CredentialStatus::OwnFault => Some(Exit::Failed),
    }
}
