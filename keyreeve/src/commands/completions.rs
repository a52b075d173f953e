//! `completions`: a script that teaches a shell our commands.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Args;
use crate::error::CommandError;
use crate::wiring::World;

pub(super) fn run(shell: Shell, world: &World) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "keyreeve", &mut script);
    Ok(world.output.verbatim(&String::from_utf8_lossy(&script))?)
}
