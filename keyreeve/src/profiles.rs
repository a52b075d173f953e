//! Finding the profile that a command names.

use keyreeve_core::binding::Expected;
use keyreeve_core::profile::{Name, Profile};
use keyreeve_resolver::snapshot::Snapshot;
use keyreeve_store::Policy;

use crate::error::{CommandError, Exit};

/// Finds a profile by name.
///
/// # Errors
/// Exit 1 if there is none.
pub(crate) fn find<'a>(policy: &'a Policy, name: &Name) -> Result<&'a Profile, CommandError> {
    policy
        .profiles()
        .iter()
        .find(|profile| profile.name == *name)
        .ok_or_else(|| {
            CommandError::new(Exit::Failed, format!("profile `{name}` does not exist"))
                .fix("keyreeve profile list")
        })
}

/// Returns the named profile, else the default one, else the only one.
///
/// # Errors
/// Exit 1 if the named one does not exist, exit 4 if there are none, exit 2 if there are several without a default.
pub(crate) fn find_or_default<'a>(
    policy: &'a Policy,
    name: Option<&Name>,
) -> Result<&'a Profile, CommandError> {
    if let Some(name) = name {
        return find(policy, name);
    }
    let default = policy.default_profile().and_then(|id| policy.profile(id));
    match (default, policy.profiles()) {
        (Some(profile), _) | (None, [profile]) => Ok(profile),
        (None, []) => Err(
            CommandError::new(Exit::Credential, "there are no profiles yet")
                .fix("keyreeve profile add NAME"),
        ),
        (None, _) => Err(CommandError::new(
            Exit::Usage,
            "there are several profiles but no default",
        )
        .fix("keyreeve profile use NAME")),
    }
}

/// Explains an expectation that can never be met: its profile does not exist.
pub(crate) fn unknown_profile(expected: &Expected, snapshot: &Snapshot) -> Option<String> {
    match expected {
        Expected::Profile(name) if snapshot.keyreeve.profiles.iter().all(|it| it.name != *name) => {
            Some(format!("no profile is named `{name}`"))
        }
        Expected::Profile(_)
        | Expected::Plan
        | Expected::Metered
        | Expected::Cloud
        | Expected::Gateway => None,
    }
}
