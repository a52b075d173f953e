//! `version`: the version of keyreeve.

use serde::Serialize;

use crate::context::Context;
use crate::error::CommandError;
use crate::output::Format;

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn run(context: &Context) -> Result<(), CommandError> {
    match context.output.format() {
        Format::Json => context.output.document(&Version { version: VERSION })?,
        Format::Human => context.output.data(&format!("keyreeve {VERSION}"))?,
    }
    Ok(())
}
