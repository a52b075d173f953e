//! `advise`: which way to authenticate suits a use, why, what to run, and what not to use.

use keyreeve_broker::view::AdviceView;
use keyreeve_core::advise::Use;

use crate::error::CommandError;
use crate::output::Format;
use crate::wiring::World;

pub(super) fn run(wanted: Use, world: &World) -> Result<(), CommandError> {
    let advice = wanted.advice();
    let output = &world.output;
    if output.format() == Format::Json {
        return Ok(output.document(&AdviceView::of(wanted))?);
    }
    output.headline(&format!("{}: {}", wanted.name(), advice.method))?;
    output.wrapped(&format!("  because {}", advice.because), "  ")?;
    output.data("\n")?;
    for command in advice.commands {
        output.data(&format!("  {command}"))?;
    }
    output.data("\nnot here:")?;
    for avoided in advice.avoid {
        output.wrapped(
            &format!("  {}: {}", avoided.method, avoided.because),
            "    ",
        )?;
    }
    Ok(())
}
