//! `env`: the assignments by which a shell's programs use a profile.
//!
//! Invariant: the secret is shown on a terminal, to a person who asked for it in so many words, and never to a pipe.

use keyreeve_broker::view::AssignmentsView;
use keyreeve_core::claude_code::Arguments;
use keyreeve_core::launch::{Plan, Target};
use keyreeve_core::secret::{Secret, Sink};

use super::launching;
use super::quoting::{assignment, quoted, removal};
use crate::error::{CommandError, Exit};
use crate::output::{Format, KEY_MARK};
use crate::settings::{Env, Reveal, Shell};
use crate::wiring::World;

pub(super) fn run(env: &Env, world: &World) -> Result<(), CommandError> {
    let arguments = Arguments::default();
    let target = Target::of("this shell", env.launch.client, arguments);
    let json = world.output.format() == Format::Json;
    if !json {
        on_terminal(env, world)?;
    }
    let prepared = launching::prepare(&env.launch, &target, world)?;
    if json {
        let view = AssignmentsView::of(&prepared.plan, &prepared.judged.line);
        return Ok(world.output.document(&view)?);
    }
    for warning in &prepared.plan.warnings {
        world.output.note(&warning.to_string());
    }
    let (plan, judged, secret) = prepared.open(world)?;
    if let Some(settings) = &judged.settings {
        let quoted = quoted(env.shell, settings);
        world
            .output
            .note(&format!("start Claude Code with --settings {quoted}"));
    }
    world.output.own(&judged.line);
    let secret = Secret::new(quoted(env.shell, secret.expose_for(Sink::Shown)));
    Ok(world.output.reveal(&written(env.shell, &plan), &secret)?)
}

/// Refuses to show a secret that nobody asked for, or that no person would see.
fn on_terminal(env: &Env, world: &World) -> Result<(), CommandError> {
    let refused = |message: &str| {
        CommandError::new(Exit::Policy, message)
            .hint("keyreeve exec -- PROGRAM, which shows the secret to nobody")
    };
    match env.secret {
        Reveal::Hidden => Err(refused(
            "assignments would show the secret, which --reveal has to ask for",
        )),
        Reveal::Shown if world.output.is_seen() => Ok(()),
        Reveal::Shown => Err(refused(
            "the secret is shown on a terminal only, and standard output is none",
        )),
    }
}

/// The lines, with a mark where the secret belongs.
fn written(shell: Shell, plan: &Plan) -> String {
    let removed = plan.remove.iter().map(|name| removal(shell, name));
    let set = plan.set.iter().map(|it| match &it.text {
        Some(text) => assignment(shell, it.name, &quoted(shell, text)),
        None => assignment(shell, it.name, KEY_MARK),
    });
    removed.chain(set).collect()
}
