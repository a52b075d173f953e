//! A project setting that decides who pays or where requests go, and the settings that run programs.

use std::fmt;

/// A project setting that decides who pays or where requests go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProjectOverride {
    /// The file.
    pub(crate) path: String,
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The setting, such as `env.ANTHROPIC_BASE_URL`, or `None` if the file cannot be read.
    pub(crate) key: Option<String>,
}

impl ProjectOverride {
    /// Returns `true` if it starts a program, which would see the environment.
    pub fn starts_program(&self) -> bool {
        self.key.as_deref().is_none_or(starts_program)
    }
}

impl fmt::Display for ProjectOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, key } = self;
        match key {
            Some(key) => write!(f, "{path}:{line} sets {key}"),
            None => write!(
                f,
                "{path}:{line} cannot be read, so its settings are unknown"
            ),
        }
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
pub(super) fn starts_program(key: &str) -> bool {
    runs_credential_program(key) || matches!(key, "hooks" | "statusLine")
}
