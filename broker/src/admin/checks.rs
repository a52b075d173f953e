//! Tests of credentials: a request for one token, or for a plan login a tiny prompt by the genuine `claude`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use keyreeve_core::profile::Profile;
use keyreeve_core::verdict::CredentialStatus;

use crate::upstream::Upstream;
use crate::wire::ProfileCheckView;
use crate::{Broker, ClaudeCliError, LeaseError, Probe};

/// Time limit for one request.
const PROBE_TIMEOUT: Duration = Duration::from_secs(8);
/// Time limit for `claude`, which usually ends within a few seconds.
const CLAUDE_TIMEOUT: Duration = Duration::from_secs(20);

/// The result of testing one profile.
#[derive(Debug)]
pub struct ProfileCheck {
    /// The published result.
    pub view: ProfileCheckView,
    /// Its outcome.
    pub outcome: CheckOutcome,
}

/// The outcome of a test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CheckOutcome {
    /// A response showed the status of the credential.
    Status(CredentialStatus),
    /// There is no credential to send.
    NoCredential,
    /// No response arrived in time.
    NoResponse,
    /// No test request could be made.
    NotTested,
}

/// Tests the credential of a profile.
///
/// # Errors
/// [`LeaseError`] if no request of any profile could be sent.
pub async fn check(
    broker: &Arc<Broker>,
    upstream: &Upstream,
    profile: &Profile,
    model: &str,
) -> Result<ProfileCheck, LeaseError> {
    if profile.is_plan_login() {
        return Ok(check_plan_login(broker, profile).await);
    }
    let probe = Probe {
        model: model.to_owned(),
        timeout: PROBE_TIMEOUT,
    };
    match broker.probe(upstream, profile, &probe).await {
        Ok(probed) => Ok(ProfileCheck {
            view: ProfileCheckView::new(profile, &probed),
            outcome: CheckOutcome::Status(probed.verdict.credential_status()),
        }),
        Err(error) => not_sent(profile, error),
    }
}

async fn check_plan_login(broker: &Arc<Broker>, profile: &Profile) -> ProfileCheck {
    match broker.run_claude(profile, CLAUDE_TIMEOUT).await {
        Ok(reply) => ProfileCheck {
            view: ProfileCheckView {
                status: reply.status,
                ..ProfileCheckView::from_verdict(profile, reply.verdict, reply.message)
            },
            outcome: CheckOutcome::Status(reply.verdict.credential_status()),
        },
        Err(error) => not_run(profile, &error),
    }
}

/// Returns the result for a plan login that `claude` did not test.
fn not_run(profile: &Profile, error: &ClaudeCliError) -> ProfileCheck {
    let (status, summary, remedy, outcome) = match error {
        ClaudeCliError::NotFound => (
            "not_tested",
            "not tested",
            "Install Claude Code, or check your plan at claude.ai.",
            CheckOutcome::NotTested,
        ),
        ClaudeCliError::NotLoggedIn => (
            "no_credential",
            "not logged in",
            "Run `claude` and sign in.",
            CheckOutcome::NoCredential,
        ),
        ClaudeCliError::Login(_) => (
            "no_credential",
            "credential unavailable",
            "Run `keyreeve profile show`.",
            CheckOutcome::NoCredential,
        ),
        ClaudeCliError::TimedOut(_) => (
            "upstream_trouble",
            "upstream error",
            "Check the network, then try again.",
            CheckOutcome::NoResponse,
        ),
        ClaudeCliError::Failed(_) => (
            "not_tested",
            "not tested",
            "Run `claude -p hi` to see why.",
            CheckOutcome::NotTested,
        ),
    };
    ProfileCheck {
        view: ProfileCheckView::not_tested(
            profile,
            (status, summary),
            Some(error.to_string()),
            Some(remedy.to_owned()),
        ),
        outcome,
    }
}

/// Returns the result for a profile for which no request was sent.
fn not_sent(profile: &Profile, error: LeaseError) -> Result<ProfileCheck, LeaseError> {
    let no_request = |summary: &str, reason: &dyn Error, command: &str| ProfileCheck {
        view: ProfileCheckView::not_tested(
            profile,
            ("no_credential", summary),
            Some(one_line(reason)),
            Some(format!(
                "Run `keyreeve profile {command} {}`.",
                profile.name
            )),
        ),
        outcome: CheckOutcome::NoCredential,
    };
    match &error {
        LeaseError::Source { source, .. } => {
            Ok(no_request("credential unavailable", source, "show"))
        }
        LeaseError::Inject { source, .. } => {
            Ok(no_request("credential not sent", source, "rotate"))
        }
        LeaseError::PlanDetected { .. } => Ok(no_request("credential not sent", &error, "show")),
        LeaseError::Authenticate(_)
        | LeaseError::NoProfile(_)
        | LeaseError::Ledger(_)
        | LeaseError::LedgerClosed
        | LeaseError::Randomness => Err(error),
    }
}

/// Returns the text of an error and its sources, without texts that repeat the one before.
fn one_line(error: &dyn Error) -> String {
    let sources = std::iter::successors(Some(error), |&error| error.source());
    let mut texts: Vec<String> = sources.map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}
