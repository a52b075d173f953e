//! Usage summed by key, profile, model, day and session.

use keyreeve_core::money::NanoDollars;
use keyreeve_core::price::CostBasis;
use keyreeve_core::profile::ProfileId;
use keyreeve_core::usage::TokenCounts;
use keyreeve_core::virtual_key::KeyId;
use keyreeve_store::{Certainty, Ending, Grouping, Intent, Outcome, Store, UsageQuery, UsageRow};

use crate::fixture::{
    TestHome, add_profile, at, id, intent, key, key_secret, outcome, record, record_intent,
};

const DAY: u128 = 86_400;

/// Fills a store with four attempts: two of one request, one in the sandbox on the next day, one still open.
fn filled(home: &TestHome) -> Store {
    let store = home.open();
    for (number, name) in [(1, "work"), (2, "home")] {
        add_profile(&store, number, name);
        let (public, hash) = key_secret(u8::try_from(number).unwrap());
        store
            .add_key(&key(number, name, &[]), public, hash)
            .unwrap();
    }
    let first = Intent {
        number: 1,
        ..intent(1)
    };
    let retry = Intent {
        request: first.request,
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
        number: 1,
        model_requested: None,
        key: KeyId(id(77)),
        ..intent(DAY + 1)
    };
    let failed = Outcome {
        ending: Ending::Failed,
        status: None,
        model_served: None,
        tokens: TokenCounts::default(),
        web_searches: 0,
        cost: NanoDollars::ZERO,
        ..outcome(1)
    };
    let at_most = Outcome {
        basis: CostBasis::AtMost,
        ..outcome(DAY)
    };
    record(&store, first, failed);
    record(&store, retry, outcome(2));
    record(&store, other, at_most);
    let _open = record_intent(&store, open).unwrap();
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
    let home = TestHome::new();
    let store = filled(&home);
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
                (Some("claude-requested"), 0),
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
fn group_counts_requests_attempts_and_failures() {
    let home = TestHome::new();
    let rows = usage(&filled(&home), Grouping::Profile);
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
    let by_key = usage(&filled(&TestHome::new()), Grouping::Key);
    assert_eq!(by_key[2].certainty, Certainty::Exact);
}

#[test]
fn usage_paid_by_a_plan_is_no_cost() {
    let home = TestHome::new();
    let store = filled(&home);
    for number in [DAY + 10, DAY + 11] {
        let through = Intent {
            profile: ProfileId::PASS_THROUGH,
            reserved: NanoDollars::ZERO,
            ..intent(number)
        };
        let equivalent = Outcome {
            basis: CostBasis::Equivalent,
            cost: NanoDollars::new(500),
            ..outcome(number)
        };
        record(&store, through, equivalent);
    }
    let unfinished = Intent {
        profile: ProfileId::PASS_THROUGH,
        reserved: NanoDollars::ZERO,
        ..intent(DAY + 12)
    };
    let _open = record_intent(&store, unfinished).unwrap();
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
    let newest = store.ledger_entries(1).unwrap().remove(0);
    assert_eq!(newest.profile_name.as_deref(), Some("(pass-through)"));
}

#[test]
fn period_includes_its_start_and_excludes_its_end() {
    let home = TestHome::new();
    let store = filled(&home);
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
fn sums_saturate() {
    let home = TestHome::new();
    let store = home.open();
    let huge = u64::MAX;
    for (number, count) in [(1, huge), (2, huge), (3, huge), (DAY, (1 << 40) + 3)] {
        let reserved = NanoDollars::new(count);
        let intent = Intent {
            reserved,
            ..intent(number)
        };
        let outcome = Outcome {
            tokens: TokenCounts {
                input: count,
                ..outcome(number).tokens
            },
            web_searches: count,
            cost: NanoDollars::new(count),
            ..outcome(number)
        };
        record(&store, intent, outcome);
    }
    let reserved = NanoDollars::new((1 << 40) + 4);
    let open = Intent {
        reserved,
        ..intent(DAY + 1)
    };
    let _open = record_intent(&store, open).unwrap();
    store.flush().unwrap();
    drop(store);
    let rows = usage(&home.open(), Grouping::Day);
    let sums: Vec<_> = rows
        .iter()
        .map(|row| {
            let tokens = row.tokens;
            let [cost, searches] = [row.cost.get(), row.web_searches];
            (tokens.input, tokens.output, searches, cost)
        })
        .collect();
    let max = i64::MAX.unsigned_abs();
    let exact = (1 << 40) + 3;
    assert_eq!(sums, [(max, 6, max, max), (exact, 2, exact, (1 << 41) + 7)]);
}

#[test]
fn incomplete_or_failed_responses_count_as_failed() {
    let complete = outcome(1);
    for (what, outcome, failed, certainty) in [
        ("complete", complete.clone(), 0, Certainty::Exact),
        (
            "cut off",
            Outcome {
                ending: Ending::Incomplete,
                ..complete.clone()
            },
            1,
            Certainty::AtMost,
        ),
        (
            "without a response",
            Outcome {
                ending: Ending::Failed,
                ..complete.clone()
            },
            1,
            Certainty::Exact,
        ),
        (
            "error status",
            Outcome {
                status: Some(429),
                ..complete.clone()
            },
            1,
            Certainty::Exact,
        ),
        (
            "an error in the stream",
            Outcome {
                verdict: "overloaded",
                ..complete.clone()
            },
            1,
            Certainty::Exact,
        ),
        (
            "bounded",
            Outcome {
                basis: CostBasis::AtMost,
                ..complete
            },
            0,
            Certainty::AtMost,
        ),
    ] {
        let home = TestHome::new();
        let store = home.open();
        record(&store, intent(1), outcome);
        store.flush().unwrap();
        check(&store, what, failed, certainty);
    }
}

#[test]
fn open_attempt_counts_as_failed_only_once_closed() {
    let home = TestHome::new();
    let store = home.open();
    let _open = record_intent(&store, intent(1)).unwrap();
    check(&store, "open", 0, Certainty::AtMost);
    drop(store);
    let store = home.open();
    assert_eq!(store.close_open_intents(at(2)).unwrap().unknown, 1);
    check(&store, "unknown", 1, Certainty::AtMost);
}

#[track_caller]
fn check(store: &Store, what: &str, failed: u64, certainty: Certainty) {
    let rows = usage(store, Grouping::Key);
    let found: Vec<_> = rows.iter().map(|row| (row.failed, row.certainty)).collect();
    assert_eq!(found, [(failed, certainty)], "{what}");
}
