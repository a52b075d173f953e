//! `doctor`: lists what is wrong or risky on this machine, where, and the command that fixes it.

mod store_evidence;

use keyreeve_broker::run_helpers;
use keyreeve_broker::wire::{FindingView, FindingsView};
use keyreeve_resolver::claude_code::Arguments;
use keyreeve_resolver::finding::{Evidence, Finding, FindingCode, HelperRun, Severity, findings};
use keyreeve_resolver::resolve::{ClientProgram, resolve};
use keyreeve_resolver::snapshot::Snapshot;

use crate::args::{Consent, DoctorArgs};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::fix;
use crate::output::{Line, abbreviate_home, pluralize, sentence_case};
use crate::runtime::BlockingRuntime;

/// Explains what was checked, if nothing is wrong.
const CHECKED: &str = "Checked: the environment, Claude Code's settings and login, files that set variables for \
    shells, sessions, this project, its containers, editors and CI, the files that these read, copies of them, shell \
    histories, SDK profiles, and keyreeve's own store.";

/// Explains what was not checked.
const NOT_CHECKED: &str = "Not checked: subdirectories and other projects, keychains, values that a program computes \
    when it runs (`eval`, `$(…)`), the settings of the programs that started this one, and other users' files.";

/// The state of the machine and what is wrong with it.
struct Diagnosis {
    snapshot: Snapshot,
    evidence: Evidence,
    findings: Vec<Finding>,
}

pub(super) fn run(doctor: &DoctorArgs, context: &Context) -> Result<(), CommandError> {
    if doctor.fix {
        fix::check_consent(doctor.consent, context)?;
    }
    let mut diagnosis = diagnose(doctor, context, |snapshot| {
        if doctor.run_helpers {
            Ok(BlockingRuntime::multi_thread()?.block_on(run_helpers(snapshot)))
        } else {
            Ok(Vec::new())
        }
    })?;
    let view = FindingsView {
        findings: diagnosis.findings.iter().map(FindingView::from).collect(),
        files_scanned: diagnosis.evidence.files_checked,
        files_skipped: std::mem::take(&mut diagnosis.evidence.unreadable_files),
        unresolved_sources: std::mem::take(&mut diagnosis.evidence.unresolved_sources),
    };
    let home = context.home();
    context.output.show(&view, |view| lines(view, home))?;
    if doctor.fix {
        fix_and_diagnose(doctor, diagnosis, context)
    } else {
        result(&diagnosis.findings)
    }
}

/// Reads the machine and evaluates it.
fn diagnose(
    doctor: &DoctorArgs,
    context: &Context,
    helper_runs: impl FnOnce(&Snapshot) -> Result<Vec<HelperRun>, CommandError>,
) -> Result<Diagnosis, CommandError> {
    let store_evidence = store_evidence::read(context);
    let snapshot = context.gather(&Arguments::default(), store_evidence.keyreeve);
    let mut evidence = context.evidence(&snapshot);
    evidence.password_changed_at = doctor.password_changed;
    evidence.last_written_at = store_evidence.last_written;
    evidence.last_responses = store_evidence.last_responses;
    evidence.stale_runtime_file = store_evidence.stale_runtime_file;
    evidence.store_error = store_evidence.open_error;
    evidence.helper_runs = helper_runs(&snapshot)?;
    let clients = match &doctor.client {
        Some(client) => std::slice::from_ref(client),
        None => &ClientProgram::LATEST,
    };
    let resolutions: Vec<_> = clients
        .iter()
        .map(|client| resolve(&snapshot, *client))
        .collect();
    let findings = findings(&snapshot, &evidence, &resolutions);
    Ok(Diagnosis {
        snapshot,
        evidence,
        findings,
    })
}

/// Fixes what can be fixed, shows what that left behind, and offers to remove it.
fn fix_and_diagnose(
    doctor: &DoctorArgs,
    before: Diagnosis,
    context: &Context,
) -> Result<(), CommandError> {
    let consent = doctor.consent;
    let fixed = fix::ask_and_fix(&before.findings, &before.snapshot, consent, context)?;
    if fixed == 0 {
        context.output.note("Nothing was changed");
        return result(&before.findings);
    }
    let mut after = diagnose(doctor, context, |_| Ok(before.evidence.helper_runs))?;
    let is_new = |finding: &&Finding| {
        finding.code == FindingCode::KeyLeftBehind && !before.findings.contains(finding)
    };
    let left: Vec<Finding> = after.findings.iter().filter(is_new).cloned().collect();
    let home = context.home();
    for finding in &left {
        let view = FindingView::from(finding);
        context.output.write(&finding_lines(&view, home))?;
    }
    let removed = match consent {
        Consent::Ask => fix::ask_and_fix(&left, &after.snapshot, consent, context)?,
        // The comment and the backup are the way back until the user asks again.
        Consent::Given => 0,
    };
    if removed > 0 {
        let helper_runs = std::mem::take(&mut after.evidence.helper_runs);
        after = diagnose(doctor, context, |_| Ok(helper_runs))?;
    } else if !left.is_empty() {
        context.output.write(&[Line::Hint(
            "The key is still in the comment and in the backup. Once everything works, remove it: `keyreeve doctor --fix`"
                .to_owned(),
        )])?;
    }
    result(&after.findings)
}

fn lines(view: &FindingsView, home: Option<&str>) -> Vec<Line> {
    let mut lines = Vec::new();
    if view.findings.is_empty() {
        lines.push(Line::Headline("No problems found".to_owned()));
        lines.extend([CHECKED, NOT_CHECKED].map(|text| Line::Wrapped {
            text: text.to_owned(),
            indent: "",
        }));
    }
    for finding in &view.findings {
        lines.extend(finding_lines(finding, home));
    }
    for path in &view.files_skipped {
        lines.push(Line::Note(format!(
            "Skipped {}: it is not a readable regular text file, or it is too long",
            abbreviate_home(path, home)
        )));
    }
    for location in &view.unresolved_sources {
        lines.push(Line::Note(format!(
            "Not checked: the file that {} reads, since its name is known only when the line runs",
            abbreviate_home(location, home)
        )));
    }
    lines
}

fn finding_lines(finding: &FindingView, home: Option<&str>) -> Vec<Line> {
    let location = abbreviate_home(&finding.location, home);
    let headline = format!("{} {}: {location}", finding.code, finding.severity);
    let wrapped = |label: &str, text: &str| Line::Wrapped {
        text: format!("  {label}{}", abbreviate_home(&sentence_case(text), home)),
        indent: "  ",
    };
    let remedy = match (&finding.fix, &finding.advice) {
        (Some(command), _) => Some(Line::Data(format!("  fix: {command}"))),
        (None, Some(advice)) => Some(wrapped("hint: ", advice)),
        (None, None) => None,
    };
    let mut lines = vec![Line::Headline(headline), wrapped("", &finding.message)];
    lines.extend(remedy);
    lines.push(Line::Data(format!("  docs: {}", finding.docs)));
    lines
}

/// Fails with exit code 1 if a finding with severity error remains.
fn result(findings: &[Finding]) -> Result<(), CommandError> {
    let errors = findings
        .iter()
        .filter(|finding| match finding.code.severity() {
            Severity::Error => true,
            Severity::Warning | Severity::Note => false,
        })
        .count();
    if errors == 0 {
        Ok(())
    } else {
        Err(CommandError::new(
            Exit::Failed,
            format!(
                "{} found ({})",
                pluralize(findings.len(), "problem"),
                pluralize(errors, "error")
            ),
        ))
    }
}
