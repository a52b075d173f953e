//! `version`: what is running.

use serde::Serialize;

use crate::error::CommandError;
use crate::output::Format;
use crate::wiring::World;

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn run(world: &World) -> Result<(), CommandError> {
    match world.output.format() {
        Format::Json => world.output.document(&Version { version: VERSION })?,
        Format::Human => world.output.data(&format!("keyreeve {VERSION}"))?,
    }
    Ok(())
}
