//! `advise`: prints the recommended way to authenticate for a use case: the reason, the commands, and what to avoid.

use keyreeve_broker::wire::AdviceView;
use keyreeve_resolver::advise::UseCase;

use crate::context::Context;
use crate::error::CommandError;
use crate::output::Line;

pub(super) fn run(use_case: UseCase, context: &Context) -> Result<(), CommandError> {
    let view = AdviceView::new(use_case);
    Ok(context.output.show(&view, render)?)
}

fn render(advice: &AdviceView) -> Vec<Line> {
    let wrapped = |text, indent| Line::Wrapped { text, indent };
    let mut lines = vec![
        Line::Headline(format!("{}: {}", advice.r#use, advice.method)),
        wrapped(format!("  Why: {}", advice.reason), "  "),
        Line::Blank,
    ];
    let commands = advice.commands.iter();
    lines.extend(commands.map(|command| Line::Data(format!("  {command}"))));
    lines.extend([Line::Blank, Line::Data("Avoid:".to_owned())]);
    let avoid = advice.avoid.iter();
    lines.extend(avoid.map(|avoided| {
        let text = format!("  {}: {}", avoided.method, avoided.reason);
        wrapped(text, "    ")
    }));
    lines
}
