//! Limits are kept as they were told last, within bounds, and go with their profile.

use keyreeve_core::limits::{Amount, Limit, Seen, Share, State, Subject};
use keyreeve_core::profile::ProfileId;
use keyreeve_core::standing::RequestClass;
use keyreeve_core::virtual_key::KeyId;
use keyreeve_store::Store;

use crate::bed::{Bed, at, begin, id, intent, profile, secret};

fn left(remaining: u64, limit: Option<u64>) -> Amount {
    Amount::Left { remaining, limit }
}

fn seen(subject: Subject, which: &str, second: i64) -> Seen {
    Seen {
        subject,
        class: None,
        limit: Limit {
            which: which.parse().unwrap(),
            amount: None,
            state: None,
            resets_at: None,
            seen_at: at(second),
        },
    }
}

fn usual() -> Subject {
    Subject::ClaudeCode { config_dir: None }
}

/// A store with the profile that limits are told of.
fn stage(bed: &Bed) -> (Store, Subject) {
    let store = bed.open();
    let kept = profile(1, "work");
    store.add_profile(&kept, Some(&secret("x"))).unwrap();
    (store, Subject::Profile(kept.id))
}

#[test]
fn everything_reads_back_after_a_restart() {
    let bed = Bed::new();
    let (store, work) = stage(&bed);
    let elsewhere = Subject::ClaudeCode {
        config_dir: Some("/home/a b/.claude".to_owned()),
    };
    let mut all = vec![
        seen(work.clone(), "requests", 1),
        seen(work, "plan 9w", 2),
        seen(usual(), "plan five_hour", 3),
        seen(elsewhere, "plan seven_day", 4),
        seen(Subject::PassThrough(KeyId(id(7))), "plan overage", 5),
    ];
    all[0].class = RequestClass::of_model("claude-opus-5-5");
    all[0].limit.amount = Some(left(7, Some(50)));
    all[0].limit.resets_at = Some(at(60));
    all[1].limit.amount = Some(left(0, None));
    all[2].limit.amount = Share::of_fraction(1.04).map(Amount::Used);
    all[2].limit.state = Some(State::Rejected);
    all[4].limit.state = Some(State::of("softly").unwrap());
    store.keep_limits(all.clone()).unwrap();
    drop(store);
    let mut found = bed.open().limits().unwrap();
    for one in all {
        let place = found.iter().position(|found| *found == one);
        found.remove(place.unwrap_or_else(|| panic!("{one:?} is missing in {found:?}")));
    }
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn what_was_told_later_stands_in_whatever_order_it_is_written() {
    let bed = Bed::new();
    let (store, work) = stage(&bed);
    let told = |second, remaining| {
        let mut told = seen(work.clone(), "requests", second);
        told.limit.amount = Some(left(remaining, None));
        told
    };
    let of_class = Seen {
        class: RequestClass::of_model("claude-haiku-5"),
        ..told(1, 99)
    };
    store
        .keep_limits(vec![told(5, 5), of_class.clone()])
        .unwrap();
    for (second, remaining, expected) in [(4, 4, 5), (6, 6, 6), (6, 7, 7), (0, 0, 7)] {
        store.queue_limits(vec![told(second, remaining)]);
        store.flush().unwrap();
        let found = store.limits().unwrap();
        let whole = found.iter().find(|seen| seen.class.is_none()).unwrap();
        assert_eq!(whole.limit.amount, Some(left(expected, None)));
        assert!(found.contains(&of_class), "another class is another limit");
    }
}

#[test]
fn what_a_clock_that_was_ahead_has_told_gives_way() {
    let bed = Bed::new();
    let (store, work) = stage(&bed);
    let told = |second| vec![seen(work.clone(), "requests", second)];
    for (second, expected) in [
        (100_000, 100_000),
        (96_400, 100_000),
        (96_399, 96_399),
        (7, 7),
    ] {
        store.keep_limits(told(second)).unwrap();
        assert_eq!(store.limits().unwrap(), told(expected), "{second}");
    }
}

#[test]
fn what_is_queued_is_there_after_the_store_was_closed() {
    let bed = Bed::new();
    let (store, work) = stage(&bed);
    store.queue_limits(vec![seen(work, "requests", 1)]);
    drop(store);
    assert_eq!(bed.open().limits().unwrap().len(), 1);
}

#[test]
fn limits_ride_along_while_attempts_are_open() {
    let bed = Bed::new();
    let (store, work) = stage(&bed);
    begin(&store, intent(1)).unwrap();
    store.queue_limits(vec![seen(work, "requests", 1)]);
    store.flush().unwrap();
    assert_eq!(bed.open().limits().unwrap().len(), 1);
}

#[test]
fn names_from_outside_do_not_fill_the_store() {
    let bed = Bed::new();
    let (store, work) = stage(&bed);
    let name = |number: i64| format!("plan w{number}");
    let many = (0..200).map(|number| seen(work.clone(), &name(number), number));
    store.keep_limits(many.collect()).unwrap();
    let found = store.limits().unwrap();
    assert_eq!(found.len(), 64);
    assert!(found.iter().all(|seen| seen.limit.seen_at >= at(200 - 64)));

    let directories = (0..5000).map(|number| {
        let config_dir = Some(format!("/d{number}"));
        seen(Subject::ClaudeCode { config_dir }, "plan five_hour", number)
    });
    store.keep_limits(directories.collect()).unwrap();
    assert_eq!(store.limits().unwrap().len(), 4096);
}

#[test]
fn limits_go_with_their_profile_and_with_its_secret() {
    let bed = Bed::new();
    let (store, work) = stage(&bed);
    let told = || {
        vec![
            seen(work.clone(), "requests", 1),
            seen(usual(), "plan overage", 1),
        ]
    };
    let left = |store: &Store| {
        let found = store.limits().unwrap();
        found.iter().filter(|seen| seen.subject == work).count()
    };
    let kept = profile(1, "work");
    store.keep_limits(told()).unwrap();
    assert_eq!(left(&store), 1);
    store.rotate_profile(&kept, &secret("y")).unwrap();
    assert_eq!(left(&store), 0);

    store.keep_limits(told()).unwrap();
    store.remove_profile(kept.id).unwrap();
    // An answer that was on its way.
    store.keep_limits(told()).unwrap();
    store
        .keep_limits(vec![seen(
            Subject::Profile(ProfileId(id(9))),
            "requests",
            1,
        )])
        .unwrap();
    let found = store.limits().unwrap();
    let subjects: Vec<_> = found.iter().map(|seen| &seen.subject).collect();
    assert_eq!(subjects, [&usual()]);
}

#[test]
fn a_row_that_keyreeve_never_wrote_is_an_error() {
    let bed = Bed::new();
    let (store, work) = stage(&bed);
    store.keep_limits(vec![seen(work, "requests", 1)]).unwrap();
    bed.meddle("UPDATE limits SET which = 'nonsense'");
    assert!(store.limits().is_err());
}
