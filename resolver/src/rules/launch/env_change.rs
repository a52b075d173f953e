//! The changes to a program's environment: the variables to set, and the warnings for the user.

use std::fmt;

use keyreeve_core::origin::Origin;

/// A variable to set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EnvAssignment {
    /// Its name.
    pub name: &'static str,
    /// Its value, or `None` for the profile's secret, which a plan does not contain.
    pub value: Option<String>,
}

impl EnvAssignment {
    pub(super) fn literal(name: &'static str, text: &str) -> Self {
        Self {
            name,
            value: Some(text.to_owned()),
        }
    }

    pub(super) fn secret(name: &'static str) -> Self {
        Self { name, value: None }
    }
}

/// A warning about a launch plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LaunchWarning {
    /// A variable outside the known conflicting ones is removed.
    CredentialRemoved(String),
    /// A gateway gets its credential in another header than the profile's.
    SentAsBearer(Origin),
}

impl fmt::Display for LaunchWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CredentialRemoved(name) => {
                write!(
                    f,
                    "{name} is removed from the environment because it contains a credential"
                )
            }
            Self::SentAsBearer(origin) => write!(
                f,
                "{origin} gets the credential as `Authorization: Bearer`, since Claude Code would also send an API key to Anthropic"
            ),
        }
    }
}
