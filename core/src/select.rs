//! Chooses the profile that pays for a virtual key's next request.
//!
//! Invariants: the key's own order decides among those that are ready; a profile that the key does not name is never
//! chosen; a plan login never stands behind a virtual key (docs/facts.md#terms); a key pays with one billing class,
//! that of its first profile, and never crosses to another because the first rests.

use jiff::Timestamp;

use crate::profile::{BillingClass, Profile, ProfileId};
use crate::standing::{Because, Closed, Early, Readiness};
use crate::virtual_key::VirtualKey;

/// The profile to use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Chosen<'p> {
    /// The profile.
    pub profile: &'p Profile,
    /// How it may be used.
    pub entry: Entry,
}

/// How a chosen profile may be used.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Entry {
    /// It is ready.
    Freely,
    /// By the one request that finds out: the probe must be claimed first.
    AsProbe,
}

/// Why no profile can serve a key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
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
    /// All that could serve rest, or wait for a person.
    #[error("every profile of this key rests")]
    Resting {
        /// The profile that is ready first.
        first: Box<Profile>,
        /// When it is.
        at: Timestamp,
        /// What it rests for.
        because: Because,
        /// Classes that the key's further profiles would have been billed to.
        left_out: Vec<BillingClass>,
    },
    /// All wait for a person.
    #[error("every profile of this key waits for its owner")]
    Closed {
        /// The key's profiles and what each waits for, in the key's order.
        profiles: Vec<(Box<Profile>, Closed)>,
        /// Classes that the key's further profiles would have been billed to.
        left_out: Vec<BillingClass>,
    },
}

/// Chooses the first of the key's profiles that exists, is no plan login, is billed as the first of these is, and is
/// ready. Where all rest, the soonest may be asked before its time if that time was a guess.
///
/// # Errors
/// [`NoProfile`] says why there is none.
pub fn choose<'p>(
    key: &VirtualKey,
    find: impl Fn(ProfileId) -> Option<&'p Profile>,
    readiness: impl Fn(&Profile) -> Readiness,
) -> Result<Chosen<'p>, NoProfile> {
    let mut there = key.profiles.iter().filter_map(|id| find(*id)).peekable();
    if there.peek().is_none() {
        return Err(NoProfile::NoneAssigned);
    }
    let able: Vec<&Profile> = there.filter(|profile| !profile.is_plan_login()).collect();
    let class = able.first().ok_or(NoProfile::OnlyPlanLogins)?.billing;
    let (own, other): (Vec<&Profile>, Vec<&Profile>) = able
        .into_iter()
        .partition(|profile| profile.billing == class);
    let (mut resting, mut closed) = (Vec::new(), Vec::new());
    for profile in own {
        let entry = match readiness(profile) {
            Readiness::Ready => Entry::Freely,
            Readiness::Probe => Entry::AsProbe,
            Readiness::Resting { at, early, because } => {
                resting.push((profile, at, early, because));
                continue;
            }
            Readiness::Closed(why) => {
                closed.push((Box::new(profile.clone()), why));
                continue;
            }
        };
        return Ok(Chosen { profile, entry });
    }
    let mut left_out: Vec<BillingClass> = Vec::new();
    for profile in other {
        if !left_out.contains(&profile.billing) {
            left_out.push(profile.billing);
        }
    }
    match resting.into_iter().min_by_key(|(_, at, _, _)| *at) {
        Some((profile, _, Early::MayProbe, _)) => Ok(Chosen {
            profile,
            entry: Entry::AsProbe,
        }),
        Some((profile, at, Early::No, because)) => Err(NoProfile::Resting {
            first: Box::new(profile.clone()),
            at,
            because,
            left_out,
        }),
        None => Err(NoProfile::Closed {
            profiles: closed,
            left_out,
        }),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::origin::{BaseUrl, PlainHttp};
    use crate::profile::{Auth, Handing, Provenance, Source};
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
            let chosen = choose(&key, find, |_| Readiness::Ready)
                .map(|chosen| chosen.profile.id.0.as_u128());
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
            let chosen = choose(&key_for(&[1]), |_| Some(&plan), |_| Readiness::Ready);
            assert_eq!(chosen, Err(NoProfile::OnlyPlanLogins), "{plan:?}");
        }
    }

    fn resting(second: i64, early: Early) -> Readiness {
        Readiness::Resting {
            at: Timestamp::from_second(second).unwrap(),
            early,
            because: Because::Person,
        }
    }

    #[test]
    fn the_first_that_is_ready_serves_and_the_soonest_guess_is_asked_when_none_is() {
        let stored: Vec<Profile> = (0..3)
            .map(|id| profile(id, BillingClass::Metered))
            .collect();
        let closed = Readiness::Closed(Closed::Drained);
        let told = resting(5, Early::No);
        for (readiness, expected) in [
            (
                [told, Readiness::Ready, Readiness::Ready],
                Some((1, Entry::Freely)),
            ),
            (
                [told, Readiness::Probe, Readiness::Ready],
                Some((1, Entry::AsProbe)),
            ),
            (
                [
                    closed,
                    resting(9, Early::MayProbe),
                    resting(7, Early::MayProbe),
                ],
                Some((2, Entry::AsProbe)),
            ),
            // The soonest has a time of its own: it is waited for.
            ([told, resting(9, Early::MayProbe), closed], None),
            ([closed, closed, closed], None),
        ] {
            let of =
                |profile: &Profile| readiness[usize::try_from(profile.id.0.as_u128()).unwrap()];
            let find = |id| stored.iter().find(|profile| profile.id == id);
            let chosen = choose(&key_for(&[0, 1, 2]), find, of);
            let chosen = chosen
                .ok()
                .map(|chosen| (chosen.profile.id.0.as_u128(), chosen.entry));
            assert_eq!(chosen, expected, "{readiness:?}");
        }
    }

    #[test]
    fn a_key_never_crosses_to_another_payer() {
        let stored = [
            profile(0, BillingClass::Metered),
            profile(1, BillingClass::Gateway),
            profile(2, BillingClass::Plan),
        ];
        let of = |profile: &Profile| match profile.billing {
            BillingClass::Metered => resting(5, Early::No),
            BillingClass::Cloud | BillingClass::Gateway | BillingClass::Plan => Readiness::Ready,
        };
        let find = |id| stored.iter().find(|profile| profile.id == id);
        let refused = choose(&key_for(&[0, 1, 2]), find, of).unwrap_err();
        assert!(
            matches!(&refused, NoProfile::Resting { left_out, .. } if *left_out == [BillingClass::Gateway]),
            "{refused:?}"
        );
    }
}
