//! `env`: prints the shell assignments with which a shell's programs use a profile.
//!
//! Invariant: the secret is printed only to a terminal and only with `--reveal`, never to a pipe.

use keyreeve_broker::wire::AssignmentsView;
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_resolver::claude_code::Arguments;
use keyreeve_resolver::launch::{LaunchPlan, Target};

use crate::args::{EnvArgs, EnvShell};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::launch::{self, LaunchCredential};
use crate::output::{Format, KEY_PLACEHOLDER};
use crate::shell_quoting::{assignment, quote, removal};

pub(super) fn run(env: &EnvArgs, context: &Context) -> Result<(), CommandError> {
    let arguments = Arguments::default();
    let target = Target::new("this shell", env.launch.client, arguments);
    let json = context.output.format() == Format::Json;
    if !json {
        check_can_reveal(env, context)?;
    }
    let credential = LaunchCredential::of_profile(env.launch.profile.as_ref());
    let prepared = launch::prepare((&env.launch, credential), &target, context)?;
    if json {
        let view = AssignmentsView::new(&prepared.plan, &prepared.verified.summary);
        return Ok(context.output.document(&view)?);
    }
    for warning in &prepared.plan.warnings {
        context.output.note(&warning.to_string());
    }
    let (plan, verified, secret) = prepared.with_secret(context)?;
    if let Some(settings) = &verified.settings_argument {
        let quoted = quote(env.shell, settings);
        context
            .output
            .note(&format!("Start Claude Code with `--settings {quoted}`"));
    }
    context.output.announce(&verified.summary);
    let secret = Secret::new(quote(env.shell, secret.expose_for(Sink::Display)));
    Ok(context
        .output
        .reveal(&assignments(env.shell, &plan), &secret)?)
}

/// Checks that `--reveal` is given and that standard output is a terminal.
fn check_can_reveal(env: &EnvArgs, context: &Context) -> Result<(), CommandError> {
    let refused = |message: &str| {
        CommandError::new(Exit::Policy, message)
            .hint("`keyreeve exec` gives a program the secret without printing it")
            .fix("keyreeve exec -- PROGRAM")
    };
    if !env.reveal {
        return Err(refused(
            "this would print the secret; pass `--reveal` to allow it",
        ));
    }
    if !context.output.stdout_is_terminal() {
        return Err(refused(
            "the secret is printed only to a terminal, and standard output is not one",
        ));
    }
    Ok(())
}

/// Returns the assignments, with [`KEY_PLACEHOLDER`] in place of the secret.
fn assignments(shell: EnvShell, plan: &LaunchPlan) -> String {
    let removed = plan.remove.iter().map(|name| removal(shell, name));
    let set = plan.set.iter().map(|it| match &it.value {
        Some(text) => assignment(shell, it.name, &quote(shell, text)),
        None => assignment(shell, it.name, KEY_PLACEHOLDER),
    });
    removed.chain(set).collect()
}
