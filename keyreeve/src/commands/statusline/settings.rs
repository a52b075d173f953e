//! The settings with which Claude Code shows the line (docs/facts.md#claude-code-statusline).
//!
//! Invariant: the program is named by its whole path as one word of the shell's, so that no directory can put another in
//! its place.

use keyreeve_os::world;
use serde_json::json;

use super::super::quoting::quoted;
use crate::error::CommandError;
use crate::output::Format;
use crate::settings::Shell;
use crate::wiring::World;

pub(super) fn print(world: &World) -> Result<(), CommandError> {
    let program = world::own_program().unwrap_or_else(|| "keyreeve".to_owned());
    let settings = settings(&program);
    match world.output.format() {
        Format::Human => world.output.data(&format!("{settings:#}"))?,
        Format::Json => world.output.document(&settings)?,
    }
    world
        .output
        .hint("put this into ~/.claude/settings.json, beside what stands there");
    Ok(())
}

/// Claude Code hands the command to `/bin/sh`.
fn settings(program: &str) -> serde_json::Value {
    let command = format!("{} statusline", quoted(Shell::Bash, program));
    json!({ "statusLine": { "type": "command", "command": command } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_one_word_in_the_settings() {
        let settings = settings(r#"/a b/$(c)'d"e"#).to_string();
        let read: serde_json::Value = serde_json::from_str(&settings).unwrap();
        assert_eq!(
            read["statusLine"]["command"],
            r#"'/a b/$(c)'\''d"e' statusline"#
        );
    }
}
