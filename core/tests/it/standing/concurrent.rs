//! Requests that run at once, over one standing with compare-and-swap as the store has it: in every order that was
//! played, one probe at a time is out, and what remains is what some order of whole steps would have left.

use jiff::Timestamp;
use keyreeve_core::standing::{Early, Heard, Readiness, Standing, claim, readiness, step};
use keyreeve_core::verdict::Verdict;
use shuttle::sync::{Arc, Mutex};

use super::{after, at, heard, limited, limited_until, overloaded, refused, wrong_request};

/// How many orders are played of each case.
const ORDERS: usize = 150;

/// What one request does to the standing: it may take the probe, and it reports.
#[derive(Clone, Copy, Debug)]
enum Event {
    Claim(Timestamp),
    Report(Heard, Timestamp),
}

impl Event {
    fn on(self, standing: Standing) -> Standing {
        match self {
            Self::Claim(now) => claim(&standing, now).unwrap_or(standing),
            Self::Report(heard, now) => step(standing, &heard, now),
        }
    }
}

/// What all requests share.
struct Shared {
    standing: Mutex<Standing>,
    /// Read once, it has moved on: no two moments are the same.
    clock: Mutex<i64>,
    probes_out: Mutex<usize>,
}

impl Shared {
    fn now(&self) -> Timestamp {
        let mut clock = self.clock.lock().unwrap();
        *clock += 1;
        at(100) + jiff::SignedDuration::from_micros(*clock)
    }

    /// As a cache of the store gives it: true a moment ago.
    fn known(&self) -> Standing {
        *self.standing.lock().unwrap()
    }

    /// As the store's one transaction: read, step, write. Whether anything changed.
    fn swap(&self, event: Event) -> bool {
        let mut standing = self.standing.lock().unwrap();
        let before = *standing;
        *standing = event.on(before);
        *standing != before
    }

    /// A request from lease to report, and what it did; none where it was not leased anything.
    fn request(&self, verdict: Verdict) -> Vec<Event> {
        let known = self.known();
        let asked_at = self.now();
        let mut events = Vec::new();
        match readiness(&known, asked_at) {
            Readiness::Ready => {}
            Readiness::Probe
            | Readiness::Resting {
                early: Early::MayProbe,
                ..
            } => {
                if !self.swap(Event::Claim(asked_at)) {
                    return events;
                }
                events.push(Event::Claim(asked_at));
                *self.probes_out.lock().unwrap() += 1;
            }
            Readiness::Resting {
                early: Early::No, ..
            }
            | Readiness::Closed(_) => return events,
        }
        let as_probe = !events.is_empty();
        assert!(*self.probes_out.lock().unwrap() <= 1, "two probes are out");

        let report = Event::Report(heard(verdict, asked_at), self.now());
        events.push(report);
        // A report that would change nothing now is not sent to the store.
        let known = self.known();
        if as_probe {
            *self.probes_out.lock().unwrap() -= 1;
        }
        if report.on(known) != known {
            self.swap(report);
        }
        events
    }
}

/// Plays requests that get these answers, all at once.
fn check(name: &str, begun: Standing, verdicts: [Verdict; 3]) {
    let name = name.to_owned();
    shuttle::check_random(
        move || {
            let shared = Arc::new(Shared {
                standing: Mutex::new(begun),
                clock: Mutex::new(0),
                probes_out: Mutex::new(0),
            });
            let request = |verdict| {
                let shared = Arc::clone(&shared);
                shuttle::thread::spawn(move || shared.request(verdict))
            };
            let running = verdicts.map(request);
            let events = running.map(|request| request.join().unwrap());
            let after = shared.known();
            assert!(
                is_of_some_order(begun, &events, after),
                "{name}: no order of {events:#?} leaves {after:#?}"
            );
        },
        ORDERS,
    );
}

/// Whether the events of the requests, each request's in its own order, can leave this.
fn is_of_some_order(standing: Standing, left: &[Vec<Event>; 3], after: Standing) -> bool {
    if left.iter().all(Vec::is_empty) {
        return standing == after;
    }
    (0..left.len()).any(|next| {
        let mut rest = left.clone();
        if rest[next].is_empty() {
            return false;
        }
        let event = rest[next].remove(0);
        is_of_some_order(event.on(standing), &rest, after)
    })
}

#[test]
fn whatever_the_order_one_probe_is_out_and_no_report_is_lost() {
    let half_open = || after(&[(0, limited())]);
    let suspected = || after(&[(0, refused())]);
    let ok = Verdict::ok;
    for (name, begun, verdicts) in [
        ("a limit", Standing::Ready, [limited(), limited(), ok()]),
        (
            "a guess and a time",
            Standing::Ready,
            [limited(), limited_until(200), ok()],
        ),
        ("refusals", Standing::Ready, [refused(), refused(), ok()]),
        (
            "two troubles",
            Standing::Ready,
            [refused(), limited_until(200), wrong_request()],
        ),
        ("a probe", half_open(), [ok(), limited(), limited()]),
        (
            "probes that find nothing out",
            half_open(),
            [overloaded(), overloaded(), ok()],
        ),
        ("a suspicion", suspected(), [refused(), refused(), ok()]),
        (
            "a suspicion and a limit",
            suspected(),
            [limited_until(200), overloaded(), wrong_request()],
        ),
    ] {
        check(name, begun, verdicts);
    }
}
