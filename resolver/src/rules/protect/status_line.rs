//! The status line in Claude Code's settings (docs/facts.md#claude-code-statusline), merged in place: every other byte
//! of the file stays the same.
//!
//! Invariant: a status line of the user is never replaced or removed.

use std::fmt::Write as _;

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::json;

use super::removal::{Removal, RemovalOutcome};

/// The setting.
const STATUS_LINE: &str = "statusLine";

/// A status line that Claude Code shows by running a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusLineCommand {
    /// The command, for `/bin/sh`.
    pub command: String,
}

/// The reason the status line cannot be added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StatusLineError {
    /// The file has one already that is not ours.
    #[error("another status line is set")]
    OtherStatusLine,
    /// The file is not a JSON object, so Claude Code ignores it.
    #[error("it is not a JSON object")]
    NotAnObject,
}

impl StatusLineCommand {
    /// Returns the settings as JSON.
    pub fn settings(&self) -> serde_json::Value {
        json!({ STATUS_LINE: { "type": "command", "command": self.command } })
    }

    /// Returns `settings` with this status line, and what was inserted, or `None` if it is set already.
    ///
    /// # Errors
    /// [`StatusLineError`].
    pub fn added_to(&self, settings: &str) -> Result<Option<(String, String)>, StatusLineError> {
        let member = self.member();
        if settings.trim().is_empty() {
            let inserted = format!("{{\n  {member}\n}}\n");
            return Ok(Some(insert(settings, settings.len(), inserted)));
        }
        match current(settings)? {
            Some(command) if command == self.command => return Ok(None),
            Some(_) => return Err(StatusLineError::OtherStatusLine),
            None => {}
        }
        let start = settings.find('{').ok_or(StatusLineError::NotAnObject)? + 1;
        let rest = &settings[start..];
        let space = &rest[..rest.len() - rest.trim_start().len()];
        let inserted = if rest.trim_start().starts_with('}') {
            format!("\n  {member}\n")
        } else {
            format!("{space}{member},")
        };
        Ok(Some(insert(settings, start, inserted)))
    }

    fn member(&self) -> String {
        let mut member = String::new();
        let command = serde_json::Value::from(self.command.as_str());
        let _ = write!(
            member,
            r#""{STATUS_LINE}": {{ "type": "command", "command": {command} }}"#
        );
        member
    }
}

fn insert(settings: &str, at: usize, inserted: String) -> (String, String) {
    let (before, after) = settings.split_at(at);
    (format!("{before}{inserted}{after}"), inserted)
}

/// Returns the command of the status line that is set, or an empty text for one without a command.
fn current(settings: &str) -> Result<Option<String>, StatusLineError> {
    let settings = settings.strip_prefix('\u{feff}').unwrap_or(settings);
    let value: serde_json::Value =
        serde_json::from_str(settings).map_err(|_| StatusLineError::NotAnObject)?;
    let object = value.as_object().ok_or(StatusLineError::NotAnObject)?;
    Ok(object.get(STATUS_LINE).map(|line| {
        let command = line.get("command").and_then(serde_json::Value::as_str);
        command.unwrap_or_default().to_owned()
    }))
}

/// Removes an inserted status line. Claude Code formats the file anew when it changes a setting, so the setting is also
/// recognized by its command.
pub(super) fn remove(settings: &str, inserted: &str, command: &str) -> Removal {
    let kept = |outcome| Removal::new(settings.to_owned(), outcome);
    match current(settings) {
        Ok(Some(found)) if found == command => {}
        Ok(Some(_)) => return kept(RemovalOutcome::KeptEdits),
        Ok(None) | Err(StatusLineError::NotAnObject | StatusLineError::OtherStatusLine) => {
            return kept(RemovalOutcome::Missing);
        }
    }
    let range = match settings.find(inserted) {
        Some(at) => Some(at..at + inserted.len()),
        None => member_range(settings),
    };
    let Some(range) = range else {
        return kept(RemovalOutcome::Missing);
    };
    let text = format!("{}{}", &settings[..range.start], &settings[range.end..]);
    Removal::new(text, RemovalOutcome::Removed)
}

/// Returns the bytes of the status line with one separating comma.
fn member_range(settings: &str) -> Option<std::ops::Range<usize>> {
    let collect = CollectOptions::default();
    let parsed = parse_to_ast(settings, &collect, &ParseOptions::default()).ok()?;
    let Some(Value::Object(object)) = parsed.value else {
        return None;
    };
    let properties: &[ObjectProp<'_>] = &object.properties;
    let is_ours = |property: &ObjectProp<'_>| property.name.as_str() == STATUS_LINE;
    let index = properties.iter().position(is_ours)?;
    let end_of = |property: &ObjectProp<'_>| property.range().end;
    let previous_end = match index.checked_sub(1) {
        Some(previous) => end_of(properties.get(previous)?),
        None => object.range().start + 1,
    };
    Some(match (index, properties.get(index + 1)) {
        // The first one goes with the comma after it, any other with the comma before it.
        (0, Some(next)) => {
            let own_start = properties.first()?.range().start;
            own_start..next.range().start
        }
        (0, None) => previous_end..object.range().end - 1,
        (_, _) => previous_end..end_of(properties.get(index)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> StatusLineCommand {
        StatusLineCommand {
            command: r#"'/a "b"' statusline"#.to_owned(),
        }
    }

    /// F-60: merged into the settings and taken out again, every other byte is the same.
    #[test]
    fn status_line_is_merged_and_removed_exactly() {
        for settings in [
            "",
            "{}",
            "{ }\n",
            "{\"a\": 1}",
            "{\n  \"a\": {\"b\": [1]}\n}\n",
            "\u{feff}{\r\n\t\"a\": 1 }",
        ] {
            let (added, inserted) = line().added_to(settings).unwrap().unwrap();
            let json = added.strip_prefix('\u{feff}').unwrap_or(&added);
            let read: serde_json::Value = serde_json::from_str(json).unwrap();
            assert_eq!(read[STATUS_LINE], line().settings()[STATUS_LINE], "{added}");
            assert_eq!(line().added_to(&added), Ok(None), "{added}");
            let removed = remove(&added, &inserted, &line().command);
            let expected = (settings, RemovalOutcome::Removed);
            assert_eq!((removed.text.as_str(), removed.outcome), expected);
        }
    }

    #[test]
    fn status_line_of_the_user_is_kept() {
        let other = r#"{"statusLine": {"type": "command", "command": "mine"}}"#;
        let refused = line().added_to(other);
        assert_eq!(refused, Err(StatusLineError::OtherStatusLine));
        for text in ["[]", "{\"a\": 1,}", "// a\n{}", "x"] {
            let refused = line().added_to(text);
            assert_eq!(refused, Err(StatusLineError::NotAnObject), "{text}");
        }
        let (_, inserted) = line().added_to("{}").unwrap().unwrap();
        for (text, outcome) in [
            (other, RemovalOutcome::KeptEdits),
            ("{}", RemovalOutcome::Missing),
        ] {
            let removed = remove(text, &inserted, &line().command);
            assert_eq!((removed.text.as_str(), removed.outcome), (text, outcome));
        }
    }

    #[test]
    fn reformatted_status_line_is_removed() {
        let command = serde_json::Value::from(line().command);
        let ours = format!(
            "\"statusLine\": {{\n    \"type\": \"command\",\n    \"command\": {command}\n  }}"
        );
        let (_, inserted) = line().added_to("{}").unwrap().unwrap();
        for (before, expected) in [
            (format!("{{\n  {ours}\n}}"), "{}"),
            (format!("{{\n  {ours},\n  \"a\": 1\n}}"), "{\n  \"a\": 1\n}"),
            (format!("{{\n  \"a\": 1,\n  {ours}\n}}"), "{\n  \"a\": 1\n}"),
            (
                format!("{{\n  \"a\": 1,\n  {ours},\n  \"b\": 2\n}}"),
                "{\n  \"a\": 1,\n  \"b\": 2\n}",
            ),
        ] {
            let removed = remove(&before, &inserted, &line().command);
            assert_eq!(
                (removed.text.as_str(), removed.outcome),
                (expected, RemovalOutcome::Removed)
            );
        }
    }
}
