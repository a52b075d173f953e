//! The arguments of Claude Code's command line that determine who pays.

use super::SettingsScope;

/// The arguments that determine who pays.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Arguments {
    /// The mode it is started in.
    pub mode: Mode,
    /// The settings files that are read.
    pub sources: SettingSources,
    /// The value of `--settings`.
    pub settings: Option<SettingsArgument>,
}

/// The mode Claude Code is started in.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// Print mode (`-p`): it asks nothing and trusts the directory.
    #[default]
    Print,
    /// Interactive mode: it asks before it uses an API key or project settings for the first time.
    Interactive,
    /// Bare mode (`--bare`): no login, no profile, no OAuth token; a helper only from `--settings`.
    Bare,
}

/// The user and project settings files that are read: `--setting-sources`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SettingSources {
    user: bool,
    project: bool,
    local: bool,
    names: SourceNames,
}

/// The names in `--setting-sources`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum SourceNames {
    /// All of them are known.
    Known,
    /// One is not, and Claude Code does not start.
    Unknown,
}

/// The value of `--settings`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingsArgument {
    /// The settings themselves, as JSON.
    Json(String),
    /// A file that contains them.
    File(String),
}

impl Default for SettingSources {
    fn default() -> Self {
        Self::ALL
    }
}

impl SettingSources {
    /// Every file.
    pub const ALL: Self = Self {
        user: true,
        project: true,
        local: true,
        names: SourceNames::Known,
    };

    /// Returns `true` if a name is not known, with which Claude Code does not start.
    pub(crate) fn has_unknown_name(self) -> bool {
        self.names == SourceNames::Unknown
    }

    /// Returns `true` if files of this scope are read.
    pub(crate) fn includes(self, scope: SettingsScope) -> bool {
        match scope {
            SettingsScope::ManagedDropIn
            | SettingsScope::Managed
            | SettingsScope::Flag
            | SettingsScope::State => true,
            SettingsScope::Repository | SettingsScope::Local => self.local,
            SettingsScope::Project => self.project,
            SettingsScope::User | SettingsScope::ReplacedUser => self.user,
        }
    }

    fn parse(list: &str) -> Self {
        let scopes = [
            SettingsScope::User,
            SettingsScope::Project,
            SettingsScope::Local,
        ];
        let names = |scope: SettingsScope| list.split(',').any(|name| name.trim() == scope.name());
        let is_known = |name: &str| scopes.iter().any(|scope| scope.name() == name.trim());
        let [user, project, local] = scopes.map(names);
        Self {
            user,
            project,
            local,
            names: if list.is_empty() || list.split(',').all(is_known) {
                SourceNames::Known
            } else {
                SourceNames::Unknown
            },
        }
    }
}

impl Arguments {
    /// Parses a command line, without the program's name. Other arguments are ignored.
    pub fn parse<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let mut parsed = Self {
            mode: Mode::Interactive,
            ..Self::default()
        };
        let mut remaining = arguments.into_iter();
        while let Some(argument) = remaining.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value)),
                _ => (argument, None),
            };
            match name {
                "-p" | "--print" if parsed.mode == Mode::Interactive => parsed.mode = Mode::Print,
                "--bare" => parsed.mode = Mode::Bare,
                "--settings" => {
                    parsed.settings = value
                        .or_else(|| remaining.next())
                        .and_then(SettingsArgument::parse);
                }
                "--setting-sources" => {
                    if let Some(list) = value.or_else(|| remaining.next()) {
                        parsed.sources = SettingSources::parse(list);
                    }
                }
                "--" => break,
                _ => {}
            }
        }
        parsed
    }
}

impl SettingsArgument {
    /// Parses a value; an empty one counts as absent.
    fn parse(value: &str) -> Option<Self> {
        let trimmed = value.trim();
        if value.is_empty() {
            None
        } else if trimmed.starts_with('{') && trimmed.ends_with('}') {
            Some(Self::Json(value.to_owned()))
        } else {
            Some(Self::File(value.to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Arguments {
        Arguments::parse(line.split_whitespace())
    }

    #[test]
    fn flags_select_the_mode() {
        assert_eq!(parse("").mode, Mode::Interactive);
        assert_eq!(parse("-p hi").mode, Mode::Print);
        assert_eq!(parse("hi --print").mode, Mode::Print);
        assert_eq!(parse("--bare -p hi").mode, Mode::Bare);
        assert_eq!(parse("-p --bare hi").mode, Mode::Bare);
        assert_eq!(parse("-- -p").mode, Mode::Interactive);
    }

    #[test]
    fn settings_are_a_file_or_inline_json() {
        let file = |name: &str| Some(SettingsArgument::File(name.to_owned()));
        assert_eq!(parse("--settings a.json").settings, file("a.json"));
        assert_eq!(parse("--settings=b.json -p").settings, file("b.json"));
        let json = Arguments::parse(["--settings", " {\"env\": {}}"]).settings;
        assert_eq!(
            json,
            Some(SettingsArgument::Json(" {\"env\": {}}".to_owned()))
        );
        assert_eq!(parse("--settings {").settings, file("{"));
        assert_eq!(Arguments::parse(["--settings", ""]).settings, None);
    }

    /// F-02: Claude Code does not start with a name that it does not know.
    #[test]
    fn unknown_source_is_recognized() {
        for (list, expected) in [
            ("", false),
            ("user", false),
            (" user , project ", false),
            ("flag", true),
            ("user,flag", true),
            ("USER", true),
            (",", true),
            (" ", true),
        ] {
            let sources = Arguments::parse(["--setting-sources", list]).sources;
            assert_eq!(sources.has_unknown_name(), expected, "{list:?}");
        }
    }

    #[test]
    fn only_named_sources_are_read() {
        let all = SettingSources::default();
        assert!(
            all.includes(SettingsScope::User)
                && all.includes(SettingsScope::Project)
                && all.includes(SettingsScope::Local)
        );
        let none = Arguments::parse(["--setting-sources", ""]).sources;
        assert!(
            !none.includes(SettingsScope::User)
                && none.includes(SettingsScope::Managed)
                && none.includes(SettingsScope::Flag)
        );
        let some = parse("--setting-sources=user,local").sources;
        assert!(
            some.includes(SettingsScope::User)
                && !some.includes(SettingsScope::Project)
                && some.includes(SettingsScope::Local)
        );
    }
}
