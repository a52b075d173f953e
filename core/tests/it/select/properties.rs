//! What holds whoever is there, however they stand and whatever was tried.

use keyreeve_core::profile::{BillingClass, Profile};
use keyreeve_core::select::{Cache, Choice, Further, NoProfile, Tried};
use keyreeve_core::standing::{Closed, Readiness};
use keyreeve_core::virtual_key::Strategy as Choosing;
use proptest::prelude::*;

use super::{Moment, at, billed, elsewhere, guessed, id, limited, number, profile};

/// Profiles that exist, how they stand, and all else that decides.
#[derive(Clone, Debug)]
struct Case {
    profiles: Vec<Profile>,
    readiness: Vec<Readiness>,
    /// What the key names, by number; some of it does not exist.
    names: Vec<usize>,
    spread: bool,
    may_spend: Vec<BillingClass>,
    tried: Vec<Tried>,
    held: Option<usize>,
    cold: bool,
    uses: Vec<u64>,
}

fn classes() -> impl Strategy<Value = BillingClass> {
    prop_oneof![
        4 => Just(BillingClass::Metered),
        2 => Just(BillingClass::Gateway),
        1 => Just(BillingClass::Cloud),
        1 => Just(BillingClass::Plan),
    ]
}

fn stands() -> impl Strategy<Value = Readiness> {
    prop_oneof![
        3 => Just(Readiness::Ready),
        1 => Just(Readiness::Probe),
        2 => (1_i64..10).prop_map(limited),
        1 => (1_i64..10).prop_map(guessed),
        1 => Just(Readiness::Closed(Closed::Drained)),
    ]
}

fn furthers() -> impl Strategy<Value = Further> {
    prop_oneof![
        Just(Further::WhenItsLimitIsOver),
        Just(Further::WithItsSecretRenewed),
        Just(Further::AnotherCredential),
        Just(Further::AnotherUpstream),
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    let members = prop::collection::vec((classes(), any::<bool>(), stands(), 0_u64..9), 1..6);
    let key = (
        prop::collection::vec(0_usize..7, 3..14),
        any::<bool>(),
        prop::collection::vec(classes(), 0..3),
    );
    let past = (
        prop_oneof![
            Just(Vec::new()),
            prop::collection::vec((any::<prop::sample::Index>(), furthers()), 1..3),
        ],
        prop::option::of(0_usize..6),
        any::<bool>(),
    );
    (members, key, past).prop_map(
        |(members, (mut names, spread, may_spend), (tries, held, cold))| {
            let profiles: Vec<Profile> = members
                .iter()
                .enumerate()
                .map(|(number, (class, there, ..))| {
                    let profile = billed(number, *class);
                    if *there { elsewhere(profile) } else { profile }
                })
                .collect();
            let mut seen = Vec::new();
            names.retain(|name| {
                !seen.contains(name) && {
                    seen.push(*name);
                    true
                }
            });
            let tried = tries
                .iter()
                .map(|(which, further)| {
                    let profile = which.get(&profiles);
                    Tried {
                        profile: profile.id,
                        origin: profile.base_url.origin().clone(),
                        further: *further,
                    }
                })
                .collect();
            Case {
                readiness: members.iter().map(|(_, _, stands, _)| *stands).collect(),
                uses: members.iter().map(|(.., use_)| *use_).collect(),
                profiles,
                names,
                spread,
                may_spend,
                tried,
                held,
                cold,
            }
        },
    )
}

impl Case {
    fn moment(&self) -> Moment<'_> {
        let mut moment = Moment::of(&self.profiles, &self.readiness);
        moment.key.profiles = self.names.iter().map(|name| id(*name)).collect();
        moment.key.strategy = if self.spread {
            Choosing::Spread
        } else {
            Choosing::Ordered
        };
        moment.key.may_spend.clone_from(&self.may_spend);
        moment.tried = &self.tried;
        moment.held = self.held;
        moment.cache = if self.cold {
            Cache::Cold
        } else {
            Cache::Needless
        };
        moment.uses = &self.uses;
        moment
    }

    /// The key's profiles that exist and may serve whoever is billed as the key allows, in its order.
    fn allowed(&self) -> Vec<&Profile> {
        let there = self
            .names
            .iter()
            .filter_map(|name| self.profiles.get(*name));
        let able: Vec<&Profile> = there.filter(|profile| !profile.is_plan_login()).collect();
        let own = self.profiles.first().map(|profile| profile.billing);
        let may = |class| Some(class) == own || self.may_spend.contains(&class);
        able.into_iter()
            .filter(|profile| may(profile.billing))
            .collect()
    }

    fn was_tried(&self, profile: &Profile) -> bool {
        let origin = profile.base_url.origin();
        self.tried.iter().any(|tried| {
            tried.profile == profile.id
                || (tried.further == Further::AnotherUpstream && tried.origin == *origin)
        })
    }

    /// Ready, allowed, and never tried in any way.
    fn fresh_and_ready(&self) -> Vec<&Profile> {
        let mut allowed = self.allowed();
        allowed.retain(|profile| {
            !self.was_tried(profile) && self.readiness[number(profile)] == Readiness::Ready
        });
        allowed
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn only_profiles_of_the_key_that_it_may_spend_are_chosen_or_waited_for(case in cases()) {
        let profile = match case.moment().choice() {
            Ok(Choice::Use(chosen)) => chosen.profile,
            Ok(Choice::Wait { profile, until }) => {
                prop_assert!(until <= at(5));
                profile
            }
            Err(_) => return Ok(()),
        };
        prop_assert!(case.allowed().contains(&profile), "{profile:?}");
    }

    #[test]
    fn nobody_is_refused_while_a_profile_is_ready(case in cases()) {
        let ready = case.fresh_and_ready();
        if ready.is_empty() {
            return Ok(());
        }
        match case.moment().choice() {
            Ok(Choice::Use(_)) => {}
            // Only for a conversation that would be cold elsewhere.
            Ok(Choice::Wait { profile, .. }) => {
                prop_assert!(case.cold && case.held == Some(number(profile)));
            }
            Err(none) => prop_assert!(false, "{none:?}"),
        }
    }

    #[test]
    fn a_conversation_stays_while_its_profile_is_ready(case in cases()) {
        let ready = case.fresh_and_ready();
        let Some(held) = ready.iter().find(|profile| case.held == Some(number(profile))) else {
            return Ok(());
        };
        let renewed = case.tried.last().is_some_and(|last| last.further == Further::WithItsSecretRenewed);
        if !renewed {
            prop_assert_eq!(case.moment().chosen().profile, *held);
        }
    }

    #[test]
    fn what_refused_is_not_asked_again_and_a_failing_upstream_neither(case in cases()) {
        let Ok(Choice::Use(chosen)) = case.moment().choice() else {
            return Ok(());
        };
        let origin = chosen.profile.base_url.origin();
        for tried in &case.tried {
            prop_assert!(tried.further != Further::AnotherUpstream || tried.origin != *origin);
        }
        let last = case.tried.iter().rev().find(|tried| tried.profile == chosen.profile.id);
        match last.map(|tried| tried.further) {
            Some(Further::AnotherCredential | Further::AnotherUpstream) => prop_assert!(false),
            Some(Further::WhenItsLimitIsOver) => {
                let over = matches!(case.readiness[number(chosen.profile)], Readiness::Ready | Readiness::Probe);
                prop_assert!(over);
            }
            Some(Further::WithItsSecretRenewed) | None => {}
        }
    }

    #[test]
    fn a_refusal_names_the_soonest_and_each_class_left_out_once(case in cases()) {
        let Err(NoProfile::Resting { first, at: soonest, left_out, .. }) = case.moment().choice() else {
            return Ok(());
        };
        prop_assert!(case.allowed().contains(&&*first));
        let resting = case.allowed().into_iter().filter(|profile| !case.was_tried(profile));
        for profile in resting {
            if let Readiness::Resting { at, .. } = case.readiness[number(profile)] {
                prop_assert!(soonest <= at);
            }
        }
        let mut classes = left_out.classes.clone();
        classes.dedup();
        prop_assert_eq!(&classes, &left_out.classes);
        prop_assert!(!classes.contains(&BillingClass::Plan));
    }

    /// Among those that stay ready each is used as often as any other, and the order is the same each time round.
    #[test]
    fn spread_is_fair(ready in prop::collection::vec(any::<bool>(), 1..6), rounds in 1_usize..20) {
        if !ready.contains(&true) {
            return Ok(());
        }
        let profiles: Vec<Profile> = (0..ready.len()).map(profile).collect();
        let readiness: Vec<Readiness> = ready
            .iter()
            .map(|ready| if *ready { Readiness::Ready } else { limited(9) })
            .collect();
        let (mut uses, mut counts) = (vec![0_u64; ready.len()], vec![0_usize; ready.len()]);
        let all = ready.iter().filter(|ready| **ready).count();
        for turn in 0..rounds * all {
            let mut moment = Moment::of(&profiles, &readiness);
            moment.key.strategy = Choosing::Spread;
            moment.uses = &uses;
            let chosen = number(moment.chosen().profile);
            uses[chosen] = turn as u64 + 1;
            counts[chosen] += 1;
        }
        for (number, count) in counts.iter().enumerate() {
            prop_assert_eq!(*count, if ready[number] { rounds } else { 0 });
        }
    }
}
