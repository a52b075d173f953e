//! Properties of selection for any profiles, readiness and failed attempts.

use std::collections::HashSet;

use keyreeve_core::health::{BlockReason, Readiness};
use keyreeve_core::profile::{BillingClass, Profile};
use keyreeve_core::select::{CacheBenefit, FailedAttempt, NoProfileError, RetryWith, Selection};
use keyreeve_core::virtual_key::Strategy as KeyStrategy;
use proptest::prelude::*;

use super::{Scenario, at, at_other_upstream, billed, guessed, id, limited, number, profile};

/// Existing profiles, their readiness, and the rest of the input.
#[derive(Clone, Debug)]
struct Case {
    profiles: Vec<Profile>,
    readiness: Vec<Readiness>,
    /// The profiles named by the key, by number; some do not exist.
    names: Vec<usize>,
    spread: bool,
    allow_billing: Vec<BillingClass>,
    failed_attempts: Vec<FailedAttempt>,
    pinned: Option<usize>,
    cached: bool,
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

fn any_readiness() -> impl Strategy<Value = Readiness> {
    prop_oneof![
        3 => Just(Readiness::Ready),
        1 => Just(Readiness::Probe),
        2 => (1_i64..10).prop_map(limited),
        1 => (1_i64..10).prop_map(guessed),
        1 => Just(Readiness::Blocked(BlockReason::Drained)),
    ]
}

fn any_retry() -> impl Strategy<Value = RetryWith> {
    prop_oneof![
        Just(RetryWith::AfterLimit),
        Just(RetryWith::RefreshedSecret),
        Just(RetryWith::OtherCredential),
        Just(RetryWith::OtherUpstream),
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    let members =
        prop::collection::vec((classes(), any::<bool>(), any_readiness(), 0_u64..9), 1..6);
    let key = (
        prop::collection::vec(0_usize..7, 3..14),
        any::<bool>(),
        prop::collection::vec(classes(), 0..3),
    );
    let past = (
        prop_oneof![
            Just(Vec::new()),
            prop::collection::vec((any::<prop::sample::Index>(), any_retry()), 1..3),
        ],
        prop::option::of(0_usize..6),
        any::<bool>(),
    );
    (members, key, past).prop_map(
        |(members, (names, spread, allow_billing), (attempts, pinned, cached))| {
            let profiles: Vec<Profile> = members
                .iter()
                .enumerate()
                .map(|(number, (class, is_other_upstream, ..))| {
                    let profile = billed(number, *class);
                    if *is_other_upstream {
                        at_other_upstream(profile)
                    } else {
                        profile
                    }
                })
                .collect();
            let failed_attempts = attempts
                .iter()
                .map(|(index, retry_with)| {
                    let profile = index.get(&profiles);
                    FailedAttempt {
                        profile: profile.id,
                        origin: profile.base_url.origin().clone(),
                        retry_with: *retry_with,
                    }
                })
                .collect();
            Case {
                readiness: members
                    .iter()
                    .map(|(_, _, readiness, _)| *readiness)
                    .collect(),
                uses: members.iter().map(|(.., use_)| *use_).collect(),
                profiles,
                names: unique(names),
                spread,
                allow_billing,
                failed_attempts,
                pinned,
                cached,
            }
        },
    )
}

/// Drops repeated names and keeps the order.
fn unique(mut names: Vec<usize>) -> Vec<usize> {
    let mut known = HashSet::new();
    names.retain(|name| known.insert(*name));
    names
}

impl Case {
    fn scenario(&self) -> Scenario<'_> {
        let mut scenario = Scenario::new(&self.profiles, &self.readiness);
        scenario.key.profiles = self.names.iter().map(|name| id(*name)).collect();
        scenario.key.strategy = if self.spread {
            KeyStrategy::Spread
        } else {
            KeyStrategy::Ordered
        };
        scenario.key.allow_billing.clone_from(&self.allow_billing);
        scenario.failed_attempts = &self.failed_attempts;
        scenario.pinned = self.pinned;
        scenario.cache_benefit = if self.cached {
            CacheBenefit::Significant
        } else {
            CacheBenefit::None
        };
        scenario.uses = &self.uses;
        scenario
    }

    /// The key's existing profiles whose billing class it allows, in its order.
    fn allowed(&self) -> Vec<&Profile> {
        let existing = self
            .names
            .iter()
            .filter_map(|name| self.profiles.get(*name));
        let usable: Vec<&Profile> = existing
            .filter(|profile| !profile.is_plan_login())
            .collect();
        let default_class = self.profiles.first().map(|profile| profile.billing);
        let is_allowed =
            |class| Some(class) == default_class || self.allow_billing.contains(&class);
        usable
            .into_iter()
            .filter(|profile| is_allowed(profile.billing))
            .collect()
    }

    fn has_failed(&self, profile: &Profile) -> bool {
        let origin = profile.base_url.origin();
        self.failed_attempts.iter().any(|attempt| {
            attempt.profile == profile.id
                || (attempt.retry_with == RetryWith::OtherUpstream && attempt.origin == *origin)
        })
    }

    /// Ready, allowed, and without a failed attempt.
    fn fresh_and_ready(&self) -> Vec<&Profile> {
        let mut allowed = self.allowed();
        allowed.retain(|profile| {
            !self.has_failed(profile) && self.readiness[number(profile)] == Readiness::Ready
        });
        allowed
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn only_allowed_profiles_are_selected_or_waited_for(case in cases()) {
        let profile = match case.scenario().selection() {
            Ok(Selection::Use(selected)) => selected.profile,
            Ok(Selection::Wait { profile, until }) => {
                prop_assert!(until <= at(5));
                profile
            }
            Err(_) => return Ok(()),
        };
        prop_assert!(case.allowed().contains(&profile), "{profile:?}");
    }

    #[test]
    fn no_request_is_refused_while_a_profile_is_ready(case in cases()) {
        let ready = case.fresh_and_ready();
        if ready.is_empty() {
            return Ok(());
        }
        match case.scenario().selection() {
            Ok(Selection::Use(_)) => {}
            // Only for a conversation whose cache another profile does not have.
            Ok(Selection::Wait { profile, .. }) => {
                prop_assert!(case.cached && case.pinned == Some(number(profile)));
            }
            Err(none) => prop_assert!(false, "{none:?}"),
        }
    }

    #[test]
    fn conversation_sticks_while_its_profile_is_ready(case in cases()) {
        let ready = case.fresh_and_ready();
        let Some(pinned) = ready.iter().find(|profile| case.pinned == Some(number(profile))) else {
            return Ok(());
        };
        let renewed = case.failed_attempts.last().is_some_and(|last| last.retry_with == RetryWith::RefreshedSecret);
        if !renewed {
            prop_assert_eq!(case.scenario().selected().profile, *pinned);
        }
    }

    #[test]
    fn refused_profile_and_failing_upstream_are_not_retried(case in cases()) {
        let Ok(Selection::Use(selected)) = case.scenario().selection() else {
            return Ok(());
        };
        let origin = selected.profile.base_url.origin();
        for attempt in &case.failed_attempts {
            prop_assert!(attempt.retry_with != RetryWith::OtherUpstream || attempt.origin != *origin);
        }
        let last = case.failed_attempts.iter().rev().find(|attempt| attempt.profile == selected.profile.id);
        match last.map(|attempt| attempt.retry_with) {
            Some(RetryWith::OtherCredential | RetryWith::OtherUpstream) => prop_assert!(false),
            Some(RetryWith::AfterLimit) => {
                let over = matches!(case.readiness[number(selected.profile)], Readiness::Ready | Readiness::Probe);
                prop_assert!(over);
            }
            Some(RetryWith::RefreshedSecret) | None => {}
        }
    }

    #[test]
    fn error_names_the_first_available_and_each_excluded_class(case in cases()) {
        let Err(NoProfileError::AllCoolingDown { first, until: earliest, excluded, .. }) = case.scenario().selection() else {
            return Ok(());
        };
        prop_assert!(case.allowed().contains(&&*first));
        let eligible = case.allowed().into_iter().filter(|profile| !case.has_failed(profile));
        for profile in eligible {
            if let Readiness::Cooldown { until, .. } = case.readiness[number(profile)] {
                prop_assert!(earliest <= until);
            }
        }
        let mut classes = excluded.classes.clone();
        classes.dedup();
        prop_assert_eq!(&classes, &excluded.classes);
        prop_assert!(!classes.contains(&BillingClass::Plan));
    }

    /// Every ready profile is used equally often, in the same order each round.
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
            let mut scenario = Scenario::new(&profiles, &readiness);
            scenario.key.strategy = KeyStrategy::Spread;
            scenario.uses = &uses;
            let selected = number(scenario.selected().profile);
            uses[selected] = turn as u64 + 1;
            counts[selected] += 1;
        }
        for (number, count) in counts.iter().enumerate() {
            prop_assert_eq!(*count, if ready[number] { rounds } else { 0 });
        }
    }
}
