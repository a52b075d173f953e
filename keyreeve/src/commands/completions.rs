//! `completions`: a shell completion script.

use clap_complete::Shell;

use crate::args;
use crate::context::Context;
use crate::error::CommandError;

pub(super) fn run(shell: Shell, context: &Context) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "keyreeve", &mut script);
    Ok(context.output.verbatim(&String::from_utf8_lossy(&script))?)
}
