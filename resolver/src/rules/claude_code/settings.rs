//! A settings file of Claude Code: the variables and commands in it that determine who pays, each with its line.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::javascript::to_javascript_text;
use crate::rules::hidden_text::HiddenText;

/// An existing settings file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingsFile {
    /// The scope of the settings.
    pub scope: SettingsScope,
    /// The path of the file, or `--settings` for settings on the command line.
    pub path: String,
    /// The state of the file.
    pub state: SettingsState,
}

/// The scope of a settings file, in order of precedence (docs/facts.md#claude-code).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SettingsScope {
    /// An additional file of the organization's settings: `managed-settings.d/*.json`. Of several, the one whose name
    /// sorts last has the highest precedence.
    ManagedDropIn,
    /// The organization's settings, set by an administrator.
    Managed,
    /// Settings given with `--settings`.
    Flag,
    /// `.claude/settings.local.json` of the repository's root, or of the main checkout in a linked worktree, if Claude
    /// Code is started elsewhere in it.
    Repository,
    /// The user's own settings for this project: `.claude/settings.local.json`.
    Local,
    /// The project's settings: `.claude/settings.json`.
    Project,
    /// The user's settings: `settings.json` in Claude Code's directory.
    User,
    /// The user's settings of a directory that other settings replace with `CLAUDE_CONFIG_DIR`: only its variables
    /// count.
    ReplacedUser,
    /// `env` in Claude Code's state file, `.claude.json`.
    State,
}

impl SettingsScope {
    /// Returns its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::ManagedDropIn | Self::Managed => "managed",
            Self::Flag => "flag",
            Self::Repository => "repository",
            Self::Local => "local",
            Self::Project => "project",
            Self::User | Self::ReplacedUser => "user",
            Self::State => "state",
        }
    }

    /// Returns `true` if the file is in the project, which is untrusted.
    pub fn is_project(self) -> bool {
        match self {
            Self::Repository | Self::Local | Self::Project => true,
            Self::ManagedDropIn
            | Self::Managed
            | Self::Flag
            | Self::User
            | Self::ReplacedUser
            | Self::State => false,
        }
    }

    /// Returns `true` if an administrator sets the file.
    pub(crate) fn is_managed(self) -> bool {
        match self {
            Self::ManagedDropIn | Self::Managed => true,
            Self::Flag
            | Self::Repository
            | Self::Local
            | Self::Project
            | Self::User
            | Self::ReplacedUser
            | Self::State => false,
        }
    }
}

/// The state of a settings file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingsState {
    /// Valid settings.
    Read(ClaudeSettings),
    /// Invalid: Claude Code ignores the whole file.
    Damaged(SettingsFileError),
    /// We may not read the file.
    Unreadable,
}

impl SettingsFile {
    /// Returns the settings that `--settings` gives as JSON.
    pub(crate) fn from_argument(text: &str) -> Self {
        Self {
            scope: SettingsScope::Flag,
            path: "--settings".to_owned(),
            state: SettingsState::parse(text),
        }
    }
}

impl SettingsFile {
    /// Returns the user's settings after their directory was replaced: only their variables count.
    pub(crate) fn replaced(self) -> Option<Self> {
        let state = match (self.scope, self.state) {
            (SettingsScope::User | SettingsScope::ReplacedUser, SettingsState::Read(settings)) => {
                SettingsState::Read(ClaudeSettings {
                    env: settings.env,
                    ..ClaudeSettings::default()
                })
            }
            (_, SettingsState::Read(_) | SettingsState::Damaged(_) | SettingsState::Unreadable) => {
                return None;
            }
        };
        Some(Self {
            scope: SettingsScope::ReplacedUser,
            path: self.path,
            state,
        })
    }
}

impl SettingsState {
    /// Parses the text of a settings file.
    pub fn parse(text: &str) -> Self {
        Self::from_result(ClaudeSettings::parse(text))
    }

    /// Parses the text of an administrator's settings file, of which Claude Code ignores a setting of the wrong type
    /// alone.
    pub fn parse_managed(text: &str) -> Self {
        Self::from_result(ClaudeSettings::parse_as(text, WrongType::IgnoresSetting))
    }

    fn from_result(parsed: Result<ClaudeSettings, SettingsFileError>) -> Self {
        match parsed {
            Ok(settings) => Self::Read(settings),
            Err(damage) => Self::Damaged(damage),
        }
    }
}

/// A settings file is invalid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it is not a valid JSON object from line {line} on")]
pub struct SettingsFileError {
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// `true` if it is an object, and only a setting in it has the wrong type.
    pub(crate) is_object: bool,
    /// `true` if the file is empty.
    pub(crate) is_empty: bool,
}

/// The settings that determine who pays.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ClaudeSettings {
    /// The variables set for every session, in file order. For a duplicate name the last one counts.
    pub(crate) env: Vec<EnvSetting>,
    /// `apiKeyHelper`.
    pub helper: Option<HelperSetting>,
    /// Other settings that start programs or control logins.
    pub(crate) others: Vec<OtherSetting>,
    /// The setting that demands a login of Claude Code's own, if an administrator set it.
    pub(crate) login_demand: Option<LoginDemand>,
}

/// A setting that demands a login.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LoginDemand {
    /// The setting.
    pub(crate) setting: OtherSetting,
    /// The logins that satisfy it.
    pub(crate) logins: DemandedLogins,
}

/// The logins that satisfy a demand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DemandedLogins {
    /// Some, as far as we know.
    Some,
    /// Not a single one: the list of organizations is empty.
    None,
}

/// A variable that a settings file sets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct EnvSetting {
    /// Its name.
    pub(crate) name: String,
    /// Its value, which may be a secret.
    pub(crate) value: HiddenText,
    /// The kind of its value in the file.
    pub(crate) kind: EnvValueKind,
    /// The line, counted from 1.
    pub(crate) line: usize,
}

/// The kind of a variable's value in a settings file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum EnvValueKind {
    /// A text.
    Text,
    /// A number or a boolean.
    Scalar,
    /// `null`, a list or an object.
    Other,
}

/// A command that prints a credential.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HelperSetting {
    /// The shell command line; empty turns a helper off. It may contain a secret.
    pub command: HiddenText,
    /// The line, counted from 1.
    pub line: usize,
}

/// A setting that starts a program or controls logins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OtherSetting {
    /// Its key, one of [`OtherSetting::KEYS`].
    pub(crate) key: &'static str,
    /// The line, counted from 1.
    pub(crate) line: usize,
}

impl OtherSetting {
    /// The keys that are checked (docs/facts.md#claude-code).
    pub(crate) const KEYS: [&'static str; 8] = [
        "awsAuthRefresh",
        "awsCredentialExport",
        "forceLoginMethod",
        "forceLoginOrgUUID",
        "gcpAuthRefresh",
        "hooks",
        "otelHeadersHelper",
        "statusLine",
    ];
}

impl ClaudeSettings {
    /// Parses the text of a settings file. Empty text is an empty file.
    ///
    /// # Errors
    /// [`SettingsFileError`] if it is not a JSON object, or a checked setting has the wrong type.
    pub fn parse(text: &str) -> Result<Self, SettingsFileError> {
        Self::parse_as(text, WrongType::IgnoresFile)
    }

    fn parse_as(text: &str, rule: WrongType) -> Result<Self, SettingsFileError> {
        // Claude Code does the same (docs/facts.md#claude-code-files).
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let lines = Lines(text);
        let damage = |error: &serde_json::Error| SettingsFileError {
            line: error.line().max(1),
            is_object: false,
            is_empty: false,
        };
        let wrong_type = |line| SettingsFileError {
            line,
            is_object: true,
            is_empty: false,
        };
        let Entries(top) = serde_json::from_str(text).map_err(|error| damage(&error))?;
        let mut settings = Self::default();
        for (key, raw) in top {
            let line = lines.line_of(raw);
            let invalid = |_| wrong_type(line);
            match (has_known_type(&key, raw), rule) {
                (true, _) => {}
                (false, WrongType::IgnoresFile) => return Err(wrong_type(line)),
                (false, WrongType::IgnoresSetting) => continue,
            }
            match key.as_str() {
                "env" => {
                    settings.env = variables(raw, lines).map_err(|()| wrong_type(line))?;
                }
                "apiKeyHelper" => {
                    let command = serde_json::from_str(raw.get()).map_err(invalid)?;
                    settings.helper = Some(HelperSetting {
                        command: HiddenText::new(command),
                        line,
                    });
                }
                _ => {
                    let known = OtherSetting::KEYS.into_iter().find(|known| *known == key);
                    let setting = known.map(|key| OtherSetting { key, line });
                    if let (Some(logins), Some(setting)) = (demanded_logins(&key, raw), &setting) {
                        settings.login_demand = Some(LoginDemand {
                            setting: setting.clone(),
                            logins,
                        });
                    }
                    settings.others.extend(setting);
                }
            }
        }
        Ok(settings)
    }

    /// Returns the last setting of a variable in this file, which is the one that counts.
    pub(crate) fn variable(&self, name: &str) -> Option<&EnvSetting> {
        self.env.iter().rev().find(|setting| setting.name == name)
    }
}

/// The effect of a setting of the wrong type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WrongType {
    /// The whole file is ignored.
    IgnoresFile,
    /// The setting alone is ignored.
    IgnoresSetting,
}

/// Returns the logins that a setting of an administrator demands, or `None` if it demands none.
fn demanded_logins(key: &str, raw: &RawValue) -> Option<DemandedLogins> {
    let value = serde_json::from_str::<Value>(raw.get()).unwrap_or_default();
    match (key, &value) {
        ("forceLoginMethod", Value::String(method)) if method == "claudeai" => {
            Some(DemandedLogins::Some)
        }
        ("forceLoginMethod", Value::String(method)) if method == "console" => {
            Some(DemandedLogins::Some)
        }
        ("forceLoginOrgUUID", Value::Array(organizations)) if organizations.is_empty() => {
            Some(DemandedLogins::None)
        }
        ("forceLoginOrgUUID", Value::String(_) | Value::Array(_) | Value::Number(_)) => {
            Some(DemandedLogins::Some)
        }
        _ => None,
    }
}

/// Settings that must be text, or Claude Code ignores the whole file (docs/facts.md#claude-code-files).
const TEXTS: [&str; 8] = [
    "$schema",
    "apiKeyHelper",
    "awsAuthRefresh",
    "awsCredentialExport",
    "gcpAuthRefresh",
    "model",
    "otelHeadersHelper",
    "outputStyle",
];

/// Returns `true` if a setting has the type that Claude Code wants, or is not known to have one.
fn has_known_type(key: &str, raw: &RawValue) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(raw.get()) else {
        return true;
    };
    match key {
        _ if TEXTS.contains(&key) => value.is_string(),
        "env" => value.is_object(),
        "includeCoAuthoredBy" => value.is_boolean(),
        "cleanupPeriodDays" => value.as_f64().is_some_and(|days| days >= 0.0),
        "permissions" => {
            let is_list = |list| match value.get(list) {
                None => true,
                Some(Value::Array(rules)) => rules.iter().all(Value::is_string),
                Some(
                    Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Object(_),
                ) => false,
            };
            value.is_object() && ["allow", "ask", "deny"].into_iter().all(is_list)
        }
        _ => true,
    }
}

/// Settings, other than `env` and the helper, that run a program to get a credential or a header.
const CREDENTIAL_PROGRAMS: [&str; 4] = [
    "awsAuthRefresh",
    "awsCredentialExport",
    "gcpAuthRefresh",
    "otelHeadersHelper",
];

/// Returns `true` if a setting runs a program to get a credential or a header.
pub(crate) fn runs_credential_program(key: &str) -> bool {
    CREDENTIAL_PROGRAMS.contains(&key)
}

/// Returns `true` if a setting runs a program, which then sees the environment.
pub(crate) fn starts_program(key: &str) -> bool {
    runs_credential_program(key) || matches!(key, "hooks" | "statusLine")
}

/// Parses `env`. A value of another type counts as its text.
pub(super) fn variables(raw: &RawValue, lines: Lines<'_>) -> Result<Vec<EnvSetting>, ()> {
    let Entries(entries) = match serde_json::from_str(raw.get()) {
        Ok(Some(entries)) => entries,
        Ok(None) => return Ok(Vec::new()),
        Err(_) => return Err(()),
    };
    let setting = |(name, raw): (String, &RawValue)| {
        let value = serde_json::from_str(raw.get()).map_err(|_| ())?;
        let kind = match value {
            Value::String(_) => EnvValueKind::Text,
            Value::Number(_) | Value::Bool(_) => EnvValueKind::Scalar,
            Value::Null | Value::Array(_) | Value::Object(_) => EnvValueKind::Other,
        };
        Ok(EnvSetting {
            name,
            kind,
            value: HiddenText::new(to_javascript_text(&value)),
            line: lines.line_of(raw),
        })
    };
    entries.into_iter().map(setting).collect()
}

/// An object's entries in file order, with unparsed values.
pub(crate) struct Entries<'a>(pub(crate) Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}

/// The text of a file, for finding the line number of a value in it.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a>(pub(super) &'a str);

impl Lines<'_> {
    pub(super) fn line_of(self, part: &RawValue) -> usize {
        // A raw value is borrowed from the text, so the distance is its offset.
        let offset = part
            .get()
            .as_ptr()
            .addr()
            .saturating_sub(self.0.as_ptr().addr());
        let before = self.0.get(..offset).unwrap_or(self.0);
        before.matches('\n').count() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_parsed_with_their_lines() {
        let settings = ClaudeSettings::parse(
            "{\n  \"env\": {\n    \"A\": \"one\",\n    \"B\": 2, \"A\": \"three\",\n    \"C\": null\n  },\n  \
             \"apiKeyHelper\": \"~/key\",\n  \"hooks\": {}, \"theme\": \"dark\"\n}",
        )
        .unwrap();
        let variable = |name| {
            settings
                .variable(name)
                .map(|setting| (setting.value.inspect(), setting.line))
        };
        assert_eq!(variable("A"), Some(("three", 4)));
        assert_eq!(variable("B"), Some(("2", 4)));
        assert_eq!(variable("C"), Some(("null", 5)));
        let helper = settings.helper.unwrap();
        assert_eq!((helper.command.inspect(), helper.line), ("~/key", 7));
        assert_eq!(
            settings.others,
            [OtherSetting {
                key: "hooks",
                line: 8
            }]
        );
    }

    /// F-02: a setting of the wrong type makes Claude Code ignore its file.
    #[test]
    fn invalid_settings_are_reported_with_the_line() {
        for (text, line, is_object) in [
            ("[]", 1, false),
            ("{\n\"env\": {\n", 3, false),
            ("{\n\"env\": []}", 2, true),
            ("{\n\n\"apiKeyHelper\": 3}", 3, true),
            ("{\"apiKeyHelper\": null}", 1, true),
            ("{\"env\": null}", 1, true),
            ("{\"model\": null}", 1, true),
            ("{\"$schema\": 7}", 1, true),
            ("{\"outputStyle\": []}", 1, true),
            ("{\"awsAuthRefresh\": 7}", 1, true),
            ("{\"includeCoAuthoredBy\": \"yes\"}", 1, true),
            ("{\"cleanupPeriodDays\": -1}", 1, true),
            ("{\"cleanupPeriodDays\": \"1\"}", 1, true),
            ("{\"permissions\": \"x\"}", 1, true),
            ("{\"permissions\": {\"allow\": 7}}", 1, true),
        ] {
            assert_eq!(
                ClaudeSettings::parse(text),
                Err(SettingsFileError {
                    line,
                    is_object,
                    is_empty: false
                }),
                "{text:?}"
            );
        }
        assert_eq!(ClaudeSettings::parse(" \n"), Ok(ClaudeSettings::default()));
        for text in [
            "{\"unknown\": 7, \"forceLoginMethod\": 7, \"disableAllHooks\": 7}",
            "{\"permissions\": {\"allow\": [\"Bash(\"], \"deny\": []}, \"cleanupPeriodDays\": 30}",
        ] {
            assert!(ClaudeSettings::parse(text).is_ok(), "{text}");
        }
    }
}
