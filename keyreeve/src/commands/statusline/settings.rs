//! The settings that make Claude Code show the line (docs/facts.md#claude-code-statusline).

use crate::context::Context;
use crate::error::CommandError;
use crate::output::Line;
use crate::own_command::own_status_line;

pub(super) fn print(context: &Context) -> Result<(), CommandError> {
    let settings = own_status_line().settings();
    let text = format!("{settings:#}");
    let lines: Vec<Line> = text
        .lines()
        .map(|line| Line::Data(line.to_owned()))
        .chain([Line::Hint(
            "Add this to ~/.claude/settings.json, next to the settings already there".to_owned(),
        )])
        .collect();
    Ok(context.output.report(&settings, &lines)?)
}
