//! A secret in an environment variable of the process, as it was when the process started.

use keyreeve_core::credential::Credential;
use keyreeve_core::profile::Profile;

use super::{SourceError, fetched};
use crate::Broker;

pub(super) fn obtain(
    broker: &Broker,
    profile: &Profile,
    variable: &str,
) -> Result<Credential, SourceError> {
    match broker.environment.get(variable) {
        Some(value) => fetched(profile, value),
        None => Err(SourceError::NoVariable(variable.to_owned())),
    }
}
