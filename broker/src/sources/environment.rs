//! A secret in an environment variable, read when the process started.

use keyreeve_core::credential::Credential;
use keyreeve_core::profile::Profile;

use super::{SourceError, parse_fetched};
use crate::Broker;

pub(super) fn obtain(
    broker: &Broker,
    profile: &Profile,
    variable: &str,
) -> Result<Credential, SourceError> {
    match broker.environment.get(variable) {
        Some(value) => parse_fetched(profile, value),
        None => Err(SourceError::VariableNotSet(variable.to_owned())),
    }
}
