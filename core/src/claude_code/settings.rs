//! One settings file of Claude Code: the variables and commands in it that decide who pays, each with its line.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::snapshot::Hidden;

/// A settings file that is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SettingsFile {
    /// Whose settings these are.
    pub scope: Scope,
    /// Where the file lies; for settings given on the command line, `--settings`.
    pub path: String,
    /// What is in it.
    pub state: SettingsState,
}

/// Whose settings a file holds, the strongest first (docs/facts.md#claude-code).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// The organization's, set by an administrator.
    Managed,
    /// Given with `--settings`.
    Flag,
    /// The person's own for this project: `.claude/settings.local.json`.
    Local,
    /// The project's: `.claude/settings.json`.
    Project,
    /// The person's: `settings.json` in Claude Code's directory.
    User,
}

impl Scope {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Managed => "managed",
            Self::Flag => "flag",
            Self::Local => "local",
            Self::Project => "project",
            Self::User => "user",
        }
    }
}

/// What a settings file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingsState {
    /// Settings.
    Read(Settings),
    /// Something else: Claude Code passes the whole file over.
    Damaged(Damage),
    /// We may not read it.
    Unreadable,
}

/// Where a settings file stops being one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it is no JSON object from line {line} on")]
pub struct Damage {
    /// The line, the first being 1.
    pub line: usize,
}

/// The settings that decide who pays.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The variables set for every session, as the file orders them. Of a name that comes twice the last counts.
    pub env: Vec<EnvSetting>,
    /// `apiKeyHelper`.
    pub helper: Option<HelperSetting>,
    /// Other settings that start programs or send things elsewhere.
    pub others: Vec<OtherSetting>,
}

/// A variable that a settings file sets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvSetting {
    /// Its name.
    pub name: String,
    /// Its value, which may be a secret.
    pub value: Hidden,
    /// The line, the first being 1.
    pub line: usize,
}

/// A command that prints a credential.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HelperSetting {
    /// The shell command line; empty switches a helper off. It may hold a secret.
    pub command: Hidden,
    /// The line, the first being 1.
    pub line: usize,
}

/// A setting that starts a program or decides on logins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OtherSetting {
    /// Its key, one of [`OtherSetting::KEYS`].
    pub key: &'static str,
    /// The line, the first being 1.
    pub line: usize,
}

impl OtherSetting {
    /// The keys that are looked for (docs/facts.md#claude-code).
    pub const KEYS: [&'static str; 8] = [
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

impl Settings {
    /// Reads the text of a settings file. An empty text is an empty file.
    ///
    /// # Errors
    /// [`Damage`] where it is no JSON object, or a setting that is looked for has the wrong type.
    pub fn parse(text: &str) -> Result<Self, Damage> {
        // Claude Code does so too (docs/facts.md#claude-code-files).
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let lines = Lines(text);
        let damage = |error: &serde_json::Error| Damage {
            line: error.line().max(1),
        };
        let Entries(top) = serde_json::from_str(text).map_err(|error| damage(&error))?;
        let mut settings = Self::default();
        for (key, raw) in top {
            let line = lines.of(raw);
            let wrong = |_| Damage { line };
            match key.as_str() {
                "env" => settings.env = variables(raw, lines).map_err(|()| Damage { line })?,
                "apiKeyHelper" => {
                    let command: Option<String> = serde_json::from_str(raw.get()).map_err(wrong)?;
                    settings.helper = command.map(|command| HelperSetting {
                        command: Hidden::new(command),
                        line,
                    });
                }
                _ => settings.others.extend(
                    OtherSetting::KEYS
                        .into_iter()
                        .find(|known| *known == key)
                        .map(|key| OtherSetting { key, line }),
                ),
            }
        }
        Ok(settings)
    }

    /// The variable as this file sets it.
    pub fn variable(&self, name: &str) -> Option<&EnvSetting> {
        self.env.iter().rev().find(|setting| setting.name == name)
    }
}

/// Reads `env`. A number or a truth value counts as its text.
fn variables(raw: &RawValue, lines: Lines<'_>) -> Result<Vec<EnvSetting>, ()> {
    let Entries(entries) = match serde_json::from_str(raw.get()) {
        Ok(Some(entries)) => entries,
        Ok(None) => return Ok(Vec::new()),
        Err(_) => return Err(()),
    };
    let setting = |(name, raw): (String, &RawValue)| {
        let line = lines.of(raw);
        let value = match serde_json::from_str(raw.get()) {
            Ok(serde_json::Value::String(text)) => text,
            Ok(serde_json::Value::Number(_) | serde_json::Value::Bool(_)) => raw.get().to_owned(),
            _ => return None,
        };
        Some(EnvSetting {
            name,
            value: Hidden::new(value),
            line,
        })
    };
    Ok(entries.into_iter().filter_map(setting).collect())
}

/// An object's entries as they are written, their values unread.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
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

        deserializer.deserialize_map(Each)
    }
}

/// A text, to find the line in which a part of it stands.
#[derive(Clone, Copy)]
struct Lines<'a>(&'a str);

impl Lines<'_> {
    fn of(self, part: &RawValue) -> usize {
        // A raw value borrowed from the text lies within it, so the distance is its offset.
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
    fn what_decides_is_read_with_its_line() {
        let settings = Settings::parse(
            "{\n  \"env\": {\n    \"A\": \"one\",\n    \"B\": 2, \"A\": \"three\",\n    \"C\": null\n  },\n  \
             \"apiKeyHelper\": \"~/key\",\n  \"hooks\": {}, \"theme\": \"dark\"\n}",
        )
        .unwrap();
        let variable = |name| {
            settings
                .variable(name)
                .map(|setting| (setting.value.judge(), setting.line))
        };
        assert_eq!(variable("A"), Some(("three", 4)));
        assert_eq!(variable("B"), Some(("2", 4)));
        assert_eq!(variable("C"), None);
        let helper = settings.helper.unwrap();
        assert_eq!((helper.command.judge(), helper.line), ("~/key", 7));
        assert_eq!(
            settings.others,
            [OtherSetting {
                key: "hooks",
                line: 8
            }]
        );
    }

    #[test]
    fn what_is_no_settings_file_is_told_with_the_line() {
        for (text, line) in [
            ("[]", 1),
            ("{\n\"env\": {\n", 3),
            ("{\n\"env\": []}", 2),
            ("{\n\n\"apiKeyHelper\": 3}", 3),
        ] {
            assert_eq!(Settings::parse(text), Err(Damage { line }), "{text:?}");
        }
        assert_eq!(Settings::parse(" \n"), Ok(Settings::default()));
    }
}
