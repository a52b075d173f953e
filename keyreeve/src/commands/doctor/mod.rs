//! `doctor`: what is wrong or risky on this machine, where, and what mends it.

mod fix;
mod own;

use keyreeve_broker::gather::run_helpers;
use keyreeve_broker::view::{FindingView, FindingsView};
use keyreeve_core::claude_code::Arguments;
use keyreeve_core::finding::{Finding, Severity, findings};
use keyreeve_core::resolve::resolve;

use crate::error::{CommandError, Exit};
use crate::output::{Format, counted};
use crate::settings::{AboutIt, Doctor, Helpers};
use crate::wiring::{self, World};

pub(super) fn run(doctor: &Doctor, world: &World) -> Result<(), CommandError> {
    let kept = own::look(world);
    let snapshot = world.gather(&Arguments::default(), kept.own);
    let mut evidence = world.evidence(&snapshot);
    evidence.password_changed = doctor.password_changed;
    evidence.last_written = kept.last_written;
    evidence.last_answers = kept.last_answers;
    evidence.stale_runtime_file = kept.stale_runtime_file;
    evidence.store_closed = kept.closed;
    evidence.helper_runs = match doctor.helpers {
        Helpers::Leave => Vec::new(),
        Helpers::Run => wiring::runtime()?.block_on(run_helpers(&snapshot)),
    };
    let resolutions: Vec<_> = doctor
        .clients
        .iter()
        .map(|client| resolve(&snapshot, *client))
        .collect();
    let found = findings(&snapshot, &evidence, &resolutions);
    let view = FindingsView {
        findings: found.iter().map(FindingView::from).collect(),
        files_looked_at: evidence.looked_at,
        not_looked_at: evidence.unreadable,
    };
    if world.output.format() == Format::Json {
        world.output.document(&view)?;
    } else {
        tell(&view, world)?;
    }
    let left = match doctor.about_it {
        AboutIt::Tell => found,
        AboutIt::Fix => fix::ask_and_mend(found, &snapshot, world)?,
    };
    judged(&left)
}

fn tell(view: &FindingsView, world: &World) -> Result<(), CommandError> {
    let output = &world.output;
    if view.findings.is_empty() {
        output.headline("nothing wrong was found")?;
        output.data(
            "Looked at: the environment, Claude Code's settings and login, files that set variables for shells,\n\
             projects, editors and CI, shell histories, SDK profiles, and what keyreeve keeps.",
        )?;
    }
    for finding in &view.findings {
        output.headline(&format!(
            "{} {}: {}",
            finding.code, finding.severity, finding.place
        ))?;
        output.line(&format!("  {}", finding.sentence))?;
        let mend = finding.command.as_ref().or(finding.advice.as_ref());
        if let Some(mend) = mend {
            output.line(&format!("  mend: {mend}"))?;
        }
        output.line(&format!("  page: {}", finding.page))?;
    }
    for path in &view.not_looked_at {
        output.note(&format!(
            "{path} was not looked at: it is no regular file that may be read, no text, or too long"
        ));
    }
    Ok(())
}

/// Ends with 1 where an error is left.
fn judged(found: &[Finding]) -> Result<(), CommandError> {
    let errors = found
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
                "{} in {}",
                counted(errors, "error"),
                counted(found.len(), "finding")
            ),
        ))
    }
}
