//! `limits`: rate limits and plan windows as reported in responses.
//!
//! Invariant: it sends nothing.

use keyreeve_broker::wire::LimitsView;

use crate::context::Context;
use crate::error::CommandError;
use crate::output::Format;
use crate::render::limit::table;

pub(super) fn run(context: &Context) -> Result<(), CommandError> {
    let store = context.open_store()?;
    let policy = store.policy()?;
    let view = LimitsView::new(&policy, &store.limits()?, context.snapshot.now);
    let output = &context.output;
    if output.format() == Format::Json {
        return Ok(output.document(&view)?);
    }
    if view.subjects.is_empty() {
        output.success("No limits seen yet: there are no profiles");
        output.hint("Add a profile: `keyreeve profile add NAME`");
        output.hint("See the limits of your own plan: `keyreeve statusline --print-settings`");
        return Ok(());
    }
    let home = context.home();
    Ok(output.table(&table(&view.subjects, &context.clock(), home))?)
}
