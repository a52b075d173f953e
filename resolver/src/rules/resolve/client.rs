//! The clients whose credential chain is known.

use std::fmt;
use std::str::FromStr;

use crate::rules::claude_code::{Arguments, Mode, SettingSources};

/// A program that looks for a credential, in the version whose rules apply.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ClientProgram {
    /// Claude Code.
    ClaudeCode {
        /// The release whose rules it follows.
        release: Release,
        /// The mode it is started in.
        mode: Mode,
        /// The settings files it reads.
        sources: SettingSources,
    },
    /// The Python SDK.
    SdkPython(PythonMajor),
    /// The TypeScript SDK.
    SdkTypescript(TypescriptMajor),
    /// keyreeve itself: the profile that `exec`, `ask` and `check` would use here.
    Keyreeve,
}

/// An observed release of Claude Code. A version between two follows the older.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Release {
    /// 2.1.197 and older.
    V2_1_197,
    /// 2.1.260
    V2_1_260,
    /// 2.1.329
    V2_1_329,
    /// 2.1.332, the latest observed, and newer. It has the rules of 2.1.329.
    #[default]
    V2_1_332,
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
    /// 0.x
    Zero,
    /// 1.x, the latest.
    One,
}

/// A name that is not a known client.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "unknown client {0:?}; use claude-code, bare, sdk-python, sdk-typescript or keyreeve; a version may follow, such as \
     claude-code@2.1.332 or sdk-python@1"
)]
pub struct UnknownClientError(pub(super) String);

impl Release {
    /// Every observed release, oldest first.
    pub(crate) const ALL: [Self; 4] = [
        Self::V2_1_197,
        Self::V2_1_260,
        Self::V2_1_329,
        Self::V2_1_332,
    ];

    /// Returns the release whose rules a version follows, or `None` if the text is not a version.
    pub(crate) fn from_version(text: &str) -> Option<Self> {
        let numbers = three_numbers(text)?;
        let is_reached =
            |release: &Self| three_numbers(release.version()).is_some_and(|first| first <= numbers);
        Some(
            Self::ALL
                .into_iter()
                .rev()
                .find(is_reached)
                .unwrap_or(Self::V2_1_197),
        )
    }

    /// Returns the observed version.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::V2_1_197 => "2.1.197",
            Self::V2_1_260 => "2.1.260",
            Self::V2_1_329 => "2.1.329",
            Self::V2_1_332 => "2.1.332",
        }
    }
}

impl PythonMajor {
    /// Returns the number of the major version.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Zero => 0,
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

impl TypescriptMajor {
    /// Returns the number of the major version.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Zero => 0,
            Self::One => 1,
        }
    }
}

impl ClientProgram {
    /// Claude Code in print mode, as a script starts it, in the latest release observed.
    pub const CLAUDE_CODE: Self = Self::claude_code(Release::V2_1_332, Mode::Print);

    /// Every client and version.
    pub const ALL: [Self; 11] = [
        Self::CLAUDE_CODE,
        Self::claude_code(Release::V2_1_329, Mode::Print),
        Self::claude_code(Release::V2_1_260, Mode::Print),
        Self::claude_code(Release::V2_1_197, Mode::Print),
        Self::claude_code(Release::V2_1_332, Mode::Bare),
        Self::SdkPython(PythonMajor::Zero),
        Self::SdkPython(PythonMajor::One),
        Self::SdkPython(PythonMajor::Two),
        Self::SdkTypescript(TypescriptMajor::Zero),
        Self::SdkTypescript(TypescriptMajor::One),
        Self::Keyreeve,
    ];

    /// The newest version of each client other than keyreeve.
    pub const LATEST: [Self; 3] = [
        Self::CLAUDE_CODE,
        Self::SdkPython(PythonMajor::Two),
        Self::SdkTypescript(TypescriptMajor::One),
    ];

    /// Returns Claude Code in a release, in print mode as a script starts it.
    pub fn claude_code_release(release: Release) -> Self {
        Self::claude_code(release, Mode::Print)
    }

    const fn claude_code(release: Release, mode: Mode) -> Self {
        Self::ClaudeCode {
            release,
            mode,
            sources: SettingSources::ALL,
        }
    }

    /// Returns the client with the arguments of a command line; only Claude Code has arguments that matter.
    #[must_use]
    pub fn with_arguments(self, arguments: &Arguments) -> Self {
        match self {
            Self::ClaudeCode { release, .. } => Self::ClaudeCode {
                release,
                mode: arguments.mode,
                sources: arguments.sources,
            },
            Self::SdkPython(_) | Self::SdkTypescript(_) | Self::Keyreeve => self,
        }
    }

    /// Returns `true` if it asks the user before it uses a key from its environment, and ignores a rejected one
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

    /// Returns `true` if it adds a beta value to requests that carry an OAuth token.
    pub(super) fn sends_oauth_beta(self) -> bool {
        match self {
            Self::ClaudeCode { .. } | Self::SdkPython(_) | Self::SdkTypescript(_) => true,
            Self::Keyreeve => false,
        }
    }
}

impl fmt::Display for ClientProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClaudeCode { release, mode, .. } => {
                let bare = match mode {
                    Mode::Print | Mode::Interactive => "",
                    Mode::Bare => " --bare",
                };
                write!(f, "claude-code@{}{bare}", release.version())
            }
            Self::SdkPython(major) => write!(f, "sdk-python@{}", major.number()),
            Self::SdkTypescript(major) => write!(f, "sdk-typescript@{}", major.number()),
            Self::Keyreeve => f.write_str("keyreeve"),
        }
    }
}

impl FromStr for ClientProgram {
    type Err = UnknownClientError;

    /// Parses a name with or without a version. Without one, the latest is used; of an SDK's version only the major
    /// counts. A version that is not known is read as the nearest known one.
    fn from_str(text: &str) -> Result<Self, UnknownClientError> {
        let unknown = || UnknownClientError(text.to_owned());
        let (name, version) = match text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let major = || match version {
            None => Ok(u32::MAX),
            Some(version) => major(version).ok_or_else(unknown),
        };
        match (name, version) {
            ("claude-code" | "claude", None) => Ok(Self::CLAUDE_CODE),
            ("claude-code" | "claude", Some(version)) => Release::from_version(version)
                .map(Self::claude_code_release)
                .ok_or_else(unknown),
            ("bare", None) => Ok(Self::claude_code(Release::default(), Mode::Bare)),
            ("sdk-python", _) => Ok(Self::SdkPython(match major()? {
                0 => PythonMajor::Zero,
                1 => PythonMajor::One,
                _ => PythonMajor::Two,
            })),
            ("sdk-typescript", _) => Ok(Self::SdkTypescript(match major()? {
                0 => TypescriptMajor::Zero,
                _ => TypescriptMajor::One,
            })),
            ("keyreeve", None) => Ok(Self::Keyreeve),
            _ => Err(unknown()),
        }
    }
}

/// Returns the first of a version's numbers, or `None` if it is not a version: up to three numbers.
fn major(version: &str) -> Option<u32> {
    let numbers: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    numbers
        .filter(|numbers| numbers.len() <= 3)?
        .first()
        .copied()
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
    fn names_parse_back() {
        for client in ClientProgram::ALL {
            let name = client.to_string();
            match name.split_once(' ') {
                None => assert_eq!(name.parse(), Ok(client)),
                Some(_) => assert_eq!("bare".parse(), Ok(client)),
            }
        }
        assert_eq!(
            "sdk-python".parse(),
            Ok(ClientProgram::SdkPython(PythonMajor::Two))
        );
        assert_eq!(
            "sdk-python@1.17.0".parse(),
            Ok(ClientProgram::SdkPython(PythonMajor::One))
        );
        assert_eq!("claude".parse(), Ok(ClientProgram::CLAUDE_CODE));
        assert_eq!(
            "sdk-python@3".parse(),
            Ok(ClientProgram::SdkPython(PythonMajor::Two))
        );
    }

    #[test]
    fn version_follows_the_newest_release_it_reaches() {
        for (version, release) in [
            ("2.1.329", Some(Release::V2_1_329)),
            ("2.1.331", Some(Release::V2_1_329)),
            ("2.1.332", Some(Release::V2_1_332)),
            ("2.2.0", Some(Release::V2_1_332)),
            ("2.1.328", Some(Release::V2_1_260)),
            ("2.1.259", Some(Release::V2_1_197)),
            ("1.0.0", Some(Release::V2_1_197)),
            ("2.1", None),
            ("2.1.329.4", None),
            ("latest", None),
        ] {
            assert_eq!(Release::from_version(version), release, "{version}");
        }
    }

    #[test]
    fn unknown_names_are_refused() {
        for text in [
            "",
            "Claude-Code",
            "sdk-python@",
            "sdk-python@2.x",
            "sdk-python@2.0.0.0",
            "bare@2.1.329",
        ] {
            assert!(text.parse::<ClientProgram>().is_err(), "{text:?}");
        }
    }
}
