//! `help`: the help of keyreeve or of a command.

use crate::args;
use crate::context::Context;
use crate::error::CommandError;

pub(super) fn run(path: &[String], context: &Context) -> Result<(), CommandError> {
    Ok(context.output.data(&args::help_of(path)?)?)
}
