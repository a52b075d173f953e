//! The programs whose choice of a credential is known.

use std::fmt;
use std::str::FromStr;

/// A program that looks for a credential, in the version whose rules apply.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Client {
    /// Claude Code.
    ClaudeCode,
    /// The Python SDK.
    SdkPython(PythonMajor),
    /// The TypeScript SDK.
    SdkTypescript(TypescriptMajor),
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
    "no client {0:?} is known: name one of claude-code, sdk-python (@0, @1, @2), sdk-typescript (@1)"
)]
pub struct UnknownClient(String);

impl Client {
    /// Every client and version.
    pub const ALL: [Self; 5] = [
        Self::ClaudeCode,
        Self::SdkPython(PythonMajor::Zero),
        Self::SdkPython(PythonMajor::One),
        Self::SdkPython(PythonMajor::Two),
        Self::SdkTypescript(TypescriptMajor::One),
    ];

    fn name(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::SdkPython(PythonMajor::Zero) => "sdk-python@0",
            Self::SdkPython(PythonMajor::One) => "sdk-python@1",
            Self::SdkPython(PythonMajor::Two) => "sdk-python@2",
            Self::SdkTypescript(TypescriptMajor::One) => "sdk-typescript@1",
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Client {
    type Err = UnknownClient;

    /// Reads a name with or without its major version; without, the latest is meant.
    fn from_str(text: &str) -> Result<Self, UnknownClient> {
        match text {
            "sdk-python" => Ok(Self::SdkPython(PythonMajor::Two)),
            "sdk-typescript" => Ok(Self::SdkTypescript(TypescriptMajor::One)),
            _ => Self::ALL
                .into_iter()
                .find(|client| client.name() == text)
                .ok_or_else(|| UnknownClient(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for client in Client::ALL {
            assert_eq!(client.to_string().parse(), Ok(client));
        }
        assert_eq!(
            "sdk-python".parse(),
            Ok(Client::SdkPython(PythonMajor::Two))
        );
        assert_eq!(
            "sdk-typescript".parse(),
            Ok(Client::SdkTypescript(TypescriptMajor::One))
        );
    }

    #[test]
    fn other_names_are_refused() {
        for text in [
            "",
            "claude",
            "Claude-Code",
            "sdk-python@3",
            "sdk-typescript@0",
            "sdk-python@",
        ] {
            assert!(text.parse::<Client>().is_err(), "{text:?}");
        }
    }
}
