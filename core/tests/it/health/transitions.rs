//! Health transitions after single responses and the user's actions.

use keyreeve_core::health::{
    BlockReason, CooldownReason, EarlyProbe, Health, Jitter, ManualAction, Readiness,
    SecretStorage, TimeSource, apply_action, claim_probe, combine, next_probe_at, readiness,
    ready_at, transition,
};
use keyreeve_core::verdict::Verdict;

use super::{
    at, blocked, health_after, health_input, invalid_request, limited, limited_until,
    out_of_credit, overloaded, rejected, seconds, upstream_failed,
};

/// Returns the end of the cooldown in seconds and the early probe; panics if it is not in cooldown.
#[track_caller]
fn cooldown_end(health: Health, second: i64) -> (i64, EarlyProbe) {
    let end = match readiness(&health, at(second)) {
        Readiness::Cooldown {
            until, early_probe, ..
        } => Some((until.duration_since(at(0)).as_secs(), early_probe)),
        Readiness::Ready | Readiness::Probe | Readiness::Blocked(_) => None,
    };
    end.unwrap()
}

#[test]
fn server_reset_is_exact_and_ends_in_ready() {
    let health = health_after(&[(0, limited_until(3))]);
    assert_eq!(ready_at(&health), Some(at(3)));
    assert_eq!(cooldown_end(health, 2), (3, EarlyProbe::Denied));
    assert_eq!(readiness(&health, at(3)), Readiness::Ready);
    assert_eq!(claim_probe(&health, at(1)), None);
}

#[test]
fn jitter_is_at_most_two_seconds_and_a_quarter_of_the_wait() {
    for (wait, max) in [(3, 750), (4, 1_000), (60, 2_000), (86_400, 2_000)] {
        let mut input = health_input(limited_until(wait), at(0));
        input.jitter = Jitter(255);
        let until = ready_at(&transition(Health::Ready, &input, at(0))).unwrap();
        let added = until.duration_since(at(wait)).as_millis();
        assert_eq!(added, max, "{wait}");
    }
}

#[test]
fn backoff_doubles_with_each_failed_probe() {
    let first = health_after(&[(0, limited())]);
    assert_eq!(cooldown_end(first, 1), (30, EarlyProbe::Allowed));
    assert_eq!(next_probe_at(&first), Some(at(30)));
    assert_eq!(readiness(&first, at(30)), Readiness::Probe);
    let second = health_after(&[(0, limited()), (30, limited())]);
    assert_eq!(cooldown_end(second, 31), (90, EarlyProbe::Allowed));
    let third = health_after(&[(0, limited()), (30, limited()), (90, limited())]);
    assert_eq!(cooldown_end(third, 91).0, 210);
    let recovered = transition(third, &health_input(Verdict::ok(), at(210)), at(211));
    assert_eq!(recovered, Health::Ready);
}

#[test]
fn early_probe_does_not_block_the_final_probe() {
    let claimed = claim_probe(&health_after(&[(0, limited())]), at(29)).unwrap();
    let failed = transition(claimed, &health_input(limited(), at(29)), at(29));
    assert_eq!(cooldown_end(failed, 29), (30, EarlyProbe::Denied));
    assert_eq!(readiness(&failed, at(30)), Readiness::Probe);
    let second = claim_probe(&failed, at(30)).unwrap();
    assert_eq!(claim_probe(&second, at(31)), None);
}

#[test]
fn out_of_credit_is_probed_after_a_quarter_of_an_hour() {
    let health = health_after(&[(0, out_of_credit())]);
    assert_eq!(cooldown_end(health, 1).0, 900);
    let again = health_after(&[(0, out_of_credit()), (900, out_of_credit())]);
    assert_eq!(cooldown_end(again, 901).0, 900 + 1_800);
}

#[test]
fn rejected_credential_is_retried_once_before_it_is_dead() {
    let rejected_once = health_after(&[(0, rejected())]);
    assert_eq!(readiness(&rejected_once, at(0)), Readiness::Probe);
    let claimed = claim_probe(&rejected_once, at(1)).unwrap();
    assert_eq!(cooldown_end(claimed, 2), (61, EarlyProbe::Denied));
    assert_eq!(claim_probe(&claimed, at(2)), None);
    let dead = transition(claimed, &health_input(rejected(), at(1)), at(2));
    assert!(
        matches!(readiness(&dead, at(9)), Readiness::Blocked(BlockReason::Dead(code)) if code.name() == "invalid_key")
    );
    assert_eq!(ready_at(&dead), None);
    // A temporary error of a proxy.
    let recovered = transition(claimed, &health_input(Verdict::ok(), at(1)), at(2));
    assert_eq!(recovered, Health::Ready);
    // Requests that were leased before the first response confirm nothing.
    assert_eq!(
        transition(rejected_once, &health_input(rejected(), at(-5)), at(1)),
        rejected_once
    );
}

#[test]
fn fetched_secret_is_never_dead() {
    let mut health = Health::Ready;
    for second in [0, 100, 200, 400] {
        let mut input = health_input(rejected(), at(second));
        input.storage = SecretStorage::Fetched;
        health = transition(health, &input, at(second));
    }
    assert_eq!(cooldown_end(health, 401).0, 400 + 240);
}

#[test]
fn rate_limit_means_the_credential_was_accepted() {
    let health = health_after(&[(0, rejected()), (1, limited_until(10))]);
    assert_eq!(ready_at(&health), Some(at(10)));
}

#[test]
fn invalid_request_only_proves_acceptance() {
    assert_eq!(
        health_after(&[(0, rejected()), (1, invalid_request())]),
        Health::Ready
    );
    let credit = health_after(&[(0, out_of_credit())]);
    assert_eq!(
        transition(credit, &health_input(invalid_request(), at(1)), at(2)),
        credit
    );
}

#[test]
fn probe_without_result_is_released() {
    let rejected_once = health_after(&[(0, rejected())]);
    let claimed = claim_probe(&rejected_once, at(10)).unwrap();
    let before = transition(claimed, &health_input(overloaded(), at(9)), at(11));
    assert_eq!(before, claimed, "a response to another request");
    let released = transition(claimed, &health_input(overloaded(), at(10)), at(11));
    assert_eq!(readiness(&released, at(11)), Readiness::Probe);
}

#[test]
fn blocked_until_the_user_resumes() {
    let health = health_after(&[(0, blocked())]);
    assert!(matches!(
        readiness(&health, at(999_999)),
        Readiness::Blocked(BlockReason::Blocked(_))
    ));
    assert_eq!(
        apply_action(health, ManualAction::Resume, at(1)),
        Health::Ready
    );
}

#[test]
fn upstream_errors_do_not_change_health() {
    for verdict in [overloaded(), upstream_failed(), Verdict::no_response()] {
        for before in [
            Health::Ready,
            health_after(&[(0, limited())]),
            health_after(&[(0, rejected())]),
        ] {
            assert_eq!(
                transition(before, &health_input(verdict, at(50)), at(50)),
                before
            );
        }
    }
}

#[test]
fn success_clears_only_earlier_cooldowns() {
    let health = health_after(&[(10, limited())]);
    let stale = transition(health, &health_input(Verdict::ok(), at(5)), at(11));
    assert_eq!(stale, health);
    let probe = transition(health, &health_input(Verdict::ok(), at(12)), at(13));
    assert_eq!(probe, Health::Ready);
}

#[test]
fn server_reset_replaces_guess_and_severe_failure_the_lesser() {
    let health = health_after(&[(0, limited()), (1, limited_until(7))]);
    assert_eq!(ready_at(&health), Some(at(7)));
    assert!(
        matches!(health, Health::Cooldown(cooldown) if cooldown.time_source == TimeSource::Server)
    );
    let severe = health_after(&[(0, limited_until(7)), (1, out_of_credit())]);
    assert_eq!(ready_at(&severe), Some(at(901)));
    let minor = health_after(&[(0, out_of_credit()), (1, limited_until(7))]);
    assert_eq!(ready_at(&minor), Some(at(900)));
}

#[test]
fn long_server_cooldown_is_probed_once_a_day() {
    let health = health_after(&[(0, limited_until(10 * 86_400))]);
    assert_eq!(cooldown_end(health, 86_399), (86_400, EarlyProbe::Denied));
    assert_eq!(readiness(&health, at(86_400)), Readiness::Probe);
    let claimed = claim_probe(&health, at(86_400)).unwrap();
    assert_eq!(
        cooldown_end(claimed, 86_401),
        (2 * 86_400, EarlyProbe::Denied)
    );
    assert_eq!(next_probe_at(&claimed), Some(at(2 * 86_400)));
}

#[test]
fn clock_jump_lengthens_nothing() {
    let health = health_after(&[(10_000, limited())]);
    // Back by hours: the remaining time is unknown, so one request probes.
    assert_eq!(readiness(&health, at(0)), Readiness::Probe);
    let claimed = claim_probe(&health, at(0)).unwrap();
    assert_eq!(cooldown_end(claimed, 1), (60, EarlyProbe::Denied));
    let failed = transition(health, &health_input(limited(), at(1)), at(1));
    assert_eq!(cooldown_end(failed, 2).0, 1 + 60);
    // Forward: the cooldown has ended.
    assert_eq!(readiness(&health, at(20_000)), Readiness::Probe);
    // An implausible end.
    let Health::Cooldown(mut cooldown) = health_after(&[(0, limited())]) else {
        panic!("not in cooldown");
    };
    cooldown.until = at(400 * 86_400);
    assert_eq!(ready_at(&Health::Cooldown(cooldown)), Some(at(600)));
}

#[test]
fn responses_do_not_change_what_the_user_set() {
    let drained = apply_action(Health::Ready, ManualAction::Drain, at(0));
    let paused = apply_action(Health::Ready, ManualAction::Pause { until: at(600) }, at(0));
    for health in [drained, paused] {
        for verdict in [Verdict::ok(), limited(), rejected(), blocked()] {
            assert_eq!(
                transition(health, &health_input(verdict, at(5)), at(6)),
                health
            );
        }
    }
    assert_eq!(cooldown_end(paused, 599), (600, EarlyProbe::Denied));
    assert_eq!(readiness(&paused, at(600)), Readiness::Ready);
    assert_eq!(
        apply_action(drained, ManualAction::Resume, at(1)),
        Health::Ready
    );
    assert_eq!(
        apply_action(paused, ManualAction::Resume, at(1)),
        Health::Ready
    );
}

#[test]
fn most_severe_of_several_scopes_decides() {
    let limit = readiness(&health_after(&[(0, limited_until(3))]), at(1));
    let credit = readiness(&health_after(&[(0, out_of_credit())]), at(1));
    let probe = readiness(&health_after(&[(0, limited())]), at(31));
    let dead = Readiness::Blocked(BlockReason::Drained);
    for (all, expected) in [
        (vec![], Readiness::Ready),
        (vec![Readiness::Ready, probe], Readiness::Probe),
        (vec![probe, limit], limit),
        (vec![limit, probe], limit),
        (vec![limit, dead, credit], dead),
    ] {
        assert_eq!(combine(all), expected);
    }
    let Readiness::Cooldown {
        until,
        early_probe,
        reason,
    } = combine([limit, credit])
    else {
        panic!("not in cooldown");
    };
    assert_eq!(
        (until, early_probe),
        (at(0) + seconds(900), EarlyProbe::Denied)
    );
    assert!(matches!(reason, CooldownReason::Response(code) if code.name() == "out_of_credit"));
}
