//! The access token of an `ant auth login`, printed by Anthropic's own command line, which renews it as it is due.
//!
//! Invariant: it is run as any other command (see [`super::command`]); nothing of its files is looked at.

use std::time::Duration;

use keyreeve_core::credential::Credential;
use keyreeve_core::profile::{Name, Profile, Provenance};
use keyreeve_os::programs;

use super::SourceError;
use super::command::Program;
use crate::Broker;

/// How long its output is used: a token that it prints may be good for little more (docs/facts.md#sdk-profiles).
const KEPT_FOR: Duration = Duration::from_secs(20);

pub(super) async fn obtain(
    broker: &Broker,
    profile: &Profile,
    theirs: Option<&Name>,
) -> Result<Credential, SourceError> {
    let path = broker.environment.get("PATH").unwrap_or_default();
    let program = programs::find("ant", path)
        .and_then(|file| file.into_os_string().into_string().ok())
        .ok_or(SourceError::Command {
            program: "ant".to_owned(),
            what: "is not on the PATH of where keyreeve was started",
        })?;
    let program = Program {
        argv: &argv(program, theirs),
        kept_for: KEPT_FOR,
        provenance: Provenance::AntLogin,
    };
    program.obtain(broker, profile).await
}

fn argv(program: String, theirs: Option<&Name>) -> Vec<String> {
    let mut argv = vec![program];
    argv.extend(["auth", "print-credentials", "--access-token"].map(ToOwned::to_owned));
    if let Some(name) = theirs {
        argv.extend(["--profile".to_owned(), name.to_string()]);
    }
    argv
}
