//! Operations on profiles.

use keyreeve_core::profile::{Name, Profile};
use keyreeve_store::Policy;

use super::AdminError;

/// Finds a profile by name.
///
/// # Errors
/// [`AdminError::UnknownProfile`].
pub fn find_profile<'a>(policy: &'a Policy, name: &Name) -> Result<&'a Profile, AdminError> {
    let mut profiles = policy.profiles().iter();
    profiles
        .find(|profile| profile.name == *name)
        .ok_or_else(|| AdminError::UnknownProfile(name.clone()))
}
