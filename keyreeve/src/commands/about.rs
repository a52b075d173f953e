//! `help`, `completions`, `version`: the command line about itself.

use clap_complete::Shell;
use serde::Serialize;

use crate::args;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::Line;

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

/// Prints the help of keyreeve or of a command.
pub(super) fn help(path: &[String], context: &Context) -> Result<(), CommandError> {
    Ok(context.output.data(&args::help_of(path)?)?)
}

/// Prints a shell completion script.
pub(super) fn completions(shell: Shell, context: &Context) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "keyreeve", &mut script);
    Ok(context.output.verbatim(&String::from_utf8_lossy(&script))?)
}

/// Prints the version of keyreeve.
pub(super) fn version(context: &Context) -> Result<(), CommandError> {
    let view = Version { version: VERSION };
    Ok(context.output.show(&view, |view| {
        vec![Line::Data(format!("keyreeve {}", view.version))]
    })?)
}
