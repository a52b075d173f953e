//! `guard`: checks, for scripts, that the expected payer would pay.

use keyreeve_broker::wire::{ExpectedView, GuardView};
use keyreeve_resolver::launch::find_project_redirect;
use keyreeve_resolver::resolve::{ClientProgram, check_payer_exists, resolve};
use keyreeve_resolver::snapshot::Snapshot;

use crate::args::GuardArgs;
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::{Line, abbreviate_home};
use crate::render::payer::{payer_mismatch, value_problem};

pub(super) fn run(guard: &GuardArgs, context: &Context) -> Result<(), CommandError> {
    let (client, arguments) = guard.client.start();
    let snapshot = context.machine_state(&arguments)?.snapshot;
    if let Some(expected) = &guard.expect {
        check_payer_exists(expected, &snapshot.keyreeve.profiles)?;
    }
    let resolution = resolve(&snapshot, client);
    let checked = resolution.check_expected(guard.expect.as_ref(), &snapshot);
    let checked = checked.ok_or_else(|| {
        CommandError::new(Exit::Usage, "no expected payer is set for this directory")
            .hint("Pass `--expect plan`, or set one for the directory")
            .fix("keyreeve bind --expect plan")
    })?;
    check_not_diverted(client, &snapshot)?;
    let problems = resolution.value_problems(&snapshot);
    let view = GuardView {
        expected: ExpectedView::new(&checked),
        resolution: (&resolution).into(),
        problems: problems.iter().map(ToString::to_string).collect(),
    };
    let home = snapshot.home.as_deref();
    context.output.show(&view, |view| lines(view, home))?;
    match checked.result {
        Err(_) => Err(payer_mismatch(&checked, &problems, &snapshot)),
        Ok(_) => match problems.first() {
            Some(problem) => Err(value_problem(problem, home)),
            None => Ok(()),
        },
    }
}

/// Returns the line for an expected payer who would pay; any other is an error, and so is a value that cannot work.
fn lines(view: &GuardView, home: Option<&str>) -> Vec<Line> {
    let pays = match view.expected.certain {
        Some(_) if !view.problems.is_empty() => return Vec::new(),
        Some(true) => "pays",
        Some(false) => "likely pays",
        None => return Vec::new(),
    };
    let (expected, headline) = (&view.expected.expect, &view.resolution.headline);
    vec![Line::Wrapped {
        text: abbreviate_home(&format!("{expected} {pays}: {headline}"), home),
        indent: "  ",
    }]
}

/// Checks that no project file redirects requests: a server in between could read the credential and use it.
///
/// # Errors
/// Exit 8, with the file and the line.
fn check_not_diverted(client: ClientProgram, snapshot: &Snapshot) -> Result<(), CommandError> {
    let redirect = match client {
        ClientProgram::ClaudeCode { sources, .. } => find_project_redirect(snapshot, sources),
        // These clients don't read Claude Code's settings.
        ClientProgram::SdkPython(_) | ClientProgram::SdkTypescript(_) | ClientProgram::Keyreeve => {
            None
        }
    };
    redirect.map_or(Ok(()), |setting| {
        let text = format!("{setting}: requests would pass through another server");
        let error = CommandError::new(
            Exit::Policy,
            abbreviate_home(&text, snapshot.home.as_deref()),
        );
        Err(error.fix("keyreeve doctor"))
    })
}
