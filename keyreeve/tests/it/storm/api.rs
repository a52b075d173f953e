//! The simulated API of the storm: organizations whose rate limits fill up, one that runs out of money, and some overloads.
//!
//! Invariant: every instruction to wait is recorded when it is sent, and the gateway is judged by these records.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use keyreeve_os::system;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::fixtures;
use keyreeve_testkit::random::SeededRandom;
use keyreeve_testkit::upstream::{ReceivedRequest, Step, responses};
use serde_json::json;

use super::size::Size;

/// The organization of each profile.
pub(super) const ORGANIZATION_OF_PROFILE: [usize; 5] = [0, 0, 1, 1, 2];
/// Their ids in responses.
pub(super) const ORGANIZATIONS: [&str; 3] = ["organization-a", "organization-b", "organization-c"];
/// The organization whose money runs out half-way.
const SPENT_ORGANIZATION: usize = 2;
/// Allowance for requests and responses in flight.
pub(super) const IN_FLIGHT: SignedDuration = SignedDuration::from_millis(1_500);
/// The share of all requests, in percent, that each organization may serve; together less than 100.
const CAPACITY_PERCENT: [u64; 3] = [30, 25, 15];
/// One of this many requests gets an overload error.
const OVERLOAD_RATE: u64 = 100;

/// The simulated API.
pub(super) struct StormApi {
    size: Size,
    started: Timestamp,
    secrets: Vec<Canary>,
    state: Mutex<ApiState>,
    good: String,
    stream: Vec<u8>,
}

struct ApiState {
    random: SeededRandom,
    organizations: [OrganizationState; 3],
    overloads: usize,
    wasted: usize,
}

#[derive(Default)]
struct OrganizationState {
    window: i64,
    served: u64,
    wait_instructions: Vec<WaitInstruction>,
}

/// An instruction to wait that was sent to an organization's client: when, and until when.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitInstruction {
    pub(super) at: Timestamp,
    pub(super) until: Timestamp,
}

impl StormApi {
    pub(super) fn new(size: Size, secrets: Vec<Canary>, random: SeededRandom) -> Self {
        Self {
            size,
            started: system::now(),
            secrets,
            state: Mutex::new(ApiState {
                random,
                organizations: Default::default(),
                overloads: 0,
                wasted: 0,
            }),
            good: fixtures::json("success.json")["body"].to_string(),
            stream: fixtures::bytes("success-stream.sse"),
        }
    }

    /// Returns the wait instructions sent so far, by organization.
    pub(super) fn wait_instructions(&self) -> [Vec<WaitInstruction>; 3] {
        let state = self.state.lock().unwrap();
        std::array::from_fn(|number| state.organizations[number].wait_instructions.clone())
    }

    /// Returns the number of overload errors.
    pub(super) fn overloads(&self) -> usize {
        self.state.lock().unwrap().overloads
    }

    /// Returns the number of requests to an organization that had sent a wait instruction before, not counting those in flight.
    pub(super) fn wasted(&self) -> usize {
        self.state.lock().unwrap().wasted
    }

    /// Returns the index of the profile whose credential the request carries.
    pub(super) fn profile(&self, request: &ReceivedRequest) -> usize {
        let credentials = request.credentials();
        let (_, sent) = credentials.first().expect("a request has a credential");
        let sent = sent.strip_prefix("Bearer ").unwrap_or(sent);
        let holds = |secret: &Canary| secret.value() == sent;
        self.secrets
            .iter()
            .position(holds)
            .expect("it is one of our credentials")
    }

    pub(super) fn reply(&self, request: &ReceivedRequest) -> Vec<Step> {
        let organization = ORGANIZATION_OF_PROFILE[self.profile(request)];
        let name = ("anthropic-organization-id", ORGANIZATIONS[organization]);
        let api_reply = self.choose_reply(organization);
        let time = std::time::Duration::from_millis(20);
        let refuse = |status, more: &[(&str, &str)], kind, message: &str| {
            let body = json!({"type": "error", "error": {"type": kind, "message": message}});
            let headers = [&[("content-type", "application/json"), name], more].concat();
            responses::with_headers(status, &headers, body.to_string().as_bytes())
        };
        match api_reply {
            ApiReply::Good if contains(&request.body, b"\"stream\":true") => {
                let pieces = self.stream.chunks(self.stream.len() / 3 + 1);
                responses::paced(responses::stream_with(&[name], pieces), time / 4)
            }
            ApiReply::Good => {
                let headers = [("content-type", "application/json"), name];
                responses::paced(
                    responses::with_headers(200, &headers, self.good.as_bytes()),
                    time,
                )
            }
            ApiReply::Overloaded => refuse(529, &[], "overloaded_error", "Overloaded"),
            ApiReply::Limited(seconds) => refuse(
                429,
                &[("retry-after", &seconds.to_string())],
                "rate_limit_error",
                "This request would exceed your organization's rate limit of 50 requests per minute",
            ),
            ApiReply::Spent(until) => refuse(
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

    fn choose_reply(&self, number: usize) -> ApiReply {
        let now = system::now();
        let since = now.duration_since(self.started);
        let mut state = self.state.lock().unwrap();
        let is_waiting = |instruction: &WaitInstruction| {
            instruction.at + IN_FLIGHT < now && now < instruction.until
        };
        if state.organizations[number]
            .wait_instructions
            .iter()
            .any(is_waiting)
        {
            state.wasted += 1;
        }
        if state.random.below(OVERLOAD_RATE) == 0 {
            state.overloads += 1;
            return ApiReply::Overloaded;
        }
        let organization = &mut state.organizations[number];
        if number == SPENT_ORGANIZATION && since > self.size.time() / 2 {
            let day = SignedDuration::from_hours(24);
            let until = Timestamp::from_second((now + day * 3).as_second() / 86_400 * 86_400);
            let until = until.unwrap();
            organization
                .wait_instructions
                .push(WaitInstruction { at: now, until });
            return ApiReply::Spent(until);
        }
        let window = since.as_millis() / self.size.window().as_millis();
        let window = i64::try_from(window).unwrap();
        if organization.window != window {
            (organization.window, organization.served) = (window, 0);
        }
        organization.served += 1;
        if organization.served <= self.size.requests_per_window() * CAPACITY_PERCENT[number] / 100 {
            return ApiReply::Good;
        }
        let ends = self.started + self.size.window() * i32::try_from(window + 1).unwrap();
        let seconds = ends.duration_since(now).as_millis().max(1);
        let seconds = u64::try_from(seconds).unwrap().div_ceil(1_000);
        let until = now + SignedDuration::from_secs(i64::try_from(seconds).unwrap());
        organization
            .wait_instructions
            .push(WaitInstruction { at: now, until });
        ApiReply::Limited(seconds)
    }
}

/// A reply to one request.
enum ApiReply {
    Good,
    Overloaded,
    Limited(u64),
    Spent(Timestamp),
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    body.windows(text.len()).any(|part| part == text)
}
