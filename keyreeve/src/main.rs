//! The command line: arguments → settings → context → command → output.
//!
//! Invariants: the process is hardened before anything else happens; the environment is captured once; an argument that
//! looks like a key is refused before it is parsed.
#![forbid(unsafe_code)]

mod args;
mod ascii_json;
mod commands;
mod config;
mod context;
mod credential_check;
mod dirs;
mod error;
mod fix;
mod launch;
mod log;
mod new_profile;
mod output;
mod own_command;
mod problem;
mod profile_secret;
mod prompt;
mod protection;
mod render;
mod running_gateway;
mod runtime;
mod sandbox;
mod settings;
mod shell_check;
mod shell_quoting;
mod suggestion;
mod temporary_key;
mod variables;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::FromArgMatches as _;
use clap::error::ErrorKind;
use keyreeve_core::token::contains_token;
use keyreeve_os::{process, system};
use keyreeve_resolver::snapshot::Snapshot;

use crate::args::{Cli, CliCommand};
use crate::context::Context;
use crate::error::{CommandError, Exit};
use crate::output::{Format, Output};
use crate::prompt::Prompter;
use crate::settings::Flags;

fn main() -> ExitCode {
    let (original_limits, weaknesses) = process::harden();
    let snapshot = Snapshot::from_environment(system::environment(), system::now());
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match parse(&arguments) {
        Ok(Parsed::Cli(cli)) => cli,
        Ok(Parsed::Text(text)) => {
            let output = Output::plain(Format::Human);
            return output.finish(output.data(&text).map_err(CommandError::from));
        }
        Err(error) => return Output::plain(typed_format(&arguments)).finish(Err(error)),
    };
    let output = Arc::new(Output::new(&cli.global, &snapshot.environment));
    if !output.stderr_has_color() {
        inquire::set_global_render_config(inquire::ui::RenderConfig::empty());
    }
    for weakness in weaknesses {
        output.note(&format!(
            "keyreeve could not harden its process: {weakness}"
        ));
    }
    let prompter = Prompter::detect(cli.global.no_input, &snapshot.environment);
    let flags = match &cli.command {
        Some(CliCommand::Serve(serve)) => Flags::from_args(serve),
        _ => Flags::default(),
    };
    let context = Context {
        snapshot,
        output: Arc::clone(&output),
        prompter,
        flags,
        original_limits,
    };
    output.finish(commands::run(cli.command, context))
}

/// The parsed command line, or the requested text: help or the version.
enum Parsed {
    Cli(Box<Cli>),
    Text(String),
}

fn parse(arguments: &[OsString]) -> Result<Parsed, CommandError> {
    refuse_keys(arguments)?;
    let parsed = args::command()
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => Ok(Parsed::Cli(Box::new(cli))),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Ok(Parsed::Text(error.render().to_string()))
            }
            // A group of commands alone, such as `keyreeve key`.
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
                let path = args::subcommand_path(arguments);
                Ok(Parsed::Text(args::help_of(&path)?))
            }
            _ => Err(args::usage_error(&error, arguments)),
        },
    }
}

/// Refuses an argument that contains a key: by now, it is in the shell's history and in the process list.
fn refuse_keys(arguments: &[OsString]) -> Result<(), CommandError> {
    let mut words = arguments.iter().map(|argument| argument.to_string_lossy());
    if !words.any(|argument| contains_token(&argument)) {
        return Ok(());
    }
    let message = "an argument contains a key. Arguments end up in shell history and process lists. \
        Treat this key as leaked and rotate it.";
    Err(CommandError::new(Exit::Credential, message).fix("keyreeve profile add NAME --stdin"))
}

/// Returns the requested format, for errors of a command line that does not parse.
fn typed_format(arguments: &[OsString]) -> Format {
    let mut options = arguments.iter().take_while(|argument| *argument != "--");
    if options.any(|argument| argument == "--json") {
        Format::Json
    } else {
        Format::Human
    }
}
