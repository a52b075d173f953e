//! Sums by key, profile, model, day and session.

use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::Basis;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::usage::Tokens;
use keyreeve_core::virtual_key::KeyId;
use keyreeve_store::{
    Certainty, Ending, Grouping, Intent, Outcome, RequestId, Store, UsageQuery, UsageRow,
};

use crate::bed::{Bed, at, begin, id, intent, key, key_secret, outcome, profile, secret};

const DAY: u128 = 86_400;

/// Four attempts: two of one request, one in the sandbox the day after, one still open.
fn filled(bed: &Bed) -> Store {
    let store = bed.open();
    for (number, name) in [(1, "work"), (2, "home")] {
        store
            .add_profile(&profile(number, name), Some(&secret("x")))
            .unwrap();
        let (public, hash) = key_secret(u8::try_from(number).unwrap());
        store
            .add_key(&key(number, name, &[]), public, hash)
            .unwrap();
    }
    let retry = Intent {
        request: RequestId(id(1)),
        ..intent(2)
    };
    let other = Intent {
        key: KeyId(id(2)),
        profile: ProfileId(id(2)),
        session: None,
        simulated: true,
        ..intent(DAY)
    };
    let open = Intent {
        model_asked: None,
        key: KeyId(id(77)),
        ..intent(DAY + 1)
    };
    for intent in [intent(1), retry, other, open] {
        begin(&store, intent).unwrap();
    }
    let failed = Outcome {
        ending: Ending::Failed,
        status: None,
        model_served: None,
        tokens: Tokens::default(),
        web_searches: 0,
        cost: NanoDollars::ZERO,
        ..outcome(1)
    };
    let at_most = Outcome {
        basis: Basis::AtMost,
        ..outcome(DAY)
    };
    for outcome in [failed, outcome(2), at_most] {
        store.finish(outcome);
    }
    store.flush().unwrap();
    store
}

fn usage(store: &Store, by: Grouping) -> Vec<UsageRow> {
    store
        .usage(&UsageQuery {
            since: None,
            until: None,
            by,
        })
        .unwrap()
}

#[test]
fn groups_are_named_and_summed() {
    let bed = Bed::new();
    let store = filled(&bed);
    for (by, groups) in [
        (
            Grouping::Key,
            &[(None, 1000), (Some("home"), 70), (Some("work"), 70)][..],
        ),
        (
            Grouping::Profile,
            &[(Some("home"), 70), (Some("work"), 1070)],
        ),
        (
            Grouping::Model,
            &[
                (None, 1000),
                (Some("claude-asked"), 0),
                (Some("claude-served"), 140),
            ],
        ),
        (
            Grouping::Day,
            &[(Some("2026-09-21"), 70), (Some("2026-09-22"), 1070)],
        ),
        (Grouping::Session, &[(None, 70), (Some("session"), 1070)]),
    ] {
        let rows = usage(&store, by);
        let found: Vec<_> = rows
            .iter()
            .map(|row| (row.group.as_deref(), row.cost.get()))
            .collect();
        assert_eq!(found, groups, "{by:?}");
    }
}

#[test]
fn a_group_counts_what_happened() {
    let bed = Bed::new();
    let rows = usage(&filled(&bed), Grouping::Profile);
    let [home, work] = rows.as_slice() else {
        panic!("{rows:?}")
    };
    let once = outcome(1);
    assert_eq!(
        *work,
        UsageRow {
            group: Some("work".to_owned()),
            id: Some(id(1)),
            requests: 2,
            attempts: 3,
            simulated: 0,
            failed: 1,
            tokens: once.tokens,
            web_searches: once.web_searches,
            cost: NanoDollars::new(1070),
            equivalent: NanoDollars::ZERO,
            certainty: Certainty::AtMost,
        }
    );
    assert_eq!((home.simulated, home.certainty), (1, Certainty::AtMost));
    let by_key = usage(&filled(&Bed::new()), Grouping::Key);
    assert_eq!(by_key[2].certainty, Certainty::Exact);
}

#[test]
fn what_a_plan_paid_for_is_no_money() {
    let bed = Bed::new();
    let store = filled(&bed);
    for number in [DAY + 10, DAY + 11] {
        let through = Intent {
            profile: ProfileId::PASS_THROUGH,
            reserved: NanoDollars::ZERO,
            ..intent(number)
        };
        begin(&store, through).unwrap();
        store.finish(Outcome {
            basis: Basis::Equivalent,
            cost: NanoDollars::new(500),
            ..outcome(number)
        });
    }
    let cut_off = Intent {
        profile: ProfileId::PASS_THROUGH,
        reserved: NanoDollars::ZERO,
        ..intent(DAY + 12)
    };
    begin(&store, cut_off).unwrap();
    store.flush().unwrap();
    let rows = usage(&store, Grouping::Profile);
    let of = |name: &str| {
        let row = rows.iter().find(|row| row.group.as_deref() == Some(name));
        row.map(|row| (row.attempts, row.cost.get(), row.equivalent.get()))
    };
    assert_eq!(of("(pass-through)"), Some((3, 0, 1000)));
    assert_eq!(of("work"), Some((3, 1070, 0)));
    let days = usage(&store, Grouping::Day);
    let sums: Vec<_> = days
        .iter()
        .map(|row| (row.cost.get(), row.equivalent.get()))
        .collect();
    assert_eq!(sums, [(70, 0), (1070, 1000)]);
    let newest = store.attempts(1).unwrap().remove(0);
    assert_eq!(newest.profile_name.as_deref(), Some("(pass-through)"));
}

#[test]
fn a_span_takes_its_beginning_and_leaves_its_end() {
    let bed = Bed::new();
    let store = filled(&bed);
    for (since, until, attempts) in [
        (Some(at(1)), Some(at(2)), 1),
        (Some(at(2)), None, 3),
        (None, Some(at(2)), 1),
        (Some(at(200_000)), None, 0),
    ] {
        let query = UsageQuery {
            since,
            until,
            by: Grouping::Day,
        };
        let found: u64 = store
            .usage(&query)
            .unwrap()
            .iter()
            .map(|row| row.attempts)
            .sum();
        assert_eq!(found, attempts, "{since:?} {until:?}");
    }
}

#[test]
fn a_sum_beyond_all_sense_stays_at_the_top() {
    let bed = Bed::new();
    let store = bed.open();
    let absurd = u64::MAX;
    for (number, count) in [(1, absurd), (2, absurd), (3, absurd), (DAY, (1 << 40) + 3)] {
        let reserved = NanoDollars::new(count);
        begin(
            &store,
            Intent {
                reserved,
                ..intent(number)
            },
        )
        .unwrap();
        store.finish(Outcome {
            tokens: Tokens {
                input: count,
                ..outcome(number).tokens
            },
            web_searches: count,
            cost: NanoDollars::new(count),
            ..outcome(number)
        });
    }
    let reserved = NanoDollars::new((1 << 40) + 4);
    begin(
        &store,
        Intent {
            reserved,
            ..intent(DAY + 1)
        },
    )
    .unwrap();
    store.flush().unwrap();
    drop(store);
    let rows = usage(&bed.open(), Grouping::Day);
    let sums: Vec<_> = rows
        .iter()
        .map(|row| {
            let tokens = row.tokens;
            let [cost, searches] = [row.cost.get(), row.web_searches];
            (tokens.input, tokens.output, searches, cost)
        })
        .collect();
    let top = i64::MAX.unsigned_abs();
    let exact = (1 << 40) + 3;
    assert_eq!(sums, [(top, 6, top, top), (exact, 2, exact, (1 << 41) + 7)]);
}

#[test]
fn what_is_no_whole_good_answer_failed() {
    let good = outcome(1);
    for (what, outcome, failed, certainty) in [
        ("good", good.clone(), 0, Certainty::Exact),
        (
            "cut",
            Outcome {
                ending: Ending::Incomplete,
                ..good.clone()
            },
            1,
            Certainty::AtMost,
        ),
        (
            "without an answer",
            Outcome {
                ending: Ending::Failed,
                ..good.clone()
            },
            1,
            Certainty::Exact,
        ),
        (
            "refused",
            Outcome {
                status: Some(429),
                ..good.clone()
            },
            1,
            Certainty::Exact,
        ),
        (
            "an error in the stream",
            Outcome {
                verdict: "overloaded",
                ..good.clone()
            },
            1,
            Certainty::Exact,
        ),
        (
            "bounded",
            Outcome {
                basis: Basis::AtMost,
                ..good
            },
            0,
            Certainty::AtMost,
        ),
    ] {
        let bed = Bed::new();
        let store = bed.open();
        begin(&store, intent(1)).unwrap();
        store.finish(outcome);
        store.flush().unwrap();
        check(&store, what, failed, certainty);
    }
}

#[test]
fn an_open_attempt_has_not_failed_before_it_is_closed_as_unknown() {
    let bed = Bed::new();
    let store = bed.open();
    begin(&store, intent(1)).unwrap();
    check(&store, "open", 0, Certainty::AtMost);
    drop(store);
    let store = bed.open();
    assert_eq!(store.close_open_intents(at(2)).unwrap(), 1);
    check(&store, "unknown", 1, Certainty::AtMost);
}

#[track_caller]
fn check(store: &Store, what: &str, failed: u64, certainty: Certainty) {
    let rows = usage(store, Grouping::Key);
    let found: Vec<_> = rows.iter().map(|row| (row.failed, row.certainty)).collect();
    assert_eq!(found, [(failed, certainty)], "{what}");
}
