//! Checks a plan login by running the genuine `claude`.

use std::sync::Arc;
use std::time::Duration;

use keyreeve_broker::wire::ProfileCheckView;
use keyreeve_broker::{Broker, ClaudeCliError};
use keyreeve_core::profile::Profile;

use super::{CheckResult, exit_code_for};
use crate::error::Exit;

/// Time limit for `claude`, which usually ends within a few seconds.
const CLAUDE_TIMEOUT: Duration = Duration::from_secs(20);

/// Has `claude` send a small request with a plan login.
pub(super) async fn check(broker: &Arc<Broker>, profile: &Profile) -> CheckResult {
    match broker.run_claude(profile, CLAUDE_TIMEOUT).await {
        Ok(reply) => CheckResult {
            view: ProfileCheckView {
                status: reply.status,
                ..ProfileCheckView::from_verdict(profile, reply.verdict, reply.message)
            },
            exit: exit_code_for(reply.verdict.credential_status()),
        },
        Err(error) => not_checked(profile, &error),
    }
}

fn not_checked(profile: &Profile, error: &ClaudeCliError) -> CheckResult {
    let (status, summary, remedy, exit) = match error {
        ClaudeCliError::NotFound => (
            "not_tested",
            "not tested",
            "Install Claude Code, or check your plan at claude.ai.",
            Exit::Failed,
        ),
        ClaudeCliError::NotLoggedIn => (
            "no_credential",
            "not logged in",
            "Run `claude` and sign in.",
            Exit::Credential,
        ),
        ClaudeCliError::Login(_) => (
            "no_credential",
            "credential unavailable",
            "Run `keyreeve profile show`.",
            Exit::Credential,
        ),
        ClaudeCliError::TimedOut(_) => (
            "upstream_trouble",
            "upstream error",
            "Check the network, then try again.",
            Exit::Upstream,
        ),
        ClaudeCliError::Failed(_) => (
            "not_tested",
            "not tested",
            "Run `claude -p hi` to see why.",
            Exit::Failed,
        ),
    };
    CheckResult {
        view: ProfileCheckView::not_tested(
            profile,
            (status, summary),
            Some(error.to_string()),
            Some(remedy.to_owned()),
        ),
        exit: Some(exit),
    }
}
