//! `exec`: prints who pays, then replaces this process with the program.
//!
//! Invariants: the secret is only ever in the program's environment, never in its arguments; the program is looked up on
//! `PATH` and never in the working directory; it keeps our process, terminal and streams, so signals and the exit code are
//! its own.

mod supervise;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use keyreeve_core::origin::PlainHttp;
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_os::process::ProgramSpec;
use keyreeve_os::programs::{self, ProgramLookupError};
use keyreeve_os::system;
use keyreeve_resolver::claude_code::Arguments;
use keyreeve_resolver::launch::{LaunchPlan, Target};

use crate::args::{ExecArgs, LaunchArgs};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::launch::{self, LaunchCredential};
use crate::new_profile::parse_origin;

pub(super) fn run(exec: ExecArgs, context: &Context) -> Result<(), CommandError> {
    let result = if exec.gateway {
        supervise::run(exec, context)
    } else {
        replace_process(exec, context)
    };
    result.map_err(CommandError::for_exec)
}

fn replace_process(exec: ExecArgs, context: &Context) -> Result<(), CommandError> {
    let (launch, mut argv) = (&exec.launch, exec.command);
    let (file, target) = resolve_program(launch, &argv, context)?;
    if exec.env.is_none() && target.has_login() && signs_in(&argv) {
        let plan = launch::prepare_sign_in(launch, &target, context)?;
        let error = start((&file, &argv), &plan, &Secret::new(String::new()), |spec| {
            context.original_limits.exec_program(spec)
        });
        return Err(start_error(&file, &error));
    }
    let prepared = match &exec.env {
        Some(variable) => {
            let (base_url, _) =
                parse_origin("--origin", (&exec.origin, PlainHttp::LoopbackOnly), false)?;
            launch::prepare_with_variable(launch, (variable, base_url), &target, context)?
        }
        None if exec.native => {
            launch::prepare((launch, LaunchCredential::Native), &target, context)?
        }
        None => {
            let credential = LaunchCredential::of_profile(launch.profile.as_ref());
            launch::prepare((launch, credential), &target, context)?
        }
    };
    for warning in &prepared.plan.warnings {
        context.output.note(&warning.to_string());
    }
    let (plan, verified, secret) = prepared.with_secret(context)?;
    if let Some(settings) = &verified.settings_argument {
        argv = with_settings(argv, settings);
    }
    context.output.announce(&verified.summary);
    let error = start((&file, &argv), &plan, &secret, |spec| {
        context.original_limits.exec_program(spec)
    });
    Err(start_error(&file, &error))
}

/// Returns `true` if Claude Code is started to sign in or to look after itself, which costs nothing. It must start
/// without a login, or signing in would be impossible where `claude` is a function that starts `exec`.
fn signs_in(argv: &[OsString]) -> bool {
    const COMMANDS: [&str; 7] = [
        "auth",
        "setup-token",
        "doctor",
        "install",
        "update",
        "--version",
        "--help",
    ];
    argv.get(1)
        .is_some_and(|word| COMMANDS.iter().any(|command| word == command))
}

/// Finds the program's file and the client whose credential rules it follows.
///
/// # Errors
/// Exit 127 if the program is not found, 126 if it is not executable.
fn resolve_program(
    launch: &LaunchArgs,
    argv: &[OsString],
    context: &Context,
) -> Result<(PathBuf, Target), CommandError> {
    let file = locate(
        argv.first()
            .map_or_else(|| OsStr::new(""), OsString::as_os_str),
        context,
    )?;
    let texts: Vec<_> = argv.iter().skip(1).map(|it| it.to_string_lossy()).collect();
    let arguments = Arguments::parse(texts.iter().map(AsRef::as_ref));
    let target = Target::new(&file.to_string_lossy(), launch.client, arguments);
    Ok((file, target))
}

/// Starts the program with the plan's environment, the secret filled in, by calling `spawn`.
fn start<T>(
    (file, argv): (&Path, &[OsString]),
    plan: &LaunchPlan,
    secret: &Secret,
    spawn: impl FnOnce(&ProgramSpec<'_>) -> T,
) -> T {
    let secret = secret.expose_for(Sink::Program);
    let set: Vec<_> = plan
        .set
        .iter()
        .map(|assignment| {
            (
                assignment.name,
                assignment.value.as_deref().unwrap_or(secret),
            )
        })
        .collect();
    spawn(&ProgramSpec {
        file,
        argv,
        remove: &plan.remove,
        set: &set,
    })
}

fn start_error(file: &Path, error: &std::io::Error) -> CommandError {
    CommandError::new(
        Exit::NotExecutable,
        format!("cannot start {}", file.display()),
    )
    .caused_by(error)
}

/// Finds the file of a program. A name with a slash is a path, as in a shell.
fn locate(name: &OsStr, context: &Context) -> Result<PathBuf, CommandError> {
    let typed = name.to_string_lossy().into_owned();
    let joined = || {
        Some(
            Path::new(&system::working_directory()?)
                .join(&typed)
                .to_str()?
                .to_owned(),
        )
    };
    let absolute = if typed.contains('/') && !typed.starts_with('/') {
        joined().unwrap_or_else(|| typed.clone())
    } else {
        typed.clone()
    };
    let path = context.snapshot.environment.get("PATH").unwrap_or_default();
    programs::locate(&absolute, path).map_err(|error| match error {
        ProgramLookupError::NotFound => {
            let error = CommandError::new(
                Exit::ProgramNotFound,
                format!("program `{typed}` not found on PATH"),
            );
            error.hint(
                "The working directory is not searched; to run a program there, give its path",
            )
        }
        ProgramLookupError::NotExecutable => CommandError::new(
            Exit::NotExecutable,
            format!("program `{typed}` is not executable"),
        ),
    })
}

/// Adds `--settings SETTINGS` as the first argument and removes any `--settings` the user gave.
fn with_settings(argv: Vec<OsString>, settings: &str) -> Vec<OsString> {
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
    fn our_settings_replace_the_users() {
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
