//! Switching a helper off where a release runs it all the same: `--settings '{"apiKeyHelper":""}'`, put together with
//! what the person gives there (docs/facts.md#claude-code-host).

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::claude_code::{
    Arguments, Scope, Settings, SettingsArgument, SettingsFile, SettingsState,
};

use super::refusal::Refusal;

/// The value of `--settings` by which no helper is run.
///
/// # Errors
/// [`Refusal::SettingsInFile`] where the person's own settings are in a file, which is not ours to change.
pub(super) fn without_helper(arguments: &Arguments) -> Result<String, Refusal> {
    const OFF: &str = r#"{"apiKeyHelper":""}"#;
    match &arguments.settings {
        None => Ok(OFF.to_owned()),
        Some(SettingsArgument::File(path)) => Err(Refusal::SettingsInFile { path: path.clone() }),
        Some(SettingsArgument::Json(text)) => Ok(added(text).unwrap_or_else(|| OFF.to_owned())),
    }
}

/// The same settings with the helper off; none where they are none, which Claude Code passes over as a whole.
fn added(text: &str) -> Option<String> {
    let mut settings: BTreeMap<&str, &RawValue> = serde_json::from_str(text).ok()?;
    let off: Box<RawValue> = serde_json::from_str("\"\"").ok()?;
    settings.insert("apiKeyHelper", &off);
    serde_json::to_string(&settings).ok()
}

/// The settings as a file among the others.
pub(super) fn as_file(text: &str) -> Option<SettingsFile> {
    Some(SettingsFile {
        scope: Scope::Flag,
        path: "--settings".to_owned(),
        state: SettingsState::Read(Settings::parse(text).ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_person_gives_is_kept() {
        let given =
            |arguments: &[&str]| without_helper(&Arguments::read(arguments.iter().copied()));
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
            Err(Refusal::SettingsInFile { path }) if path == "mine.json"
        ));
        assert_eq!(
            given(&["--settings", "{no json"]).unwrap(),
            r#"{"apiKeyHelper":""}"#
        );
    }
}
