//! The access token of an `ant auth login`, printed by Anthropic's own command line, which refreshes it when needed.
//!
//! Invariant: it is run like any other command (see [`super::command`]); its files are never read.

use std::time::Duration;

use keyreeve_core::credential::Credential;
use keyreeve_core::profile::{Name, Profile, Provenance};
use keyreeve_os::programs;

use super::SourceError;
use super::command::CredentialCommand;
use crate::Broker;

/// Time to cache its output: a printed token may expire soon after (docs/facts.md#sdk-profiles).
const CACHE_TTL: Duration = Duration::from_secs(20);

pub(super) async fn obtain(
    broker: &Broker,
    profile: &Profile,
    ant_profile: Option<&Name>,
) -> Result<Credential, SourceError> {
    let path = broker.environment.get("PATH").unwrap_or_default();
    let program = programs::find("ant", path)
        .and_then(|file| file.into_os_string().into_string().ok())
        .ok_or(SourceError::Command {
            program: "ant".to_owned(),
            what: "is not on the PATH that keyreeve was started with",
        })?;
    let program = CredentialCommand {
        argv: &argv(program, ant_profile),
        cache_ttl: CACHE_TTL,
        provenance: Provenance::AntLogin,
    };
    program.obtain(broker, profile).await
}

fn argv(program: String, ant_profile: Option<&Name>) -> Vec<String> {
    let mut argv = vec![program];
    argv.extend(["auth", "print-credentials", "--access-token"].map(ToOwned::to_owned));
    if let Some(name) = ant_profile {
        argv.extend(["--profile".to_owned(), name.to_string()]);
    }
    argv
}
