//! `doctor`: lists what is wrong or risky on this machine, where, and the command that fixes it.

mod store_evidence;

use keyreeve_broker::run_helpers;
use keyreeve_broker::wire::{FindingView, FindingsView};
use keyreeve_resolver::claude_code::Arguments;
use keyreeve_resolver::finding::{Finding, Severity, findings};
use keyreeve_resolver::resolve::{ClientProgram, resolve};

use crate::args::DoctorArgs;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::fix;
use crate::output::{Line, abbreviate_home, pluralize, sentence_case};
use crate::runtime::BlockingRuntime;

/// Explains what was checked, if nothing is wrong.
const CHECKED: [&str; 3] = [
    "Checked: the environment, Claude Code's settings and login, files that set",
    "variables for shells, projects, editors and CI, shell histories, SDK profiles,",
    "and keyreeve's own store.",
];

pub(super) fn run(doctor: &DoctorArgs, context: &Context) -> Result<(), CommandError> {
    let store_evidence = store_evidence::read(context);
    let snapshot = context.gather(&Arguments::default(), store_evidence.keyreeve);
    let mut evidence = context.evidence(&snapshot);
    evidence.password_changed_at = doctor.password_changed;
    evidence.last_written_at = store_evidence.last_written;
    evidence.last_responses = store_evidence.last_responses;
    evidence.stale_runtime_file = store_evidence.stale_runtime_file;
    evidence.store_error = store_evidence.open_error;
    if doctor.run_helpers {
        evidence.helper_runs = BlockingRuntime::multi_thread()?.block_on(run_helpers(&snapshot));
    }
    let clients = match &doctor.client {
        Some(client) => std::slice::from_ref(client),
        None => &ClientProgram::LATEST,
    };
    let resolutions: Vec<_> = clients
        .iter()
        .map(|client| resolve(&snapshot, *client))
        .collect();
    let findings = findings(&snapshot, &evidence, &resolutions);
    let view = FindingsView {
        findings: findings.iter().map(FindingView::from).collect(),
        files_scanned: evidence.files_checked,
        files_skipped: evidence.unreadable_files,
    };
    let home = context.home();
    context.output.show(&view, |view| lines(view, home))?;
    if doctor.fix {
        result(&fix::ask_and_fix(findings, &snapshot, context)?)
    } else {
        result(&findings)
    }
}

fn lines(view: &FindingsView, home: Option<&str>) -> Vec<Line> {
    let mut lines = Vec::new();
    if view.findings.is_empty() {
        lines.push(Line::Headline("No problems found".to_owned()));
        lines.extend(CHECKED.map(|text| Line::Data(text.to_owned())));
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
