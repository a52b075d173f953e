//! Errors about who would pay: another account than the expected one, or a value that cannot work.

use keyreeve_core::binding::Expected;
use keyreeve_core::profile::Name;
use keyreeve_resolver::resolve::{CheckedPayer, ExpectedPayer, ValueProblem, ValueProblemKind};
use keyreeve_resolver::snapshot::Snapshot;

use crate::error::{CommandError, Exit};
use crate::output::abbreviate_home;

/// Returns the error for a payer that is not the expected one, with what else explains it.
pub(crate) fn payer_mismatch(
    checked: &CheckedPayer,
    problems: &[ValueProblem],
    snapshot: &Snapshot,
) -> CommandError {
    let home = snapshot.home.as_deref();
    let shown = |text: String| abbreviate_home(&text, home);
    let mismatch = checked.result.as_ref().err().map(ToString::to_string);
    let causes = unknown_profile(&checked.expected, snapshot);
    let causes = causes
        .into_iter()
        .chain(problems.iter().map(ToString::to_string));
    let error = CommandError::new(Exit::Policy, shown(mismatch.unwrap_or_default()))
        .with_causes(causes.map(shown));
    match &checked.expected {
        ExpectedPayer::BoundProfile(name) => error
            .hint(format!("This directory is bound to profile `{name}`, which only `keyreeve exec` uses by itself"))
            .fix("keyreeve exec -- PROGRAM"),
        ExpectedPayer::RemovedProfile => error
            .hint("Bind the directory to another profile, or to none: `keyreeve bind --no-profile`")
            .fix("keyreeve bind --profile NAME"),
        ExpectedPayer::Named(_) => error,
    }
}

/// Returns the error for a value by which requests cannot succeed: exit 4 for a credential, 3 for an address.
pub(crate) fn value_problem(problem: &ValueProblem, home: Option<&str>) -> CommandError {
    let exit = match problem.kind {
        ValueProblemKind::Credential(_) => Exit::Credential,
        ValueProblemKind::BaseUrl(_) => Exit::Configuration,
    };
    CommandError::new(exit, abbreviate_home(&problem.to_string(), home)).fix("keyreeve doctor")
}

/// Explains an expectation that can never be met: its profile does not exist.
fn unknown_profile(expected: &ExpectedPayer, snapshot: &Snapshot) -> Option<String> {
    let is_unknown = |name: &Name| snapshot.keyreeve.profiles.iter().all(|it| it.name != *name);
    match expected {
        ExpectedPayer::Named(Expected::Profile(name)) if is_unknown(name) => {
            Some(format!("no profile is named `{name}`"))
        }
        ExpectedPayer::Named(
            Expected::Profile(_)
            | Expected::Plan
            | Expected::Metered
            | Expected::Cloud
            | Expected::Gateway,
        )
        | ExpectedPayer::BoundProfile(_)
        | ExpectedPayer::RemovedProfile => None,
    }
}
