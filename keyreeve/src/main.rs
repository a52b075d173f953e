//! keyreeve's command line: arguments, then settings, then wiring, then print.
//!
//! Invariants: the process is hardened before anything else happens; the environment is captured once; an argument that
//! looks like a key is refused before anybody parses it.
#![forbid(unsafe_code)]

mod args;
mod ask;
mod commands;
mod config;
mod error;
mod output;
mod places;
mod running;
mod settings;
mod variables;
mod waiting;
mod wiring;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use keyreeve_core::snapshot::Snapshot;
use keyreeve_core::token::looks_like_a_key;
use keyreeve_os::{process, world};

use crate::args::{Args, Command};
use crate::ask::Asker;
use crate::error::{CommandError, Exit};
use crate::output::Output;
use crate::settings::Flags;
use crate::wiring::World;

fn main() -> ExitCode {
    let (before, weaknesses) = process::harden();
    let snapshot = Snapshot::of_environment(world::environment(), world::now());
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(refused) => return Output::plain().end(Err(refused)),
    };
    let args = match Args::try_parse_from(&arguments) {
        Ok(args) => args,
        Err(told) => return Output::plain().end(tell(&told, &help(&arguments))),
    };
    let output = Arc::new(Output::new(&args.global, &snapshot.environment));
    if !output.colors_talk() {
        inquire::set_global_render_config(inquire::ui::RenderConfig::empty());
    }
    for weakness in weaknesses {
        output.note(&format!(
            "this system did not let keyreeve harden itself: {weakness}"
        ));
    }
    let asker = Asker::look(args.global.no_input, &snapshot.environment);
    let flags = match &args.command {
        Some(Command::Serve(serve)) => Flags::of(serve),
        _ => Flags::default(),
    };
    let world = World {
        snapshot,
        output: Arc::clone(&output),
        asker,
        flags,
        before,
    };
    output.end(run(args.command, world))
}

fn run(typed: Option<Command>, world: World) -> Result<(), CommandError> {
    let command = settings::Command::of(typed, world.snapshot.now)?;
    commands::run(command, world)
}

/// The arguments, unless one of them holds a key: it is in the shell's history and in the process list already.
fn arguments() -> Result<Vec<OsString>, CommandError> {
    let mut arguments = Vec::new();
    for argument in std::env::args_os() {
        if looks_like_a_key(&argument.to_string_lossy()) {
            return Err(CommandError::new(Exit::Credential, "an argument holds a key")
                .because([
                    "arguments stand in the shell's history and in the process list: rotate this key".to_owned()
                ])
                .hint("keyreeve profile add NAME --stdin"));
        }
        arguments.push(argument);
    }
    Ok(arguments)
}

/// What clap has to say: help and version are data, all else is a mistake in the command line.
fn tell(told: &clap::Error, help: &str) -> Result<(), CommandError> {
    let text = told.render().to_string();
    match told.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(Output::plain().data(&text)?),
        _ => {
            let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let message = lines.next().unwrap_or_default();
            let message = message.trim_start_matches("error: ").to_owned();
            let (tips, rest): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("tip: "));
            let causes = rest.into_iter().filter(|line| {
                !line.starts_with("For more information") && !line.starts_with("Usage: ")
            });
            let causes = causes.map(|line| line.trim_matches(['[', ']']).to_owned());
            let error = CommandError::new(Exit::Usage, message).because(causes);
            let tip = tips.first();
            let hint = tip.map_or(help, |tip| tip.trim_start_matches("tip: "));
            Err(error.hint(hint))
        }
    }
}

/// What tells more of the command that was typed: `keyreeve key add --help`.
fn help(arguments: &[OsString]) -> String {
    let mut command = Args::command();
    let mut path = command.get_name().to_owned();
    for argument in arguments.iter().skip(1).map(|word| word.to_string_lossy()) {
        let Some(found) = command.find_subcommand(&*argument) else {
            if argument.starts_with('-') {
                continue;
            }
            break;
        };
        path = format!("{path} {}", found.get_name());
        command = found.clone();
    }
    format!("{path} --help")
}
