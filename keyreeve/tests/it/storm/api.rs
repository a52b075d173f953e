//! The API in the storm: organizations whose limits fill up, one that runs out of money, and now and then an overload.
//!
//! Invariant: what was told to whom, and until when, is written down as it is told: it is what the gateway is held to.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use keyreeve_os::world;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::fixtures;
use keyreeve_testkit::random::Random;
use keyreeve_testkit::upstream::{Received, Step, reply};
use serde_json::json;

use super::size::Size;

/// The organization of each profile.
pub(super) const MEMBERS: [usize; 5] = [0, 0, 1, 1, 2];
/// As answers name them.
pub(super) const ORGANIZATIONS: [&str; 3] = ["organization-a", "organization-b", "organization-c"];
/// Whose money ends half-way.
const SPENT: usize = 2;
/// A request, or an answer, is a moment on its way.
pub(super) const ON_ITS_WAY: SignedDuration = SignedDuration::from_millis(1_500);
/// What part of all that is asked, in percent, each organization may answer. Together it is less than all.
const ROOM: [u64; 3] = [30, 25, 15];
/// One of so many is told of an overload.
const OVERLOADS: u64 = 100;

/// The API.
pub(super) struct Api {
    size: Size,
    begun: Timestamp,
    secrets: Vec<Canary>,
    state: Mutex<State>,
    good: String,
    stream: Vec<u8>,
}

struct State {
    random: Random,
    organizations: [Organization; 3],
    overloads: usize,
    in_vain: usize,
}

#[derive(Default)]
struct Organization {
    window: i64,
    answered: u64,
    told: Vec<Told>,
}

/// That an organization was told to wait: from when on that is known, and until when it holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) at: Timestamp,
    pub(super) until: Timestamp,
}

impl Api {
    pub(super) fn new(size: Size, secrets: Vec<Canary>, random: Random) -> Self {
        Self {
            size,
            begun: world::now(),
            secrets,
            state: Mutex::new(State {
                random,
                organizations: Default::default(),
                overloads: 0,
                in_vain: 0,
            }),
            good: fixtures::json("success.json")["body"].to_string(),
            stream: fixtures::bytes("success-stream.sse"),
        }
    }

    /// What each organization was told so far.
    pub(super) fn told(&self) -> [Vec<Told>; 3] {
        let state = self.state.lock().unwrap();
        std::array::from_fn(|number| state.organizations[number].told.clone())
    }

    /// How many were told of an overload.
    pub(super) fn overloads(&self) -> usize {
        self.state.lock().unwrap().overloads
    }

    /// How many asked an organization that had told to wait, longer ago than a request can be on its way.
    pub(super) fn in_vain(&self) -> usize {
        self.state.lock().unwrap().in_vain
    }

    /// Which profile a request was sent with.
    pub(super) fn profile(&self, request: &Received) -> usize {
        let credentials = request.credentials();
        let (_, sent) = credentials.first().expect("a request has a credential");
        let sent = sent.strip_prefix("Bearer ").unwrap_or(sent);
        let holds = |secret: &Canary| secret.value() == sent;
        self.secrets
            .iter()
            .position(holds)
            .expect("it is one of ours")
    }

    pub(super) fn answer(&self, request: &Received) -> Vec<Step> {
        let organization = MEMBERS[self.profile(request)];
        let name = ("anthropic-organization-id", ORGANIZATIONS[organization]);
        let verdict = self.verdict(organization);
        let time = std::time::Duration::from_millis(20);
        let refuse = |status, more: &[(&str, &str)], kind, message: &str| {
            let body = json!({"type": "error", "error": {"type": kind, "message": message}});
            let headers = [&[("content-type", "application/json"), name], more].concat();
            reply::with_headers(status, &headers, body.to_string().as_bytes())
        };
        match verdict {
            Verdict::Good if contains(&request.body, b"\"stream\":true") => {
                let pieces = self.stream.chunks(self.stream.len() / 3 + 1);
                reply::paced(reply::stream_with(&[name], pieces), time / 4)
            }
            Verdict::Good => {
                let headers = [("content-type", "application/json"), name];
                reply::paced(
                    reply::with_headers(200, &headers, self.good.as_bytes()),
                    time,
                )
            }
            Verdict::Overloaded => refuse(529, &[], "overloaded_error", "Overloaded"),
            Verdict::Limited(seconds) => refuse(
                429,
                &[("retry-after", &seconds.to_string())],
                "rate_limit_error",
                "This request would exceed your organization's rate limit of 50 requests per minute",
            ),
            Verdict::Spent(until) => refuse(
                400,
                &[],
                "invalid_request_error",
                &format!(
                    "You have reached your specified API usage limits. You will regain access on {} at 00:00 UTC.",
                    until.strftime("%Y-%m-%d")
                ),
            ),
        }
    }

    fn verdict(&self, number: usize) -> Verdict {
        let now = world::now();
        let since = now.duration_since(self.begun);
        let mut state = self.state.lock().unwrap();
        let rests = |told: &Told| told.at + ON_ITS_WAY < now && now < told.until;
        if state.organizations[number].told.iter().any(rests) {
            state.in_vain += 1;
        }
        if state.random.below(OVERLOADS) == 0 {
            state.overloads += 1;
            return Verdict::Overloaded;
        }
        let organization = &mut state.organizations[number];
        if number == SPENT && since > self.size.time() / 2 {
            let day = SignedDuration::from_hours(24);
            let until = Timestamp::from_second((now + day * 3).as_second() / 86_400 * 86_400);
            let until = until.unwrap();
            organization.told.push(Told { at: now, until });
            return Verdict::Spent(until);
        }
        let window = since.as_millis() / self.size.window().as_millis();
        let window = i64::try_from(window).unwrap();
        if organization.window != window {
            (organization.window, organization.answered) = (window, 0);
        }
        organization.answered += 1;
        if organization.answered <= self.size.a_window() * ROOM[number] / 100 {
            return Verdict::Good;
        }
        let ends = self.begun + self.size.window() * i32::try_from(window + 1).unwrap();
        let seconds = ends.duration_since(now).as_millis().max(1);
        let seconds = u64::try_from(seconds).unwrap().div_ceil(1_000);
        let until = now + SignedDuration::from_secs(i64::try_from(seconds).unwrap());
        organization.told.push(Told { at: now, until });
        Verdict::Limited(seconds)
    }
}

/// What an organization is told.
enum Verdict {
    Good,
    Overloaded,
    Limited(u64),
    Spent(Timestamp),
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    body.windows(text.len()).any(|part| part == text)
}
