//! ST-10: what a wrong clock wrote into the store rests nobody longer than the right clock would, across a restart.

use jiff::{SignedDuration, Timestamp};
use keyreeve_core::standing::{Rest, Schedule, Scope, Standing, TimeSource, Why};
use keyreeve_core::verdict::{Code, Evidence};
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::sandbox::Sandbox;

use crate::case::{Case, ends};
use crate::serving::{Serving, message};

const YEARS: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);
const MINUTE: SignedDuration = SignedDuration::from_secs(60);

fn why(code: &str) -> Why {
    Why {
        code: Code::of(code).unwrap(),
        evidence: Evidence::Header,
    }
}

/// A rest of a minute that began when the clock said `since`.
fn rest(schedule: Schedule, time: TimeSource, code: Option<&str>, since: Timestamp) -> Standing {
    Standing::Resting(Rest {
        schedule,
        why: code.map(why),
        since,
        until: since + MINUTE,
        time,
        failures: u32::from(code.is_some()),
        probed: (time == TimeSource::Schedule).then_some(since),
    })
}

/// Starts anew on a store in which this stands, and expects `status` and a request to see a profile that serves.
#[track_caller]
fn check_serves(name: &str, standing: Standing, state: &str) {
    let (case, sandbox) = (Case::new(), Sandbox::start());
    let secret = Canary::api_key("clock");
    case.home.plant(&secret);
    let origin = sandbox.base_url();
    let add = ["profile", "add", "work", "--stdin", "--insecure-loopback"];
    let add = [add.as_slice(), &["--simulated", "--origin", &origin]].concat();
    ends(case.feed(&add, secret.value()), 0);
    let key = case.run(&["key", "add", "laptop", "--profile", "work"]);
    let key = key.expect_code(0).stdout.trim().to_owned();
    let store = case.store();
    let profile = store.known().unwrap().policy.profiles()[0].id;
    let scope = Scope::Credential(profile);
    store.update_standing(&scope, move |_| standing).unwrap();
    drop(store);

    let status = case.run(&["status", "--json"]).expect_code(0).json();
    let shown = &status["profiles"][0]["standing"];
    assert_eq!(shown["state"], state, "{name}: {shown}");
    let serving = Serving::start(&case);
    for _ in 0..3 {
        assert_eq!(serving.ask(&key, &message("hi")).status(), 200, "{name}");
    }
    ends(serving.end(), 0);
    let after = case.run(&["profile", "show", "work", "--json"]);
    let after = after.expect_code(0).json();
    assert_eq!(after["standing"]["state"], "ready", "{name}: {after}");
}

#[test]
fn st_10_a_rest_of_another_decade() {
    let now = keyreeve_os::world::now();
    let (limit, credit) = (Some("minute_limit"), Some("out_of_credit"));
    for (name, schedule, time, code, since, state) in [
        (
            "a server's time to come",
            Schedule::Limit,
            TimeSource::Server,
            limit,
            now + YEARS,
            "probing",
        ),
        (
            "a server's time of long ago",
            Schedule::Limit,
            TimeSource::Server,
            limit,
            now - YEARS,
            "ready",
        ),
        (
            "a guess to come, and its probe",
            Schedule::Billing,
            TimeSource::Schedule,
            credit,
            now + YEARS,
            "probing",
        ),
        (
            "a guess of long ago",
            Schedule::Billing,
            TimeSource::Schedule,
            credit,
            now - YEARS,
            "probing",
        ),
        (
            "a suspicion to come",
            Schedule::Authentication,
            TimeSource::Schedule,
            Some("invalid_key"),
            now + YEARS,
            "probing",
        ),
        (
            "a person's rest of long ago",
            Schedule::Person,
            TimeSource::Person,
            None,
            now - YEARS,
            "ready",
        ),
    ] {
        check_serves(name, rest(schedule, time, code, since), state);
    }
}
