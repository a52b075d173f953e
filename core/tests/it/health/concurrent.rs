//! Concurrent requests over one health state with compare-and-swap, as in the store: in every interleaving tested, at
//! most one probe is claimed, and the final state is one that some sequential order of transitions produces.

use jiff::Timestamp;
use keyreeve_core::health::{
    EarlyProbe, Health, HealthInput, Readiness, claim_probe, readiness, transition,
};
use keyreeve_core::verdict::Verdict;
use shuttle::sync::{Arc, Mutex};

use super::{
    at, health_after, health_input, invalid_request, limited, limited_until, overloaded, rejected,
};

/// Number of interleavings tested per case.
const INTERLEAVINGS: usize = 150;

/// A change by one request: claiming the probe or reporting a result.
#[derive(Clone, Copy, Debug)]
enum Event {
    Claim(Timestamp),
    Report(HealthInput, Timestamp),
}

impl Event {
    fn apply_to(self, health: Health) -> Health {
        match self {
            Self::Claim(now) => claim_probe(&health, now).unwrap_or(health),
            Self::Report(health_input, now) => transition(health, &health_input, now),
        }
    }
}

/// The state shared by all requests.
struct Shared {
    health: Mutex<Health>,
    /// Advances with every reading, so that no two timestamps are equal.
    clock: Mutex<i64>,
    claimed_probes: Mutex<usize>,
}

impl Shared {
    fn now(&self) -> Timestamp {
        let mut clock = self.clock.lock().unwrap();
        *clock += 1;
        at(100) + jiff::SignedDuration::from_micros(*clock)
    }

    /// Returns the cached health, which may be slightly stale.
    fn cached(&self) -> Health {
        *self.health.lock().unwrap()
    }

    /// Applies an event in one transaction, as in the store. Returns `true` if anything changed.
    fn swap(&self, event: Event) -> bool {
        let mut health = self.health.lock().unwrap();
        let before = *health;
        *health = event.apply_to(before);
        *health != before
    }

    /// Runs a request from lease to report and returns its events; empty if it got no lease.
    fn request(&self, verdict: Verdict) -> Vec<Event> {
        let cached = self.cached();
        let leased_at = self.now();
        let mut events = Vec::new();
        match readiness(&cached, leased_at) {
            Readiness::Ready => {}
            Readiness::Probe
            | Readiness::Cooldown {
                early_probe: EarlyProbe::Allowed,
                ..
            } => {
                if !self.swap(Event::Claim(leased_at)) {
                    return events;
                }
                events.push(Event::Claim(leased_at));
                *self.claimed_probes.lock().unwrap() += 1;
            }
            Readiness::Cooldown {
                early_probe: EarlyProbe::Denied,
                ..
            }
            | Readiness::Blocked(_) => return events,
        }
        let as_probe = !events.is_empty();
        assert!(
            *self.claimed_probes.lock().unwrap() <= 1,
            "two probes are claimed"
        );

        let report = Event::Report(health_input(verdict, leased_at), self.now());
        events.push(report);
        // A report that would change nothing is not sent to the store.
        let cached = self.cached();
        if as_probe {
            *self.claimed_probes.lock().unwrap() -= 1;
        }
        if report.apply_to(cached) != cached {
            self.swap(report);
        }
        events
    }
}

/// Runs requests with these verdicts concurrently.
fn check(name: &str, initial: Health, verdicts: [Verdict; 3]) {
    let name = name.to_owned();
    shuttle::check_random(
        move || {
            let shared = Arc::new(Shared {
                health: Mutex::new(initial),
                clock: Mutex::new(0),
                claimed_probes: Mutex::new(0),
            });
            let request = |verdict| {
                let shared = Arc::clone(&shared);
                shuttle::thread::spawn(move || shared.request(verdict))
            };
            let running = verdicts.map(request);
            let events = running.map(|request| request.join().unwrap());
            let after = shared.cached();
            assert!(
                is_sequentially_possible(initial, &events, after),
                "{name}: no order of {events:#?} produces {after:#?}"
            );
        },
        INTERLEAVINGS,
    );
}

/// Returns `true` if some sequential order of the requests' events produces this state.
fn is_sequentially_possible(health: Health, events: &[Vec<Event>; 3], after: Health) -> bool {
    if events.iter().all(Vec::is_empty) {
        return health == after;
    }
    (0..events.len()).any(|next| {
        let mut remaining = events.clone();
        if remaining[next].is_empty() {
            return false;
        }
        let event = remaining[next].remove(0);
        is_sequentially_possible(event.apply_to(health), &remaining, after)
    })
}

#[test]
fn one_probe_is_claimed_and_no_report_is_lost_in_any_order() {
    let half_open = || health_after(&[(0, limited())]);
    let rejected_once = || health_after(&[(0, rejected())]);
    let ok = Verdict::ok;
    for (name, initial, verdicts) in [
        ("a limit", Health::Ready, [limited(), limited(), ok()]),
        (
            "a guess and a reset time",
            Health::Ready,
            [limited(), limited_until(200), ok()],
        ),
        ("rejections", Health::Ready, [rejected(), rejected(), ok()]),
        (
            "two kinds of failure",
            Health::Ready,
            [rejected(), limited_until(200), invalid_request()],
        ),
        ("a probe", half_open(), [ok(), limited(), limited()]),
        (
            "probes without a result",
            half_open(),
            [overloaded(), overloaded(), ok()],
        ),
        (
            "a rejection",
            rejected_once(),
            [rejected(), rejected(), ok()],
        ),
        (
            "a rejection and a limit",
            rejected_once(),
            [limited_until(200), overloaded(), invalid_request()],
        ),
    ] {
        check(name, initial, verdicts);
    }
}
