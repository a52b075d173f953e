//! `status --check`: the exit code for whether the next request can be paid.

use keyreeve_resolver::claude_code::{LoginRenewal, LoginState};
use keyreeve_resolver::resolve::{ClientProgram, CredentialHeader, Method, PayerClass};
use keyreeve_resolver::snapshot::Snapshot;
use keyreeve_resolver::unusable::AffectedUsers;

use super::StatusReport;
use crate::error::{CommandError, Exit};
use crate::output::abbreviate_home;
use crate::render::health;
use crate::render::payer::{payer_mismatch, value_problem};
use keyreeve_core::clock::Clock;

/// Succeeds if the next request has a credential that may work, and the expected payer would pay.
///
/// # Errors
/// Exit 4 if there is no credential, or it is dead or no credential at all, 3 if the base URL is not valid, 5 if it is in cooldown or blocked, 8 if another payer would pay.
pub(super) fn check(report: &StatusReport, clock: &Clock) -> Result<(), CommandError> {
    let home = report.snapshot.home.as_deref();
    let error = |exit, text: &str| CommandError::new(exit, abbreviate_home(text, home));
    // With a value that cannot work there is no payer either; the value is the reason.
    if let Some(problem) = report.problems.first() {
        return Err(value_problem(problem, home));
    }
    if report.resolution.payer.class == PayerClass::NoPayer {
        let error = error(Exit::Credential, report.resolution.headline());
        return Err(error.hint("Set one up: `keyreeve onboard`"));
    }
    if uses_method(report, Method::Login) && is_login_expired(&report.snapshot) {
        let expired = error(
            Exit::Credential,
            "the login has expired and cannot be renewed",
        );
        return Err(expired.fix("claude auth login"));
    }
    if let Some(problem) = own_profile_problem(report) {
        return Err(error(Exit::Credential, &problem));
    }
    if let Some(not_ready) = own_profile_not_ready(report, clock) {
        return Err(not_ready);
    }
    match &report.expected {
        Some(checked) if checked.result.is_err() => {
            Err(payer_mismatch(checked, &[], &report.snapshot))
        }
        Some(_) | None => Ok(()),
    }
}

fn uses_method(report: &StatusReport, method: Method) -> bool {
    let slot = report.resolution.slot(CredentialHeader::Authorization);
    slot.is_some_and(|slot| slot.method == method)
}

fn is_login_expired(snapshot: &Snapshot) -> bool {
    let login = snapshot.login.as_ref();
    login.is_some_and(|login| match &login.state {
        LoginState::Present {
            expires_at,
            renewal: LoginRenewal::SignInAgain,
            ..
        } => expires_at.is_some_and(|end| end <= snapshot.now),
        LoginState::Present {
            renewal: LoginRenewal::Automatic,
            ..
        }
        | LoginState::SignedOut
        | LoginState::Damaged(_)
        | LoginState::Unreadable => false,
    })
}

fn is_for_keyreeve(report: &StatusReport) -> bool {
    match report.resolution.client {
        ClientProgram::Keyreeve => true,
        ClientProgram::ClaudeCode { .. }
        | ClientProgram::SdkPython(_)
        | ClientProgram::SdkTypescript(_) => false,
    }
}

fn own_profile_not_ready(report: &StatusReport, clock: &Clock) -> Option<CommandError> {
    let own_health = report
        .own_health
        .as_ref()
        .filter(|_| is_for_keyreeve(report))?;
    let exit = match own_health.state {
        "ready" | "probing" => return None,
        "dead" => Exit::Credential,
        _ => Exit::Unavailable,
    };
    let profile = report.snapshot.selected_profile()?;
    let text = format!(
        "profile `{}`: {}",
        profile.name,
        health::describe(own_health, clock)
    );
    Some(CommandError::new(exit, text).fix(format!("keyreeve profile show {}", profile.name)))
}

fn own_profile_problem(report: &StatusReport) -> Option<String> {
    if !is_for_keyreeve(report) {
        return None;
    }
    let selected = report.snapshot.selected_profile()?;
    let mut unusable = report.unusable_profiles.iter();
    let (profile, reason) = unusable.find(|(profile, reason)| {
        profile.id == selected.id && reason.affected_users() == AffectedUsers::Everyone
    })?;
    Some(format!(
        "profile `{}`: {}",
        profile.name,
        reason.description()
    ))
}
