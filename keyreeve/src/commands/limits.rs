//! `limits`: rate limits and plan windows as reported in responses.
//!
//! Invariant: it sends nothing.

use keyreeve_broker::wire::LimitsView;
use keyreeve_core::clock::Clock;

use crate::context::Context;
use crate::error::CommandError;
use crate::output::Line;
use crate::render::limit::table;

pub(super) fn run(context: &Context) -> Result<(), CommandError> {
    let store = context.open_store()?;
    let policy = store.policy()?;
    let view = LimitsView::new(&policy, &store.limits()?, context.snapshot.now);
    let (clock, home) = (context.clock(), context.home());
    let output = &context.output;
    Ok(output.show(&view, |view| render(view, &clock, home))?)
}

fn render(view: &LimitsView, clock: &Clock, home: Option<&str>) -> Vec<Line> {
    if view.subjects.is_empty() {
        return vec![
            Line::Success("No limits seen yet: there are no profiles".to_owned()),
            Line::Hint("Add a profile: `keyreeve profile add NAME`".to_owned()),
            Line::Hint(
                "See the limits of your own plan: `keyreeve statusline --print-settings`"
                    .to_owned(),
            ),
        ];
    }
    vec![Line::Table(table(&view.subjects, clock, home))]
}
