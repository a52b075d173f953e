//! The client that a user names, and whether its version was observed.

use std::str::FromStr;

use super::client::{ClientProgram, Release, UnknownClientError};

/// The observed versions of the Python SDK (docs/facts.md#clients).
const PYTHON: [&str; 4] = ["0.125.0", "1.17.0", "2.11.0", "2.14.0"];
/// The observed versions of the TypeScript SDK.
const TYPESCRIPT: [&str; 3] = ["0.122.0", "1.11.0", "1.14.0"];

/// A client as named by a user: a version that was not observed is resolved as the nearest known one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestedClient {
    /// The client whose rules apply.
    pub client: ClientProgram,
    /// The name with the version that was not observed.
    unobserved: Option<String>,
}

impl RequestedClient {
    /// Returns a sentence, without a full stop, about a version that was not observed.
    pub fn note(&self) -> Option<String> {
        let name = self.unobserved.as_ref()?;
        Some(format!(
            "{name} was not observed, so the rules of {} apply, the nearest known version",
            self.client
        ))
    }
}

impl FromStr for RequestedClient {
    type Err = UnknownClientError;

    fn from_str(text: &str) -> Result<Self, UnknownClientError> {
        let client = text.parse()?;
        let version = text.split_once('@').map(|(_, version)| version);
        let is_unobserved = version.is_some_and(|version| !is_observed(client, version));
        Ok(Self {
            client,
            unobserved: is_unobserved.then(|| text.to_owned()),
        })
    }
}

fn is_observed(client: ClientProgram, version: &str) -> bool {
    // A major version alone stands for any of its versions.
    let is_any = |observed: &[&str]| {
        observed
            .iter()
            .any(|observed| *observed == version || observed.split('.').next() == Some(version))
    };
    match client {
        ClientProgram::ClaudeCode { .. } => Release::ALL
            .iter()
            .any(|release| release.version() == version),
        ClientProgram::SdkPython(_) => is_any(&PYTHON),
        ClientProgram::SdkTypescript(_) => is_any(&TYPESCRIPT),
        ClientProgram::Keyreeve => true,
    }
}

#[cfg(test)]
mod tests {
    use super::RequestedClient;

    /// F-03: a version that is not in the table is resolved by the nearest known one, and named.
    #[test]
    fn unobserved_version_is_named() {
        for (name, applies) in [
            ("claude-code@2.1.400", Some("claude-code@2.1.332")),
            ("claude-code@2.1.300", Some("claude-code@2.1.260")),
            ("claude-code@1.0.0", Some("claude-code@2.1.197")),
            ("sdk-python@3", Some("sdk-python@2")),
            ("sdk-python@2.15.0", Some("sdk-python@2")),
            ("sdk-typescript@0.99.0", Some("sdk-typescript@0")),
            ("claude-code@2.1.332", None),
            ("claude-code@2.1.329", None),
            ("claude-code", None),
            ("sdk-python@1", None),
            ("sdk-python@2.14.0", None),
            ("sdk-typescript@0.122.0", None),
            ("keyreeve", None),
        ] {
            let note = name.parse::<RequestedClient>().unwrap().note();
            let expected = applies.map(|applies| {
                format!("{name} was not observed, so the rules of {applies} apply, the nearest known version")
            });
            assert_eq!(note, expected, "{name}");
        }
    }
}
