//! Turning a helper off in releases that run it in any case: `--settings '{"apiKeyHelper":""}'`, merged with the user's
//! own `--settings` (docs/facts.md#claude-code-host).

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::error::LaunchError;
use crate::rules::claude_code::{Arguments, SettingsArgument};

/// Returns the value of `--settings` that turns the helper off.
///
/// # Errors
/// [`LaunchError::SettingsInFile`] if the user's own settings are in a file, which is not ours to change.
pub(super) fn without_helper(arguments: &Arguments) -> Result<String, LaunchError> {
    const OFF: &str = r#"{"apiKeyHelper":""}"#;
    match &arguments.settings {
        None => Ok(OFF.to_owned()),
        Some(SettingsArgument::File(path)) => {
            Err(LaunchError::SettingsInFile { path: path.clone() })
        }
        Some(SettingsArgument::Json(text)) => {
            Ok(with_helper_off(text).unwrap_or_else(|| OFF.to_owned()))
        }
    }
}

/// Returns the settings with the helper off, or `None` if they are not valid, so that Claude Code ignores them.
fn with_helper_off(text: &str) -> Option<String> {
    let mut settings: BTreeMap<&str, &RawValue> = serde_json::from_str(text).ok()?;
    let off: Box<RawValue> = serde_json::from_str("\"\"").ok()?;
    settings.insert("apiKeyHelper", &off);
    serde_json::to_string(&settings).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_settings_are_merged() {
        let given =
            |arguments: &[&str]| without_helper(&Arguments::parse(arguments.iter().copied()));
        assert_eq!(given(&["-p", "hi"]).unwrap(), r#"{"apiKeyHelper":""}"#);
        assert_eq!(
            given(&[
                "--settings",
                r#"{"model":"x","env":{"A": 1},"apiKeyHelper":"~/key"}"#
            ])
            .unwrap(),
            r#"{"apiKeyHelper":"","env":{"A": 1},"model":"x"}"#
        );
        assert!(matches!(
            given(&["--settings", "mine.json"]),
            Err(LaunchError::SettingsInFile { path }) if path == "mine.json"
        ));
        assert_eq!(
            given(&["--settings", "{no json}"]).unwrap(),
            r#"{"apiKeyHelper":""}"#
        );
    }
}
