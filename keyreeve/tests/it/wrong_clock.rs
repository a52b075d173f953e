//! ST-10: a cooldown saved while the clock was wrong lasts no longer than under the right clock, also after a restart.

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::health::{
    BackoffSchedule, Cooldown, Health, HealthReason, HealthScope, TimeSource,
};
use keyreeve_core::verdict::{DecidedBy, VerdictCode};
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::sandbox::Sandbox;

use crate::case::{Case, assert_exit};
use crate::serving::{Serving, message};

const YEARS: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
const MINUTE: SignedDuration = SignedDuration::from_secs(60);

fn health_reason(code: &str) -> HealthReason {
    HealthReason {
        code: VerdictCode::parse(code).unwrap(),
        decided_by: DecidedBy::Header,
    }
}

/// Returns a cooldown of one minute that started at `since`.
fn cooldown_since(
    schedule: BackoffSchedule,
    time: TimeSource,
    code: Option<&str>,
    since: Timestamp,
) -> Health {
    Health::Cooldown(Cooldown {
        schedule,
        reason: code.map(health_reason),
        since,
        until: since + MINUTE,
        time_source: time,
        failures: u32::from(code.is_some()),
        probed_at: (time == TimeSource::Schedule).then_some(since),
    })
}

/// Starts with this health in the store, and expects `status` and requests to see a usable profile.
#[track_caller]
fn check_serves(name: &str, health: Health, state: &str) {
    let (case, sandbox) = (Case::new(), Sandbox::start());
    let secret = Canary::api_key("clock");
    case.home.plant(&secret);
    let origin = sandbox.base_url();
    let add = ["profile", "add", "work", "--stdin", "--insecure-loopback"];
    let add = [add.as_slice(), &["--simulated", "--origin", &origin]].concat();
    assert_exit(case.feed(&add, secret.value()), 0);
    let key = case.run(&["key", "add", "laptop", "--profile", "work"]);
    let key = key.expect_code(0).stdout.trim().to_owned();
    let store = case.store();
    let profile = store.lease_snapshot().unwrap().policy.profiles()[0].id;
    let scope = HealthScope::Credential(profile);
    store.update_health(&scope, move |_| health).unwrap();
    drop(store);

    let status = case.run(&["status", "--json"]).expect_code(0).json();
    let shown = &status["profiles"][0]["health"];
    assert_eq!(shown["state"], state, "{name}: {shown}");
    let serving = Serving::start(&case);
    for _ in 0..3 {
        assert_eq!(serving.ask(&key, &message("hi")).status(), 200, "{name}");
    }
    assert_exit(serving.end(), 0);
    let after = case.run(&["profile", "show", "work", "--json"]);
    let after = after.expect_code(0).json();
    assert_eq!(after["health"]["state"], "ready", "{name}: {after}");
}

/// ST-10: a cooldown saved under a wrong clock lasts no longer than under the right one.
#[test]
fn cooldown_from_a_wrong_clock_ends_in_time() {
    let now = keyreeve_os::system::now();
    let (limit, credit) = (Some("minute_limit"), Some("out_of_credit"));
    for (name, schedule, time, code, since, state) in [
        (
            "a server's time in the future",
            BackoffSchedule::Limit,
            TimeSource::Server,
            limit,
            now + YEARS,
            "probing",
        ),
        (
            "a server's time in the past",
            BackoffSchedule::Limit,
            TimeSource::Server,
            limit,
            now - YEARS,
            "ready",
        ),
        (
            "a backoff in the future, and its probe",
            BackoffSchedule::Billing,
            TimeSource::Schedule,
            credit,
            now + YEARS,
            "probing",
        ),
        (
            "a backoff in the past",
            BackoffSchedule::Billing,
            TimeSource::Schedule,
            credit,
            now - YEARS,
            "probing",
        ),
        (
            "a suspicion in the future",
            BackoffSchedule::Authentication,
            TimeSource::Schedule,
            Some("invalid_key"),
            now + YEARS,
            "probing",
        ),
        (
            "a user's pause in the past",
            BackoffSchedule::Manual,
            TimeSource::User,
            None,
            now - YEARS,
            "ready",
        ),
    ] {
        check_serves(name, cooldown_since(schedule, time, code, since), state);
    }
}
