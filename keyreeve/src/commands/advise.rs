//! `advise`: prints the recommended way to authenticate for a use case: the reason, the commands, and what to avoid.

use keyreeve_broker::wire::AdviceView;
use keyreeve_resolver::advise::UseCase;

use crate::context::Context;
use crate::error::CommandError;
use crate::output::Format;

pub(super) fn run(use_case: UseCase, context: &Context) -> Result<(), CommandError> {
    let advice = use_case.advice();
    let output = &context.output;
    if output.format() == Format::Json {
        return Ok(output.document(&AdviceView::new(use_case))?);
    }
    output.headline(&format!("{}: {}", use_case.name(), advice.method))?;
    output.wrapped(&format!("  Why: {}", advice.reason), "  ")?;
    output.data("\n")?;
    for command in advice.commands {
        output.data(&format!("  {command}"))?;
    }
    output.data("\nAvoid:")?;
    for avoided in advice.avoid {
        output.wrapped(&format!("  {}: {}", avoided.method, avoided.reason), "    ")?;
    }
    Ok(())
}
