//! The steps of `protect`, which `onboard` also offers at its end.
//!
//! Invariants: nothing is changed without a yes or `--yes`; each change is shown before it is made, and recorded so that
//! it can be undone; a status line, a shim or a file of someone else is never replaced.

mod binding;
mod choices;
mod files;
mod render;
mod undo;

use keyreeve_broker::admin::protection::Protection;
use keyreeve_broker::wire::{ProtectionView, ResolutionView};
use keyreeve_resolver::claude_code::Arguments;
use keyreeve_resolver::finding::findings;
use keyreeve_resolver::resolve::{ClientProgram, resolve};
use keyreeve_resolver::snapshot::Snapshot;

pub(crate) use choices::ProtectChoices;
pub(crate) use undo::undo;

use crate::args::Consent;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::fix;
use crate::output::{Line, abbreviate_home};
use crate::prompt::{Answer, Prompter, Question};

use choices::Part;

/// The state of one run: what is recorded, and what was changed.
struct Run<'a> {
    context: &'a Context,
    choices: ProtectChoices,
    snapshot: Snapshot,
    protection: Protection,
    changes: Vec<String>,
}

/// Shows who would pay, and offers or makes each part in order.
///
/// # Errors
/// Exit 2 without a terminal and without `--yes`.
pub(crate) fn protect(choices: ProtectChoices, context: &Context) -> Result<(), CommandError> {
    if choices.consent() == Consent::Ask && context.prompter == Prompter::NonInteractive {
        return Err(not_interactive());
    }
    let snapshot = context.machine_state(&Arguments::default())?.snapshot;
    context
        .output
        .write(&render::now(&snapshot, context.home()))?;
    let mut run = Run {
        protection: Protection::open(&context.dirs()?.data)?,
        snapshot,
        choices,
        context,
        changes: Vec::new(),
    };
    for part in Part::IN_ORDER {
        if !run.choices.includes(part) {
            continue;
        }
        match part {
            Part::StrayKeys => run.fix_stray_keys()?,
            Part::Binding => binding::bind(&mut run)?,
            Part::Hook => files::add_hook(&mut run)?,
            Part::StatusLine => files::add_status_line(&mut run)?,
            Part::Claude => files::add_claude(&mut run)?,
        }
    }
    finish(&run.changes, &run.protection, context)
}

/// Shows what is protected.
///
/// # Errors
/// If the record or the store cannot be read.
pub(crate) fn show(context: &Context) -> Result<(), CommandError> {
    let protection = Protection::open(&context.dirs()?.data)?;
    let view = view(Vec::new(), &protection, context)?;
    let home = context.home();
    Ok(context
        .output
        .show(&view, |view| render::state(view, home))?)
}

fn finish(
    changes: &[String],
    protection: &Protection,
    context: &Context,
) -> Result<(), CommandError> {
    let view = view(changes.to_vec(), protection, context)?;
    let lines = render::finished(&view, context.home());
    Ok(context.output.report(&view, &lines)?)
}

fn view(
    changes: Vec<String>,
    protection: &Protection,
    context: &Context,
) -> Result<ProtectionView, CommandError> {
    let snapshot = context.machine_state(&Arguments::default())?.snapshot;
    let resolution = ResolutionView::from(&resolve(&snapshot, ClientProgram::CLAUDE_CODE));
    Ok(ProtectionView {
        payer: resolution.headline,
        changes,
        parts: protection.parts().iter().map(Into::into).collect(),
        bindings: protection.bound_directories(),
    })
}

impl Run<'_> {
    /// Asks about a change that was shown. The answer is yes if consent was given for all.
    fn ask(&self, prompt: &str) -> Result<Answer, CommandError> {
        match self.choices.consent() {
            Consent::Given => Ok(Answer::Yes),
            Consent::Ask => self.context.prompter.confirm_required(
                Question {
                    prompt,
                    command: COMMAND,
                },
                Answer::Yes,
            ),
        }
    }

    /// Reports a change.
    fn changed(&mut self, text: &str) {
        let text = abbreviate_home(text, self.context.home());
        self.context.output.success(&text);
        self.changes.push(text);
    }

    /// Comments out the lines of shell files that export a credential.
    fn fix_stray_keys(&mut self) -> Result<(), CommandError> {
        let evidence = self.context.evidence(&self.snapshot);
        let resolution = resolve(&self.snapshot, ClientProgram::CLAUDE_CODE);
        let found = findings(&self.snapshot, &evidence, &[resolution]);
        let files = fix::lines_to_comment_out(&found);
        if files.is_empty() {
            self.context
                .output
                .note("No shell file exports a credential");
        }
        for (path, lines) in files {
            let file = (path.as_str(), lines.as_slice());
            let consent = self.choices.consent();
            let Some(commented) = fix::comment_out(file, consent, &self.snapshot, self.context)?
            else {
                continue;
            };
            let texts = (commented.before.as_str(), commented.after.as_str());
            self.protection
                .record_comments(&commented.path, texts, commented.backup)?;
            let text = format!("Commented out the key in {path}");
            self.changes
                .push(abbreviate_home(&text, self.context.home()));
        }
        let set = render::set_variables(&self.snapshot);
        self.context.output.write(&set)?;
        Ok(())
    }
}

/// Command that does not ask.
const COMMAND: &str = "keyreeve protect --yes --all";

fn not_interactive() -> CommandError {
    CommandError::new(
        Exit::Usage,
        "`protect` asks before each change and needs a terminal",
    )
    .hint("Pass `--yes` and the parts to add, such as `--all`")
    .fix(COMMAND)
}

/// Returns a note about a part that is not added.
fn skipped(text: &str, home: Option<&str>) -> Line {
    Line::Note(abbreviate_home(text, home))
}
