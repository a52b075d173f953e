//! `status`: prints who would pay for a client's next request, why, and a summary of keyreeve's own state.
//!
//! Invariants: nothing is sent, started or written; a missing store is not created; no secret is decrypted.

mod exit_check;
mod render;

use jiff::Timestamp;
use keyreeve_broker::admin::protection::Protection;
use keyreeve_broker::wire::{
    BindingView, ExpectedView, HealthView, KeysView, LimitsView, ProfilesView, StatusProfileView,
    StatusView, UnusableView,
};
use keyreeve_core::binding::Expected;
use keyreeve_core::profile::{Profile, ProfileId};
use keyreeve_os::file_system::FileSystem;
use keyreeve_os::files::{FileError, check_foreign};
use keyreeve_resolver::claude_code::Arguments;
use keyreeve_resolver::finding::find_conflicts;
use keyreeve_resolver::machine::shell_scripts;
use keyreeve_resolver::resolve::{
    CheckedPayer, ClientProgram, Resolution, ValueProblem, check_payer_exists, resolve,
};
use keyreeve_resolver::snapshot::Snapshot;
use keyreeve_resolver::unusable::UnusableReason;
use keyreeve_store::{LeaseSnapshot, Store};

use crate::args::StatusArgs;
use crate::context::{Context, MachineState};
use crate::error::CommandError;
use crate::output::{Format, Line, sentence_case};
use crate::render::profile::expiry_warnings;

/// Level of detail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StatusDetail {
    /// Only the first line.
    Line,
    /// For `keyreeve` without a command.
    Short,
    /// For `keyreeve status`.
    Full,
    /// Includes the steps in which nothing is set.
    All,
}

/// Everything that `status` reports.
struct StatusReport {
    snapshot: Snapshot,
    resolution: Resolution,
    /// The expected payer, and whether it would pay.
    expected: Option<CheckedPayer>,
    /// Reasons why the next request cannot succeed.
    problems: Vec<ValueProblem>,
    /// Profiles that cannot be used, and the reasons.
    unusable_profiles: Vec<(Profile, UnusableReason)>,
    /// Health of the profile that keyreeve itself uses here.
    own_health: Option<HealthView>,
}

pub(super) fn run(status: &StatusArgs, context: &Context) -> Result<(), CommandError> {
    let detail = match (status.brief, status.all) {
        (true, _) => StatusDetail::Line,
        (false, true) => StatusDetail::All,
        (false, false) => StatusDetail::Full,
    };
    let report = report(
        status.client.start(),
        status.expect.clone(),
        detail,
        context,
    )?;
    if let (Some(note), false) = (status.client.note(), status.brief) {
        context.output.write(&[Line::Note(note)])?;
    }
    if status.check {
        exit_check::check(&report, &context.clock())
    } else {
        Ok(())
    }
}

/// Runs `keyreeve` without a command.
pub(super) fn run_short(context: &Context) -> Result<(), CommandError> {
    let start = (ClientProgram::CLAUDE_CODE, Arguments::default());
    report(start, None, StatusDetail::Short, context).map(|_| ())
}

/// Builds the report and prints it.
fn report(
    (client, arguments): (ClientProgram, Arguments),
    expect: Option<Expected>,
    detail: StatusDetail,
    context: &Context,
) -> Result<StatusReport, CommandError> {
    let MachineState {
        snapshot,
        lease_snapshot,
        store,
    } = context.machine_state(&arguments)?;
    if let Some(expected) = &expect {
        check_payer_exists(expected, &snapshot.keyreeve.profiles)?;
    }
    let report = build_report((client, expect), snapshot, lease_snapshot.as_ref());
    let view = || {
        let protection = Protection::open(&context.dirs()?.data)?;
        let view = view(&report, lease_snapshot.as_ref(), store.as_ref())?;
        Ok::<_, CommandError>(StatusView {
            protection: protection.parts().iter().map(Into::into).collect(),
            ..view
        })
    };
    let output = &context.output;
    if detail == StatusDetail::Line && output.format() == Format::Human {
        // A shell hook prints it often; it needs no records of the store.
        output.write(&[render::brief(&report)])?;
    } else {
        let clock = context.clock();
        output.show(&view()?, |view| {
            render::lines(&report, view, detail, &clock)
        })?;
    }
    if detail != StatusDetail::Line {
        output.write(&warnings(&report.snapshot))?;
    }
    Ok(report)
}

/// Returns the warnings about secrets that expire, and about variables that new shells will set and this one does not have.
fn warnings(snapshot: &Snapshot) -> Vec<Line> {
    let mut lines = expiry_warnings(&snapshot.keyreeve.profiles, snapshot.now);
    for conflict in find_conflicts(snapshot, &shell_scripts(snapshot, &FileSystem::Real)) {
        let text = sentence_case(&conflict.describe(snapshot.home.as_deref()));
        lines.push(Line::Note(format!("{text}; details: `keyreeve doctor`")));
    }
    lines
}

fn build_report(
    (client, requested): (ClientProgram, Option<Expected>),
    snapshot: Snapshot,
    lease_snapshot: Option<&LeaseSnapshot>,
) -> StatusReport {
    let resolution = resolve(&snapshot, client);
    let expected = resolution.check_expected(requested.as_ref(), &snapshot);
    let problems = resolution.value_problems(&snapshot);
    let unusable = |profile: &Profile| {
        let reason =
            UnusableReason::check(profile, &snapshot.environment, snapshot.now, file_exists)?;
        Some((profile.clone(), reason))
    };
    let own_health = |lease_snapshot: &LeaseSnapshot| {
        let own = snapshot.selected_profile()?;
        Some(HealthView::new(own, &lease_snapshot.health, snapshot.now))
    };
    StatusReport {
        own_health: lease_snapshot.and_then(own_health),
        unusable_profiles: snapshot
            .keyreeve
            .profiles
            .iter()
            .filter_map(unusable)
            .collect(),
        snapshot,
        resolution,
        expected,
        problems,
    }
}

/// Returns `true` if the file exists; one that cannot be read exists.
fn file_exists(path: &str) -> bool {
    !matches!(check_foreign(path.as_ref()), Err(FileError::Missing { .. }))
}

fn view(
    report: &StatusReport,
    lease_snapshot: Option<&LeaseSnapshot>,
    store: Option<&Store>,
) -> Result<StatusView, CommandError> {
    let limits = store.map(Store::limits).transpose()?.unwrap_or_default();
    let limits = lease_snapshot.map(|lease_snapshot| {
        LimitsView::new(&lease_snapshot.policy, &limits, report.snapshot.now)
    });
    let uses = store.map(Store::last_used).transpose()?;
    let uses = uses.unwrap_or_default();
    let now = report.snapshot.now;
    let profiles = lease_snapshot.map_or_else(Vec::new, |lease_snapshot| {
        ProfilesView::new(lease_snapshot, now).profiles
    });
    let keys = lease_snapshot.map_or_else(Vec::new, |lease_snapshot| {
        KeysView::new(&lease_snapshot.policy, now).keys
    });
    let own = &report.snapshot.keyreeve.profiles;
    let unhealthy = profiles
        .iter()
        .filter_map(|profile| UnusableView::from_health(profile, now));
    let unusable = report.unusable_profiles.iter();
    let unusable = unusable
        .map(|(profile, unusable)| UnusableView::new(&profile.name, unusable))
        .chain(unhealthy)
        .collect();
    let profiles = profiles.into_iter().map(|profile| StatusProfileView {
        last_used_at: last_used(&profile.id, &uses),
        profile,
    });
    Ok(StatusView {
        resolution: (&report.resolution).into(),
        binding: report
            .snapshot
            .binding()
            .map(|binding| BindingView::new(binding, own)),
        expected: report.expected.as_ref().map(ExpectedView::new),
        problems: report.problems.iter().map(ToString::to_string).collect(),
        active_profile: report
            .snapshot
            .selected_profile()
            .map(|profile| profile.name.to_string()),
        profiles: profiles.collect(),
        unusable_profiles: unusable,
        keys,
        limits: limits.map_or_else(Vec::new, |limits| limits.subjects),
        protection: Vec::new(),
    })
}

fn last_used(id: &str, uses: &[(ProfileId, Timestamp)]) -> Option<String> {
    let used = uses.iter().find(|(profile, _)| profile.to_string() == id)?;
    Some(used.1.to_string())
}
