//! What of Claude Code's command line decides who pays.

use super::Scope;

/// The deciding part of a command line of Claude Code.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Arguments {
    /// How it is started.
    pub mode: Mode,
    /// Which of the settings files are read.
    pub sources: SettingSources,
    /// What `--settings` gives.
    pub settings: Option<SettingsArgument>,
}

/// How Claude Code is started.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// With `-p`: it asks nothing and trusts the directory.
    #[default]
    Print,
    /// In the terminal: it asks before it uses an API key or a project's settings for the first time.
    Interactive,
    /// With `--bare`: no login, no profile, no OAuth token; a helper only from `--settings`.
    Bare,
}

/// Which of the person's and the project's settings files are read: `--setting-sources`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SettingSources {
    user: bool,
    project: bool,
    local: bool,
}

/// What `--settings` was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SettingsArgument {
    /// The settings themselves, as JSON.
    Json(String),
    /// A file that holds them.
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
    };

    /// Whether files of this scope are read.
    pub fn include(self, scope: Scope) -> bool {
        match scope {
            Scope::Managed | Scope::Flag => true,
            Scope::Local => self.local,
            Scope::Project => self.project,
            Scope::User => self.user,
        }
    }

    fn named(list: &str) -> Self {
        let names = |scope: Scope| list.split(',').any(|name| name.trim() == scope.name());
        Self {
            user: names(Scope::User),
            project: names(Scope::Project),
            local: names(Scope::Local),
        }
    }
}

impl Arguments {
    /// Reads a command line, without the program's name. What does not decide is passed over.
    pub fn read<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let mut read = Self {
            mode: Mode::Interactive,
            ..Self::default()
        };
        let mut rest = arguments.into_iter();
        while let Some(argument) = rest.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value)),
                _ => (argument, None),
            };
            match name {
                "-p" | "--print" if read.mode == Mode::Interactive => read.mode = Mode::Print,
                "--bare" => read.mode = Mode::Bare,
                "--settings" => {
                    read.settings = value.or_else(|| rest.next()).map(SettingsArgument::read);
                }
                "--setting-sources" => {
                    if let Some(list) = value.or_else(|| rest.next()) {
                        read.sources = SettingSources::named(list);
                    }
                }
                "--" => break,
                _ => {}
            }
        }
        read
    }
}

impl SettingsArgument {
    fn read(value: &str) -> Self {
        if value.trim_start().starts_with('{') {
            Self::Json(value.to_owned())
        } else {
            Self::File(value.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Arguments {
        Arguments::read(line.split_whitespace())
    }

    #[test]
    fn the_mode_is_told_by_its_flags() {
        assert_eq!(read("").mode, Mode::Interactive);
        assert_eq!(read("-p hi").mode, Mode::Print);
        assert_eq!(read("hi --print").mode, Mode::Print);
        assert_eq!(read("--bare -p hi").mode, Mode::Bare);
        assert_eq!(read("-p --bare hi").mode, Mode::Bare);
        assert_eq!(read("-- -p").mode, Mode::Interactive);
    }

    #[test]
    fn settings_come_as_a_file_or_as_themselves() {
        let file = |name: &str| Some(SettingsArgument::File(name.to_owned()));
        assert_eq!(read("--settings a.json").settings, file("a.json"));
        assert_eq!(read("--settings=b.json -p").settings, file("b.json"));
        let json = Arguments::read(["--settings", " {\"env\": {}}"]).settings;
        assert_eq!(
            json,
            Some(SettingsArgument::Json(" {\"env\": {}}".to_owned()))
        );
    }

    #[test]
    fn only_named_sources_are_read() {
        let all = SettingSources::default();
        assert!(
            all.include(Scope::User) && all.include(Scope::Project) && all.include(Scope::Local)
        );
        let none = Arguments::read(["--setting-sources", ""]).sources;
        assert!(
            !none.include(Scope::User) && none.include(Scope::Managed) && none.include(Scope::Flag)
        );
        let some = read("--setting-sources=user,local").sources;
        assert!(
            some.include(Scope::User)
                && !some.include(Scope::Project)
                && some.include(Scope::Local)
        );
    }
}
