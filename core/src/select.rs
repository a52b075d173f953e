//! Chooses the profile that pays for a virtual key's next request.
//!
//! Invariants: the key's own order decides; a profile that the key does not name is never chosen; a plan login never
//! stands behind a virtual key (docs/facts.md#terms).

use crate::profile::{Profile, ProfileId};
use crate::virtual_key::VirtualKey;

/// Why no profile can serve a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoProfile {
    /// The key names none: a new key inherits none, and a profile that is removed is taken out of every key.
    #[error(
        "this key has no profile to use, or those it had were removed: make a key that has one, with `keyreeve key add NAME --profile PROFILE`"
    )]
    NoneAssigned,
    /// All that are left are plan logins.
    #[error(
        "this key has only plan logins, which never stand behind a key: add an API key with `keyreeve profile add NAME`"
    )]
    OnlyPlanLogins,
}

/// Chooses the first of the key's profiles that exists and is no plan login.
///
/// # Errors
/// [`NoProfile`] says why there is none.
pub fn choose<'p>(
    key: &VirtualKey,
    find: impl Fn(ProfileId) -> Option<&'p Profile>,
) -> Result<&'p Profile, NoProfile> {
    let mut left = key.profiles.iter().filter_map(|id| find(*id)).peekable();
    if left.peek().is_none() {
        return Err(NoProfile::NoneAssigned);
    }
    left.find(|profile| !profile.is_plan_login())
        .ok_or(NoProfile::OnlyPlanLogins)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::origin::{BaseUrl, PlainHttp};
    use crate::profile::{Auth, BillingClass, Handing, Provenance, Source};
    use crate::virtual_key::KeyId;

    fn profile(id: u128, billing: BillingClass) -> Profile {
        Profile {
            id: ProfileId(Uuid::from_u128(id)),
            name: format!("p{id}").parse().unwrap(),
            source: Source::Sealed,
            base_url: BaseUrl::parse("https://api.anthropic.com", PlainHttp::Refused).unwrap(),
            auth: Auth::ApiKey,
            provenance: Provenance::Console,
            billing,
            family: None,
            hint: None,
            handing: Handing::Leased,
            simulated: false,
            expires_at: None,
            created_at: Timestamp::UNIX_EPOCH,
            rotated_at: None,
        }
    }

    fn key_for(profiles: &[u128]) -> VirtualKey {
        VirtualKey {
            id: KeyId(Uuid::nil()),
            name: "tool".parse().unwrap(),
            profiles: profiles
                .iter()
                .map(|id| ProfileId(Uuid::from_u128(*id)))
                .collect(),
            models: Vec::new(),
            expires_at: None,
            revoked_at: None,
            created_at: Timestamp::UNIX_EPOCH,
            simulated: false,
        }
    }

    #[test]
    fn the_first_that_exists_and_is_no_plan_is_chosen() {
        let stored = [
            profile(1, BillingClass::Metered),
            profile(2, BillingClass::Plan),
            profile(3, BillingClass::Gateway),
        ];
        for (names, expected) in [
            (vec![1_u128, 3], Ok(1)),
            (vec![3, 1], Ok(3)),
            (vec![9, 2, 3], Ok(3)),
            (vec![], Err(NoProfile::NoneAssigned)),
            (vec![8, 9], Err(NoProfile::NoneAssigned)),
            (vec![9, 2], Err(NoProfile::OnlyPlanLogins)),
        ] {
            let key = key_for(&names);
            let find = |id| stored.iter().find(|profile| profile.id == id);
            let chosen = choose(&key, find).map(|profile| profile.id.0.as_u128());
            assert_eq!(chosen, expected, "{names:?}");
        }
    }

    #[test]
    fn a_plan_login_is_known_by_any_of_its_marks_whatever_else_was_declared() {
        let declared = || profile(1, BillingClass::Metered);
        for plan in [
            profile(1, BillingClass::Plan),
            Profile {
                provenance: Provenance::SetupToken,
                ..declared()
            },
            Profile {
                source: Source::ClaudeLogin { config_dir: None },
                ..declared()
            },
        ] {
            let chosen = choose(&key_for(&[1]), |_| Some(&plan));
            assert_eq!(chosen, Err(NoProfile::OnlyPlanLogins), "{plan:?}");
        }
    }
}
