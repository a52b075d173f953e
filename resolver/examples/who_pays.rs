//! Prints who would pay for the next request of Claude Code or of an SDK started here, and why: nothing is sent.
//!
//! `cargo run -p keyreeve-resolver --example who_pays [claude-code|sdk-python|sdk-typescript]`

use std::error::Error;
use std::io::{Write as _, stdout};

use keyreeve_resolver::claude_code::Arguments;
use keyreeve_resolver::machine::{Machine, gather};
use keyreeve_resolver::resolve::{ClientProgram, StepState, resolve};
use keyreeve_resolver::snapshot::KeyreeveState;

fn main() -> Result<(), Box<dyn Error>> {
    let client: ClientProgram = match std::env::args().nth(1) {
        Some(name) => name.parse()?,
        None => ClientProgram::CLAUDE_CODE,
    };
    let arguments = Arguments::default();
    let snapshot = gather(Machine::current(), &arguments, KeyreeveState::default());
    let resolution = resolve(&snapshot, client);
    writeln!(stdout(), "{}", resolution.headline())?;
    for step in &resolution.steps {
        let state = match &step.state {
            StepState::Absent => continue,
            StepState::Taken { headers } => format!("sent as {headers}"),
            StepState::Shadowed { by } => format!("overridden by {by}"),
            other => format!("{other:?}"),
        };
        writeln!(stdout(), "  {}: {state}", step.location)?;
    }
    Ok(())
}
