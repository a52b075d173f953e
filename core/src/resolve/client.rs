//! The programs whose choice of a credential is known.

use std::fmt;
use std::str::FromStr;

use crate::claude_code::{Arguments, Mode, SettingSources};

/// A program that looks for a credential, in the version whose rules apply.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Client {
    /// Claude Code.
    ClaudeCode {
        /// The release whose rules it follows.
        release: Release,
        /// How it is started.
        mode: Mode,
        /// The settings files it reads.
        sources: SettingSources,
    },
    /// The Python SDK.
    SdkPython(PythonMajor),
    /// The TypeScript SDK.
    SdkTypescript(TypescriptMajor),
    /// keyreeve itself: what `exec`, `ask` and `check` would use here.
    Keyreeve,
}

/// A release of Claude Code from which on other rules apply. What lies between two follows the older.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Release {
    /// 2.1.197, and whatever is older.
    V2_1_197,
    /// 2.1.329, the latest observed, and whatever is newer.
    #[default]
    V2_1_329,
}

/// A major version of the Python SDK.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PythonMajor {
    /// 0.x
    Zero,
    /// 1.x
    One,
    /// 2.x, the latest.
    Two,
}

/// A major version of the TypeScript SDK.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TypescriptMajor {
    /// 1.x, the latest.
    One,
}

/// A name that is no known client's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "no client {0:?} is known: name one of claude-code (@VERSION), bare, sdk-python (@0, @1, @2), sdk-typescript (@1), keyreeve"
)]
pub struct UnknownClient(String);

impl Release {
    /// Every release with rules of its own, the oldest first.
    pub const ALL: [Self; 2] = [Self::V2_1_197, Self::V2_1_329];

    /// The release whose rules a version follows; none where the text is no version.
    pub fn of_version(text: &str) -> Option<Self> {
        let numbers = three_numbers(text)?;
        let reached =
            |release: &Self| three_numbers(release.version()).is_some_and(|its| its <= numbers);
        Some(
            Self::ALL
                .into_iter()
                .rev()
                .find(reached)
                .unwrap_or(Self::V2_1_197),
        )
    }

    /// The version that was observed.
    pub fn version(self) -> &'static str {
        match self {
            Self::V2_1_197 => "2.1.197",
            Self::V2_1_329 => "2.1.329",
        }
    }
}

impl Client {
    /// Claude Code as it is usually started by a script, in the latest release observed.
    pub const CLAUDE_CODE: Self = Self::claude_code(Release::V2_1_329, Mode::Print);

    /// Every client and version.
    pub const ALL: [Self; 8] = [
        Self::CLAUDE_CODE,
        Self::claude_code(Release::V2_1_197, Mode::Print),
        Self::claude_code(Release::V2_1_329, Mode::Bare),
        Self::SdkPython(PythonMajor::Zero),
        Self::SdkPython(PythonMajor::One),
        Self::SdkPython(PythonMajor::Two),
        Self::SdkTypescript(TypescriptMajor::One),
        Self::Keyreeve,
    ];

    /// The newest version of each client that other programs are.
    pub const LATEST: [Self; 3] = [
        Self::CLAUDE_CODE,
        Self::SdkPython(PythonMajor::Two),
        Self::SdkTypescript(TypescriptMajor::One),
    ];

    /// Claude Code in a release, as it is usually started by a script.
    pub fn of_release(release: Release) -> Self {
        Self::claude_code(release, Mode::Print)
    }

    const fn claude_code(release: Release, mode: Mode) -> Self {
        Self::ClaudeCode {
            release,
            mode,
            sources: SettingSources::ALL,
        }
    }

    /// The client as a command line starts it; clients other than Claude Code have no deciding arguments.
    #[must_use]
    pub fn started_with(self, arguments: &Arguments) -> Self {
        match self {
            Self::ClaudeCode { release, .. } => Self::ClaudeCode {
                release,
                mode: arguments.mode,
                sources: arguments.sources,
            },
            Self::SdkPython(_) | Self::SdkTypescript(_) | Self::Keyreeve => self,
        }
    }

    /// The program's name, without a version.
    pub fn program(self) -> &'static str {
        match self {
            Self::ClaudeCode { .. } => "claude-code",
            Self::SdkPython(_) => "sdk-python",
            Self::SdkTypescript(_) => "sdk-typescript",
            Self::Keyreeve => "keyreeve",
        }
    }

    /// Whether it asks a person before it uses a key of its environment, and passes over one that was refused
    /// (docs/facts.md#claude-code).
    pub(crate) fn asks_about_keys(self) -> bool {
        match self {
            Self::ClaudeCode { mode, .. } => match mode {
                Mode::Interactive => true,
                Mode::Print | Mode::Bare => false,
            },
            Self::SdkPython(_) | Self::SdkTypescript(_) | Self::Keyreeve => false,
        }
    }

    /// Whether it marks requests that carry an OAuth token.
    pub(super) fn marks_oauth(self) -> bool {
        match self {
            Self::ClaudeCode { .. } | Self::SdkPython(_) | Self::SdkTypescript(_) => true,
            Self::Keyreeve => false,
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClaudeCode {
                release: Release::V2_1_329,
                mode,
                ..
            } => match mode {
                Mode::Print | Mode::Interactive => "claude-code@2.1.329",
                Mode::Bare => "claude-code@2.1.329 --bare",
            },
            Self::ClaudeCode {
                release: Release::V2_1_197,
                mode,
                ..
            } => match mode {
                Mode::Print | Mode::Interactive => "claude-code@2.1.197",
                Mode::Bare => "claude-code@2.1.197 --bare",
            },
            Self::SdkPython(PythonMajor::Zero) => "sdk-python@0",
            Self::SdkPython(PythonMajor::One) => "sdk-python@1",
            Self::SdkPython(PythonMajor::Two) => "sdk-python@2",
            Self::SdkTypescript(TypescriptMajor::One) => "sdk-typescript@1",
            Self::Keyreeve => "keyreeve",
        })
    }
}

impl FromStr for Client {
    type Err = UnknownClient;

    /// Reads a name with or without its version; without, the latest is meant. Of an SDK any version counts by its major.
    fn from_str(text: &str) -> Result<Self, UnknownClient> {
        let unknown = || UnknownClient(text.to_owned());
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let major = version.map(|version| version.split('.').next().unwrap_or_default());
        match (name, version, major) {
            ("claude-code" | "claude", None, _) => Ok(Self::CLAUDE_CODE),
            ("claude-code" | "claude", Some(version), _) => Release::of_version(version)
                .map(|release| Self::claude_code(release, Mode::Print))
                .ok_or_else(unknown),
            ("bare", None, _) => Ok(Self::claude_code(Release::default(), Mode::Bare)),
            ("sdk-python", _, None | Some("2")) => Ok(Self::SdkPython(PythonMajor::Two)),
            ("sdk-python", _, Some("1")) => Ok(Self::SdkPython(PythonMajor::One)),
            ("sdk-python", _, Some("0")) => Ok(Self::SdkPython(PythonMajor::Zero)),
            ("sdk-typescript", _, None | Some("1")) => {
                Ok(Self::SdkTypescript(TypescriptMajor::One))
            }
            ("keyreeve", None, _) => Ok(Self::Keyreeve),
            _ => Err(unknown()),
        }
    }
}

fn three_numbers(version: &str) -> Option<[u32; 3]> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for client in Client::ALL {
            let name = client.to_string();
            match name.split_once(' ') {
                None => assert_eq!(name.parse(), Ok(client)),
                Some(_) => assert_eq!("bare".parse(), Ok(client)),
            }
        }
        assert_eq!(
            "sdk-python".parse(),
            Ok(Client::SdkPython(PythonMajor::Two))
        );
        assert_eq!(
            "sdk-python@1.17.0".parse(),
            Ok(Client::SdkPython(PythonMajor::One))
        );
        assert_eq!("claude".parse(), Ok(Client::CLAUDE_CODE));
    }

    #[test]
    fn a_version_follows_the_newest_rules_it_has_reached() {
        for (version, release) in [
            ("2.1.329", Some(Release::V2_1_329)),
            ("2.2.0", Some(Release::V2_1_329)),
            ("2.1.328", Some(Release::V2_1_197)),
            ("1.0.0", Some(Release::V2_1_197)),
            ("2.1", None),
            ("2.1.329.4", None),
            ("latest", None),
        ] {
            assert_eq!(Release::of_version(version), release, "{version}");
        }
    }

    #[test]
    fn other_names_are_refused() {
        for text in [
            "",
            "Claude-Code",
            "sdk-python@3",
            "sdk-typescript@0",
            "sdk-python@",
            "bare@2.1.329",
        ] {
            assert!(text.parse::<Client>().is_err(), "{text:?}");
        }
    }
}
