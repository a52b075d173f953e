//! The settings that make Claude Code show the line (docs/facts.md#claude-code-statusline).
//!
//! Invariant: the program is named by its absolute path as one shell word, so that no directory can substitute another.

use keyreeve_os::system;
use serde_json::json;

use crate::args::EnvShell;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::Line;
use crate::shell_quoting::quote;

pub(super) fn print(context: &Context) -> Result<(), CommandError> {
    let program = system::own_program().unwrap_or_else(|| "keyreeve".to_owned());
    let settings = settings(&program);
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

/// Claude Code runs the command with `/bin/sh`.
fn settings(program: &str) -> serde_json::Value {
    let command = format!("{} statusline", quote(EnvShell::Bash, program));
    json!({ "statusLine": { "type": "command", "command": command } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_stays_one_word_in_the_settings() {
        let settings = settings(r#"/a b/$(c)'d"e"#).to_string();
        let read: serde_json::Value = serde_json::from_str(&settings).unwrap();
        assert_eq!(
            read["statusLine"]["command"],
            r#"'/a b/$(c)'\''d"e' statusline"#
        );
    }
}
