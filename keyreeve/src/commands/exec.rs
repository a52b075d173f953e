//! `exec`: say who pays, then become the program.
//!
//! Invariants: the secret is in the program's environment and nowhere else, never among arguments; the program is found
//! on `PATH` and never in the working directory; it keeps our process, terminal and streams, so that signals and exit
//! code are its own.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use keyreeve_core::claude_code::Arguments;
use keyreeve_core::launch::{Plan, Target};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_os::process::Start;
use keyreeve_os::programs::{self, Missing};
use keyreeve_os::world;

use super::{launching, supervising};
use crate::error::{CommandError, Exit};
use crate::settings::{Exec, Launch};
use crate::wiring::World;

pub(super) fn run(exec: Exec, world: &World) -> Result<(), CommandError> {
    match exec {
        Exec::Become { launch, argv } => {
            become_program(&launch, argv, world).map_err(CommandError::of_exec)
        }
        Exec::Supervise {
            launch,
            behind,
            argv,
        } => supervising::run((&launch, &behind), argv, world).map_err(CommandError::of_exec),
    }
}

fn become_program(
    launch: &Launch,
    mut argv: Vec<OsString>,
    world: &World,
) -> Result<(), CommandError> {
    let (file, target) = aimed(launch, &argv, world)?;
    let prepared = launching::prepare(launch, &target, world)?;
    for warning in &prepared.plan.warnings {
        world.output.note(&warning.to_string());
    }
    let (plan, judged, secret) = prepared.open(world)?;
    if let Some(settings) = &judged.settings {
        argv = with_settings(argv, settings);
    }
    world.output.own(&judged.line);
    let failed = start((&file, &argv), &plan, &secret, |start| {
        world.before.become_program(start)
    });
    Err(not_started(&file, &failed))
}

/// The program's file, and by whose rules it looks for a credential.
///
/// # Errors
/// Exit 126 or 127 where there is none that could be run.
pub(super) fn aimed(
    launch: &Launch,
    argv: &[OsString],
    world: &World,
) -> Result<(PathBuf, Target), CommandError> {
    let file = found(
        argv.first()
            .map_or_else(|| OsStr::new(""), OsString::as_os_str),
        world,
    )?;
    let texts: Vec<_> = argv.iter().skip(1).map(|it| it.to_string_lossy()).collect();
    let arguments = Arguments::read(texts.iter().map(AsRef::as_ref));
    let target = Target::of(&file.to_string_lossy(), launch.client, arguments);
    Ok((file, target))
}

/// Has the program started with what the plan sets, and with the secret in its place.
pub(super) fn start<T>(
    (file, argv): (&Path, &[OsString]),
    plan: &Plan,
    secret: &Secret,
    how: impl FnOnce(&Start<'_>) -> T,
) -> T {
    let secret = secret.expose_for(Sink::Program);
    let set: Vec<_> = plan
        .set
        .iter()
        .map(|assignment| {
            (
                assignment.name,
                assignment.text.as_deref().unwrap_or(secret),
            )
        })
        .collect();
    how(&Start {
        file,
        argv,
        remove: &plan.remove,
        set: &set,
    })
}

/// Why it was not.
pub(super) fn not_started(file: &Path, failed: &std::io::Error) -> CommandError {
    CommandError::new(
        Exit::NotExecutable,
        format!("could not start {}", file.display()),
    )
    .caused_by(failed)
}

/// The file of a program. One that is named by a path from here on was meant by whoever typed that.
fn found(name: &OsStr, world: &World) -> Result<PathBuf, CommandError> {
    let typed = name.to_string_lossy().into_owned();
    let from_here = || {
        Some(
            Path::new(&world::directory()?)
                .join(&typed)
                .to_str()?
                .to_owned(),
        )
    };
    let whole = if typed.contains('/') && !typed.starts_with('/') {
        from_here().unwrap_or_else(|| typed.clone())
    } else {
        typed.clone()
    };
    let path = world.snapshot.environment.get("PATH").unwrap_or_default();
    programs::locate(&whole, path).map_err(|missing| match missing {
        Missing::NotFound => {
            let told = CommandError::new(
                Exit::NoProgram,
                format!("there is no program `{typed}` on PATH"),
            );
            told.because(["the working directory is not looked at".to_owned()])
        }
        Missing::NotExecutable => CommandError::new(
            Exit::NotExecutable,
            format!("the program `{typed}` may not be run"),
        ),
    })
}

/// The arguments with these settings in place of those that `--settings` gives, or before all others.
pub(super) fn with_settings(argv: Vec<OsString>, settings: &str) -> Vec<OsString> {
    let mut changed = Vec::with_capacity(argv.len() + 2);
    let mut rest = argv.into_iter();
    changed.extend(rest.next());
    changed.extend([OsString::from("--settings"), OsString::from(settings)]);
    while let Some(argument) = rest.next() {
        let text = argument.to_string_lossy();
        if text == "--" {
            changed.push(argument);
            break;
        }
        if text == "--settings" {
            rest.next();
        } else if !text.starts_with("--settings=") {
            changed.push(argument);
        }
    }
    changed.extend(rest);
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_take_the_place_of_the_persons_own() {
        let changed = |line: &str| {
            let argv = line.split(' ').map(OsString::from).collect();
            let changed = with_settings(argv, "{}");
            changed.join(OsStr::new(" ")).into_string().unwrap()
        };
        assert_eq!(changed("claude -p hi"), "claude --settings {} -p hi");
        assert_eq!(
            changed("claude -p --settings {a} hi"),
            "claude --settings {} -p hi"
        );
        assert_eq!(
            changed("claude --settings={a} -- x"),
            "claude --settings {} -- x"
        );
        assert_eq!(
            changed("claude -- --settings x"),
            "claude --settings {} -- --settings x"
        );
    }
}
