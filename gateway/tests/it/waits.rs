//! Limits: left for another profile, waited out, come back to; and who pays meanwhile.

use std::time::{Duration, Instant};

use keyreeve_core::profile::BillingClass;
use keyreeve_testkit::upstream::reply;
use keyreeve_testkit::wire::Exchange;

use crate::envelope::check_envelope;
use crate::house::{At, HERE, House, Member, THERE, answer, from, patient};
use crate::stage::{ASK, eventually};

#[test]
fn a_limit_is_left_for_another_profile_and_come_back_to() {
    let house = House::start(&[HERE, THERE], |who, before| match (who, before) {
        (0, 0) => answer("limit 3", 0),
        _ => answer("ok", who),
    });
    let begun = Instant::now();
    assert_eq!((from(&house.post()), from(&house.post())), (1, 1));
    // A quarter more at the most, so that not all come back at once.
    std::thread::sleep(Duration::from_millis(3_800).saturating_sub(begun.elapsed()));
    assert_eq!(from(&house.post()), 0);
    let told = house.told();
    let told: Vec<_> = told
        .iter()
        .map(|(who, number, why, _)| (*who, *number, *why))
        .collect();
    assert_eq!(
        told,
        [
            (0, 1, "first"),
            (1, 2, "after-refusal"),
            (1, 1, "first"),
            (0, 1, "first")
        ]
    );
}

const METERED: Member = Member {
    upstream: At::First,
    billing: BillingClass::Metered,
};

#[test]
fn another_payer_is_left_out_and_told_unless_the_key_may_spend_that() {
    let script = |who, before| match (who, before) {
        (0, 0) => answer("limit 3", 0),
        _ => answer("ok", who),
    };
    // The first profile is billed by a gateway's operator, the other by the meter.
    let house = House::with(patient(Duration::ZERO), &[HERE, METERED], |_| {}, script);
    let first = house.post();
    assert_eq!(
        (first.status(), from(&first)),
        (429, 0),
        "the upstream's own"
    );
    let told = Some("metered (keyreeve key spend all metered)");
    assert_eq!(first.head.header("x-keyreeve-left-out"), told);
    let text = check_envelope(&house.post(), 429, "rate_limit_error");
    for part in [
        "minute_limit",
        "billed as metered",
        "keyreeve key spend all metered",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(house.order(), [0]);

    let spend = |key: &mut keyreeve_core::virtual_key::VirtualKey| {
        key.may_spend = vec![BillingClass::Metered];
    };
    let house = House::with(patient(Duration::ZERO), &[HERE, METERED], spend, script);
    assert_eq!(from(&house.post()), 1);
}

#[test]
fn who_pays_does_not_change_when_the_first_profile_is_removed() {
    let house = House::start(&[HERE, METERED], |who, _| answer("ok", who));
    let owner = house.stage.another_store();
    owner.remove_profile(house.profiles[0].id).unwrap();
    let text = check_envelope(&house.post(), 403, "permission_error");
    for part in ["billed as metered", "keyreeve key spend all metered"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(house.order().is_empty());
    owner
        .set_may_spend(house.key_id, &[BillingClass::Metered])
        .unwrap();
    assert_eq!((from(&house.post()), house.order()), (1, vec![1]));
}

#[test]
fn a_short_limit_is_waited_out_where_nobody_else_may_serve() {
    let house = House::start(&[HERE, METERED], |who, before| match before {
        0 => answer("limit 3", who),
        _ => answer("ok", who),
    });
    let got = house.post();
    assert_eq!((got.status(), from(&got)), (200, 0));
    let told = house.told();
    assert_eq!((told[1].1, told[1].2), (2, "waited"));
}

#[test]
fn nobody_waits_longer_than_the_client_or_the_setting_does() {
    let script = |who, before| match before {
        0 => answer("limit 3", who),
        _ => answer("ok", who),
    };
    let (all, read) = ("x-stainless-timeout", "x-stainless-read-timeout");
    for (wait, told) in [
        (2, &[(all, "600")][..]),
        (0, &[(all, "600")]),
        (5, &[(all, "2")]),
        // As Python says it, where somebody chose it and where nobody did.
        (5, &[(all, "2.0"), (read, "2.0")]),
        (5, &[(all, "NOT_GIVEN"), (read, "2.5")]),
    ] {
        let setup = patient(Duration::from_secs(wait));
        let house = House::with(setup, &[HERE], |_| {}, script);
        let got = house.post_with(told, ASK);
        assert_eq!((got.status(), from(&got)), (429, 0), "{wait} {told:?}");
        assert_eq!(house.order(), [0], "{wait} {told:?}");
    }
}

#[test]
fn no_attempt_begins_after_the_client_has_stopped_waiting() {
    for (time_out, order) in [("1", &[0][..]), ("600", &[0, 1])] {
        let house = House::start(&[HERE, HERE], |who, _| match who {
            0 => reply::paced(answer("credit", 0), Duration::from_millis(1_200)),
            _ => answer("ok", who),
        });
        let got = house.post_with(&[("x-stainless-timeout", time_out)], ASK);
        assert_eq!(house.order(), order, "{time_out}: {}", got.status());
    }
}

#[test]
fn a_key_revoked_during_a_wait_is_refused() {
    let house = House::start(&[HERE], |who, _| answer("limit 1", who));
    let mut exchange = house.asking();
    assert!(eventually(|| house.order() == [0]));
    let another = house.stage.another_store();
    another
        .revoke_key(house.key_id, keyreeve_os::world::now())
        .unwrap();
    let answer = house.stage.saw(exchange.answer().unwrap());
    check_envelope(&answer, 401, "authentication_error");
    assert_eq!(house.order(), [0]);
}

#[test]
fn a_client_that_goes_away_in_a_wait_costs_nothing() {
    let house = House::start(&[HERE], |who, _| answer("limit 1", who));
    let exchange = house.asking();
    assert!(eventually(|| !house.stage.all_is_ready()));
    assert_eq!(house.stage.rows().len(), 1);
    exchange.reset();
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(house.order(), [0]);
    let rows = house.stage.rows();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].ended.clone().unwrap().cost.get(), 0);
}

#[test]
fn ls_01_many_who_go_away_in_a_wait_leave_no_place_taken() {
    let house = House::start(&[HERE], |who, before| match before {
        0 => answer("limit 3", who),
        _ => answer("ok", who),
    });
    let first = house.asking();
    assert!(eventually(|| !house.stage.all_is_ready()));
    let others: Vec<_> = (0..200).map(|_| house.asking()).collect();
    std::thread::sleep(Duration::from_millis(300));
    first.reset();
    others.into_iter().for_each(Exchange::reset);
    // Whoever comes now waits for the limit alone, and not behind them.
    let got = house.post();
    assert_eq!((got.status(), from(&got)), (200, 0));
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(house.order(), [0, 0], "nobody asks for those who went");
    assert_eq!(house.stage.rows().len(), 2);
}

#[test]
fn those_who_waited_do_not_come_back_as_a_herd() {
    const CLIENTS: usize = 20;
    // Limited again as soon as the limit is over, and then for longer than anybody waits.
    let house = House::start(&[HERE], |who, before| match before {
        0 => answer("limit 1", who),
        _ => answer("limit 40", who),
    });
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let first = scope.spawn(|| house.post().status());
        assert!(eventually(|| !house.stage.all_is_ready()));
        let others: Vec<_> = (1..CLIENTS)
            .map(|_| scope.spawn(|| house.post().status()))
            .collect();
        let all = std::iter::once(first).chain(others);
        all.map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(statuses, [429; CLIENTS]);
    // The one that was limited, the first that came back, and who was under way before that was known: a few, more on a
    // busy machine.
    let asked = house.order().len();
    assert!(
        (2..=CLIENTS / 2).contains(&asked),
        "{asked} times for {CLIENTS}"
    );
}
