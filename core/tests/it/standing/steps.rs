//! What single answers and people do.

use keyreeve_core::standing::{
    Act, Because, Closed, Early, Jitter, Kept, Readiness, Standing, TimeSource, act, claim,
    combine, next_probe, readiness, ready_at, step,
};
use keyreeve_core::verdict::Verdict;

use super::{
    after, at, blocked, heard, limited, limited_until, out_of_credit, overloaded, refused, seconds,
    upstream_failed, wrong_request,
};

/// When it is ready, in seconds, and whether it may be asked before; fails where it does not rest.
#[track_caller]
fn resting(standing: Standing, second: i64) -> (i64, Early) {
    let rests = match readiness(&standing, at(second)) {
        Readiness::Resting {
            at: until, early, ..
        } => Some((until.duration_since(at(0)).as_secs(), early)),
        Readiness::Ready | Readiness::Probe | Readiness::Closed(_) => None,
    };
    rests.unwrap()
}

#[test]
fn a_servers_time_is_kept_to_the_second_and_then_it_is_simply_ready() {
    let standing = after(&[(0, limited_until(3))]);
    assert_eq!(ready_at(&standing), Some(at(3)));
    assert_eq!(resting(standing, 2), (3, Early::No));
    assert_eq!(readiness(&standing, at(3)), Readiness::Ready);
    assert_eq!(claim(&standing, at(1)), None);
}

#[test]
fn jitter_adds_two_seconds_at_most_and_a_quarter_of_a_short_wait() {
    for (wait, most) in [(3, 750), (4, 1_000), (60, 2_000), (86_400, 2_000)] {
        let mut told = heard(limited_until(wait), at(0));
        told.jitter = Jitter(255);
        let until = ready_at(&step(Standing::Ready, &told, at(0))).unwrap();
        let added = until.duration_since(at(wait)).as_millis();
        assert_eq!(added, most, "{wait}");
    }
}

#[test]
fn a_guessed_time_doubles_with_each_failed_probe_and_ends_in_one() {
    let first = after(&[(0, limited())]);
    assert_eq!(resting(first, 1), (30, Early::MayProbe));
    assert_eq!(next_probe(&first), Some(at(30)));
    assert_eq!(readiness(&first, at(30)), Readiness::Probe);
    let second = after(&[(0, limited()), (30, limited())]);
    assert_eq!(resting(second, 31), (90, Early::MayProbe));
    let third = after(&[(0, limited()), (30, limited()), (90, limited())]);
    assert_eq!(resting(third, 91).0, 210);
    let healed = step(third, &heard(Verdict::ok(), at(210)), at(211));
    assert_eq!(healed, Standing::Ready);
}

#[test]
fn who_asked_early_keeps_nobody_from_asking_at_the_end() {
    let claimed = claim(&after(&[(0, limited())]), at(29)).unwrap();
    let failed = step(claimed, &heard(limited(), at(29)), at(29));
    assert_eq!(resting(failed, 29), (30, Early::No));
    assert_eq!(readiness(&failed, at(30)), Readiness::Probe);
    let second = claim(&failed, at(30)).unwrap();
    assert_eq!(claim(&second, at(31)), None);
}

#[test]
fn out_of_credit_is_asked_again_after_a_quarter_of_an_hour() {
    let standing = after(&[(0, out_of_credit())]);
    assert_eq!(resting(standing, 1).0, 900);
    let again = after(&[(0, out_of_credit()), (900, out_of_credit())]);
    assert_eq!(resting(again, 901).0, 900 + 1_800);
}

#[test]
fn a_refused_credential_is_asked_once_more_before_it_is_dead() {
    let suspected = after(&[(0, refused())]);
    assert_eq!(readiness(&suspected, at(0)), Readiness::Probe);
    let claimed = claim(&suspected, at(1)).unwrap();
    assert_eq!(resting(claimed, 2), (61, Early::No));
    assert_eq!(claim(&claimed, at(2)), None);
    let dead = step(claimed, &heard(refused(), at(1)), at(2));
    assert!(
        matches!(readiness(&dead, at(9)), Readiness::Closed(Closed::Dead(code)) if code.name() == "invalid_key")
    );
    assert_eq!(ready_at(&dead), None);
    // An edge's hiccup.
    let well = step(claimed, &heard(Verdict::ok(), at(1)), at(2));
    assert_eq!(well, Standing::Ready);
    // A hundred that were asked before the first answer came confirm nothing.
    assert_eq!(step(suspected, &heard(refused(), at(-5)), at(1)), suspected);
}

#[test]
fn a_secret_that_is_fetched_anew_is_never_dead() {
    let mut standing = Standing::Ready;
    for second in [0, 100, 200, 400] {
        let mut told = heard(refused(), at(second));
        told.kept = Kept::Fetched;
        standing = step(standing, &told, at(second));
    }
    assert_eq!(resting(standing, 401).0, 400 + 240);
}

#[test]
fn who_is_told_of_a_limit_was_let_in() {
    let standing = after(&[(0, refused()), (1, limited_until(10))]);
    assert_eq!(ready_at(&standing), Some(at(10)));
}

#[test]
fn who_is_told_that_the_request_is_wrong_was_let_in_and_no_more() {
    assert_eq!(
        after(&[(0, refused()), (1, wrong_request())]),
        Standing::Ready
    );
    let credit = after(&[(0, out_of_credit())]);
    assert_eq!(step(credit, &heard(wrong_request(), at(1)), at(2)), credit);
}

#[test]
fn a_probe_that_found_nothing_out_lets_another_try() {
    let suspected = after(&[(0, refused())]);
    let claimed = claim(&suspected, at(10)).unwrap();
    let before = step(claimed, &heard(overloaded(), at(9)), at(11));
    assert_eq!(before, claimed, "somebody else's answer");
    let released = step(claimed, &heard(overloaded(), at(10)), at(11));
    assert_eq!(readiness(&released, at(11)), Readiness::Probe);
}

#[test]
fn blocked_waits_for_a_person() {
    let standing = after(&[(0, blocked())]);
    assert!(matches!(
        readiness(&standing, at(999_999)),
        Readiness::Closed(Closed::Blocked(_))
    ));
    assert_eq!(act(standing, Act::Wake, at(1)), Standing::Ready);
}

#[test]
fn what_says_nothing_about_a_credential_changes_nothing() {
    for verdict in [overloaded(), upstream_failed(), Verdict::no_answer()] {
        for before in [
            Standing::Ready,
            after(&[(0, limited())]),
            after(&[(0, refused())]),
        ] {
            assert_eq!(step(before, &heard(verdict, at(50)), at(50)), before);
        }
    }
}

#[test]
fn a_success_clears_only_what_was_there_when_it_was_asked() {
    let standing = after(&[(10, limited())]);
    let late = step(standing, &heard(Verdict::ok(), at(5)), at(11));
    assert_eq!(late, standing);
    let probe = step(standing, &heard(Verdict::ok(), at(12)), at(13));
    assert_eq!(probe, Standing::Ready);
}

#[test]
fn a_servers_time_replaces_a_guess_and_the_graver_trouble_the_lesser() {
    let standing = after(&[(0, limited()), (1, limited_until(7))]);
    assert_eq!(ready_at(&standing), Some(at(7)));
    assert!(matches!(standing, Standing::Resting(rest) if rest.time == TimeSource::Server));
    let graver = after(&[(0, limited_until(7)), (1, out_of_credit())]);
    assert_eq!(ready_at(&graver), Some(at(901)));
    let lesser = after(&[(0, out_of_credit()), (1, limited_until(7))]);
    assert_eq!(ready_at(&lesser), Some(at(900)));
}

#[test]
fn even_a_servers_long_time_is_asked_about_once_a_day() {
    let standing = after(&[(0, limited_until(10 * 86_400))]);
    assert_eq!(resting(standing, 86_399), (86_400, Early::No));
    assert_eq!(readiness(&standing, at(86_400)), Readiness::Probe);
    let claimed = claim(&standing, at(86_400)).unwrap();
    assert_eq!(resting(claimed, 86_401), (2 * 86_400, Early::No));
    assert_eq!(next_probe(&claimed), Some(at(2 * 86_400)));
}

#[test]
fn a_clock_that_jumps_lengthens_nothing() {
    let standing = after(&[(10_000, limited())]);
    // Back by hours: how long it should still last nobody can say, so one request finds out.
    assert_eq!(readiness(&standing, at(0)), Readiness::Probe);
    let claimed = claim(&standing, at(0)).unwrap();
    assert_eq!(resting(claimed, 1), (60, Early::No));
    let failed = step(standing, &heard(limited(), at(1)), at(1));
    assert_eq!(resting(failed, 2).0, 1 + 60);
    // Forward: it is over.
    assert_eq!(readiness(&standing, at(20_000)), Readiness::Probe);
    // An end that nobody can have meant.
    let Standing::Resting(mut rest) = after(&[(0, limited())]) else {
        panic!("it rests");
    };
    rest.until = at(400 * 86_400);
    assert_eq!(ready_at(&Standing::Resting(rest)), Some(at(600)));
}

#[test]
fn what_a_person_set_no_answer_changes() {
    let drained = act(Standing::Ready, Act::Drain, at(0));
    let rests = act(Standing::Ready, Act::Rest { until: at(600) }, at(0));
    for standing in [drained, rests] {
        for verdict in [Verdict::ok(), limited(), refused(), blocked()] {
            assert_eq!(step(standing, &heard(verdict, at(5)), at(6)), standing);
        }
    }
    assert_eq!(resting(rests, 599), (600, Early::No));
    assert_eq!(readiness(&rests, at(600)), Readiness::Ready);
    assert_eq!(act(drained, Act::Wake, at(1)), drained);
    assert_eq!(act(drained, Act::Enable, at(1)), Standing::Ready);
    assert_eq!(act(rests, Act::Wake, at(1)), Standing::Ready);
    assert_eq!(act(rests, Act::Enable, at(1)), rests);
}

#[test]
fn of_several_scopes_the_gravest_decides() {
    let limit = readiness(&after(&[(0, limited_until(3))]), at(1));
    let credit = readiness(&after(&[(0, out_of_credit())]), at(1));
    let probe = readiness(&after(&[(0, limited())]), at(31));
    let dead = Readiness::Closed(Closed::Drained);
    for (all, expected) in [
        (vec![], Readiness::Ready),
        (vec![Readiness::Ready, probe], Readiness::Probe),
        (vec![probe, limit], limit),
        (vec![limit, probe], limit),
        (vec![limit, dead, credit], dead),
    ] {
        assert_eq!(combine(all), expected);
    }
    let Readiness::Resting {
        at: until,
        early,
        because,
    } = combine([limit, credit])
    else {
        panic!("both rest");
    };
    assert_eq!((until, early), (at(0) + seconds(900), Early::No));
    assert!(matches!(because, Because::Answer(code) if code.name() == "out_of_credit"));
}
