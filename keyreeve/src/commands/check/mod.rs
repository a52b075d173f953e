//! `check`: ask each profile's upstream for one token, and say in words how well the credential is.
//!
//! Invariants: at most [`AT_ONCE`] are asked at a time, each within [`LIMIT`]; what was asked is in the ledger before it is
//! told; the exit code is the highest of all profiles'.

mod genuine;
mod tell;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use keyreeve_broker::upstream::Upstream;
use keyreeve_broker::view::{CheckView, CheckedView};
use keyreeve_broker::{Broker, LeaseError, Probe};
use keyreeve_core::profile::{Name, Profile};
use keyreeve_core::verdict::Health;
use keyreeve_store::Policy;

use super::profile;
use super::serve::signal;
use crate::error::{CommandError, Exit};
use crate::output::Format;
use crate::settings::{Check, Which};
use crate::wiring::{self, Owner, World, runtime};

/// How many profiles are asked at a time: a person's own limits are not to be tried by asking.
const AT_ONCE: usize = 2;
/// How long each may take.
const LIMIT: Duration = Duration::from_secs(8);

/// Everything a check is made with.
struct Checker {
    broker: Arc<Broker>,
    upstream: Upstream,
    probe: Probe,
}

/// A profile that was looked at, and what that does to the exit code.
struct Checked {
    view: CheckedView,
    exit: Option<Exit>,
}

pub(super) fn run(check: Check, world: &World) -> Result<(), CommandError> {
    let checker = Checker::new(check.model, world)?;
    let profiles = chosen(&*checker.broker.store().policy()?, &check.which)?;
    let checked = checker.run(profiles, world)?;
    let failed = verdict_on(&checked);
    if world.output.format() == Format::Json {
        world.output.document(&CheckView {
            model: checker.probe.model,
            profiles: checked.into_iter().map(|one| one.view).collect(),
        })?;
    }
    failed
}

/// Asks with one profile, for another command: tells the person as `check` does, gives what it is for programs, and
/// whether it failed.
///
/// # Errors
/// Where nothing could be asked at all.
pub(super) fn one(
    name: &Name,
    world: &World,
) -> Result<(CheckedView, Result<(), CommandError>), CommandError> {
    let checker = Checker::new(None, world)?;
    let profile = profile::find(&*checker.broker.store().policy()?, name)?.clone();
    let mut checked = checker.run(vec![profile], world)?;
    let failed = verdict_on(&checked);
    match checked.pop() {
        Some(one) => Ok((one.view, failed)),
        None => Err(CommandError::new(Exit::Failed, "nothing was asked")),
    }
}

fn stopped() -> CommandError {
    CommandError::new(
        Exit::Interrupted,
        "stopped: what was under way is recorded as incomplete",
    )
}

fn chosen(policy: &Policy, which: &Which) -> Result<Vec<Profile>, CommandError> {
    match which {
        Which::Default => Ok(vec![profile::meant(policy, None)?.clone()]),
        Which::Named(names) => names
            .iter()
            .map(|name| Ok(profile::find(policy, name)?.clone()))
            .collect(),
        Which::All if policy.profiles().is_empty() => Err(CommandError::new(
            Exit::Credential,
            "there is no profile yet",
        )
        .hint("keyreeve profile add NAME")),
        Which::All => Ok(policy.profiles().to_vec()),
    }
}

/// Asks all of them, and tells of each as soon as those before it were told of.
async fn all(
    checker: &Checker,
    profiles: Vec<Profile>,
    world: &World,
) -> Result<Vec<Checked>, CommandError> {
    // In the order they were given in, so that the same question prints the same.
    let mut asked = stream::iter(profiles)
        .map(|profile| async move { checker.one(&profile).await })
        .buffered(AT_ONCE);
    let mut checked = Vec::new();
    while let Some(one) = asked.next().await {
        let one = one?;
        if world.output.format() == Format::Human {
            tell::one(&one.view, world)?;
        }
        checked.push(one);
    }
    Ok(checked)
}

impl Checker {
    /// Makes what asks; without a model, the configured one is asked, else the cheapest.
    fn new(model: Option<String>, world: &World) -> Result<Self, CommandError> {
        let Owner {
            broker,
            upstream,
            default_model,
        } = wiring::owner(world)?;
        let model = model
            .or(default_model)
            .unwrap_or_else(|| broker.prices().cheapest().to_owned());
        Ok(Self {
            broker,
            upstream,
            probe: Probe {
                model,
                limit: LIMIT,
            },
        })
    }

    /// Asks with each of these, until the person stops it.
    fn run(&self, profiles: Vec<Profile>, world: &World) -> Result<Vec<Checked>, CommandError> {
        let checked = runtime()?.block_on(async {
            let stop = signal::nth(1)?;
            let checked = tokio::select! {
                checked = all(self, profiles, world) => checked,
                () = stop => Err(stopped()),
            };
            self.broker.settled().await;
            checked
        });
        self.broker.store().flush()?;
        checked
    }

    async fn one(&self, profile: &Profile) -> Result<Checked, CommandError> {
        if profile.is_plan_login() {
            return Ok(genuine::ask(&self.broker, profile).await);
        }
        let probed = self
            .broker
            .probe(&self.upstream, profile, &self.probe)
            .await;
        match probed {
            Ok(probed) => Ok(Checked {
                view: CheckedView::of(profile, &probed),
                exit: exit(probed.verdict.health()),
            }),
            Err(error) => nothing_sent(profile, error),
        }
    }
}

/// What there is to say of a profile for which nothing was sent.
fn nothing_sent(profile: &Profile, error: LeaseError) -> Result<Checked, CommandError> {
    let unasked = |words: &str, why: String, command: &str| Checked {
        view: CheckedView::unasked(
            profile,
            ("no_credential", words),
            Some(why),
            Some(format!(
                "Run `keyreeve profile {command} {}`.",
                profile.name
            )),
        ),
        exit: Some(Exit::Credential),
    };
    match &error {
        LeaseError::Source { source, .. } => Ok(unasked(
            "no credential to be had",
            source.to_string(),
            "show",
        )),
        LeaseError::Refused { source, .. } => Ok(unasked(
            "no credential to be sent",
            source.to_string(),
            "rotate",
        )),
        LeaseError::ShownPlan { .. } => Ok(unasked(
            "no credential to be sent",
            error.to_string(),
            "show",
        )),
        LeaseError::NotAllowed(_)
        | LeaseError::NoProfile(_)
        | LeaseError::Ledger(_)
        | LeaseError::LedgerClosed
        | LeaseError::Randomness => Err(error.into()),
    }
}

/// What the whole comes to: the highest exit code.
fn verdict_on(checked: &[Checked]) -> Result<(), CommandError> {
    let worst = checked
        .iter()
        .filter_map(|one| Some((one.exit?, one)))
        .max_by_key(|(exit, _)| exit.number());
    let Some((exit, worst)) = worst else {
        return Ok(());
    };
    let message = match checked {
        [_] => format!("profile `{}`: {}", worst.view.profile, worst.view.words),
        _ => "not every profile works".to_owned(),
    };
    Err(CommandError::new(exit, message))
}

/// The exit code of a health; none where all is well.
pub(super) fn exit(health: Health) -> Option<Exit> {
    match health {
        Health::Works => None,
        Health::RevokedOrMistyped
        | Health::Lapsed
        | Health::OrganizationDisabled
        | Health::LicenceRestriction => Some(Exit::Credential),
        Health::OutOfCredit
        | Health::SpendLimit
        | Health::RateLimited
        | Health::PlanWindow
        | Health::SubscriptionRequired
        | Health::BlockedByRule
        | Health::NotForThis => Some(Exit::NotNow),
        Health::UpstreamTrouble => Some(Exit::Upstream),
        Health::OwnFault => Some(Exit::Failed),
    }
}
