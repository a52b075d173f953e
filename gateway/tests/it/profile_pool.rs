//! A test gateway with several profiles at two scripted upstreams, and a key for all of them.
//!
//! Invariant: requests are recorded in the order in which the upstreams received them, with the profile of their
//! secret.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyreeve_core::profile::{BillingClass, Profile, ProfileId};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::virtual_key::{KeyId, KeyKind, VirtualKey, generate_key};
use keyreeve_os::system;
use keyreeve_store::LedgerEntry;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::{ReceivedRequest, Scripted, Step, responses};
use keyreeve_testkit::wire::{Exchange, WireResponse};
use serde_json::json;
use uuid::Uuid;

use crate::harness::{JSON, REQUEST_BODY, Setup, TestGateway};

/// A profile's upstream and payer.
#[derive(Clone, Copy)]
pub(crate) struct PoolMember {
    pub(crate) upstream: UpstreamChoice,
    pub(crate) billing: BillingClass,
}

/// One of the two upstreams.
#[derive(Clone, Copy)]
pub(crate) enum UpstreamChoice {
    First,
    Second,
}

/// A profile at the first upstream, billed by its operator.
pub(crate) const FIRST_UPSTREAM: PoolMember = PoolMember {
    upstream: UpstreamChoice::First,
    billing: BillingClass::Gateway,
};

/// A profile at the second upstream, billed by its operator.
pub(crate) const SECOND_UPSTREAM: PoolMember = PoolMember {
    upstream: UpstreamChoice::Second,
    billing: BillingClass::Gateway,
};

/// The gateway, its profiles and their upstreams.
pub(crate) struct ProfilePool {
    pub(crate) gateway: TestGateway,
    pub(crate) profiles: Vec<Profile>,
    pub(crate) key: String,
    pub(crate) key_id: KeyId,
    requests: Arc<Mutex<Vec<(usize, ReceivedRequest)>>>,
    /// Kept running while the pool exists.
    _second: Scripted,
}

impl ProfilePool {
    /// Starts the pool. `script` gets the profile and the number of its request, and returns the response.
    pub(crate) fn start(
        members: &[PoolMember],
        script: impl Fn(usize, usize) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        Self::with(Setup::default(), members, |_| {}, script)
    }

    /// Starts the pool with another setup and an edited key.
    pub(crate) fn with(
        setup: Setup,
        members: &[PoolMember],
        edit: impl FnOnce(&mut VirtualKey),
        script: impl Fn(usize, usize) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let secrets: Vec<Canary> = std::iter::once(setup.secret.clone())
            .chain((1..members.len()).map(|number| Canary::api_key(&format!("profile-{number}"))))
            .collect();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let by_secret: HashMap<String, usize> = secrets
            .iter()
            .enumerate()
            .map(|(number, secret)| (secret.value().to_owned(), number))
            .collect();
        let (recorded, script) = (Arc::clone(&requests), Arc::new(script));
        let respond = move |received: &ReceivedRequest| {
            let (_, secret) = received.credentials().remove(0);
            let profile = by_secret[&secret];
            let mut requests = recorded.lock().unwrap();
            let number = requests
                .iter()
                .filter(|(other, _)| *other == profile)
                .count();
            requests.push((profile, received.clone()));
            drop(requests);
            script(profile, number)
        };
        let second = Scripted::start(respond.clone());
        let gateway = setup.start(respond);
        let profiles = add_profiles(&gateway, &second, members, &secrets);
        let (key, key_id) = key_for(&gateway, &profiles, edit);
        Self {
            gateway,
            profiles,
            key,
            key_id,
            requests,
            _second: second,
        }
    }

    /// Posts a message with the key for all.
    #[track_caller]
    pub(crate) fn post(&self) -> WireResponse {
        self.post_with(&[], REQUEST_BODY)
    }

    /// Posts a message of a session.
    #[track_caller]
    pub(crate) fn post_in_session(&self, session: &str, body: &[u8]) -> WireResponse {
        self.post_with(&[("x-claude-code-session-id", session)], body)
    }

    /// Posts a message with additional headers.
    #[track_caller]
    pub(crate) fn post_with(&self, headers: &[(&str, &str)], body: &[u8]) -> WireResponse {
        let mut all = vec![JSON, ("x-api-key", self.key.as_str())];
        all.extend(headers);
        self.gateway.send("POST /v1/messages", &all, body)
    }

    /// Posts a message on a new connection without waiting for the response.
    pub(crate) fn start_post(&self) -> Exchange {
        let headers = [JSON, ("x-api-key", self.key.as_str())];
        let mut exchange = self.gateway.connect();
        exchange.write(
            &self
                .gateway
                .request("POST /v1/messages", &headers, REQUEST_BODY),
        );
        exchange
    }

    /// The profiles used, in order.
    pub(crate) fn profiles_used(&self) -> Vec<usize> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|(profile, _)| *profile).collect()
    }

    /// The requests the upstreams received, in order.
    pub(crate) fn received(&self) -> Vec<ReceivedRequest> {
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .map(|(_, received)| received.clone())
            .collect()
    }

    /// The ledger, attempt by attempt: profile, number, reason, verdict.
    #[track_caller]
    pub(crate) fn attempts(&self) -> Vec<(usize, u32, &'static str, String)> {
        let attempt = |entry: LedgerEntry| {
            let position = |id| self.profiles.iter().position(|profile| profile.id == id);
            (
                position(entry.intent.profile).unwrap(),
                entry.intent.number,
                entry.intent.reason.name(),
                entry.outcome.unwrap().verdict.unwrap_or_default(),
            )
        };
        self.gateway.entries().into_iter().map(attempt).collect()
    }
}

/// Adds all profiles but the first.
fn add_profiles(
    gateway: &TestGateway,
    second: &Scripted,
    members: &[PoolMember],
    secrets: &[Canary],
) -> Vec<Profile> {
    let mut profiles = vec![gateway.profile.clone()];
    for (number, member) in members.iter().enumerate().skip(1) {
        let url = match member.upstream {
            UpstreamChoice::First => gateway.upstream.base_url(),
            UpstreamChoice::Second => second.base_url(),
        };
        let profile = Profile {
            id: ProfileId(Uuid::from_u128(100 + number as u128)),
            name: format!("further-{number}").parse().unwrap(),
            billing: member.billing,
            base_url: keyreeve_core::origin::BaseUrl::parse(
                &url,
                keyreeve_core::origin::PlainHttp::LoopbackOnly,
            )
            .unwrap(),
            source: keyreeve_core::profile::Source::Sealed,
            ..gateway.profile.clone()
        };
        let secret = Secret::new(secrets[number].value().to_owned());
        gateway.store.add_profile(&profile, Some(&secret)).unwrap();
        profiles.push(profile);
    }
    profiles
}

fn key_for(
    gateway: &TestGateway,
    profiles: &[Profile],
    edit: impl FnOnce(&mut VirtualKey),
) -> (String, KeyId) {
    let new_key = generate_key(KeyKind::User, system::random().unwrap());
    let mut key = VirtualKey {
        id: KeyId(Uuid::from_u128(7)),
        name: "all".parse().unwrap(),
        profiles: profiles.iter().map(|profile| profile.id).collect(),
        ..gateway.virtual_key.clone()
    };
    edit(&mut key);
    gateway
        .store
        .add_key(&key, new_key.public_id, new_key.hash)
        .unwrap();
    (new_key.key.expose_for(Sink::Display).to_owned(), key.id)
}

/// A response by its name, which contains the number of its profile.
pub(crate) fn scripted_response(name: &str, profile: usize) -> Vec<Step> {
    let (status, headers, kind, message): (u16, &[(&str, &str)], &str, &str) = match name {
        "ok" => {
            let body = json!({"type": "message", "model": "claude-haiku-5-5", "from": profile,
                "usage": {"input_tokens": 10, "output_tokens": 2}});
            return responses::json(200, &body.to_string());
        }
        "invalid key" => (401, &[], "authentication_error", "invalid x-api-key"),
        "no access" => (
            403,
            &[],
            "permission_error",
            "Your API key does not have permission to use the specified resource",
        ),
        "credit" => (
            400,
            &[],
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API.",
        ),
        "wrong" => (400, &[], "invalid_request_error", "max_tokens: required"),
        "no model" => (404, &[], "not_found_error", "model: claude-nothing"),
        "failing" => (500, &[], "api_error", "Internal server error"),
        "busy" => (529, &[], "overloaded_error", "Overloaded"),
        "limit 1" => (429, &[("retry-after", "1")], "rate_limit_error", MINUTE),
        "limit 3" => (429, &[("retry-after", "3")], "rate_limit_error", MINUTE),
        "limit 40" => (429, &[("retry-after", "40")], "rate_limit_error", MINUTE),
        "streamed error" => return responses::stream([streamed_error(profile).as_bytes()]),
        "stream" => return responses::stream([STREAM]),
        "broken" => return vec![Step::Close],
        other => unreachable!("there is no response named {other}"),
    };
    let body =
        json!({"type": "error", "error": {"type": kind, "message": message}, "from": profile});
    let headers = [&[JSON], headers].concat();
    responses::with_headers(status, &headers, body.to_string().as_bytes())
}

/// A stream that consists of one error.
pub(crate) fn streamed_error(profile: usize) -> String {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "from": profile});
    format!(": hello\n\nevent: error\ndata: {error}\n\n")
}

/// A short successful stream.
pub(crate) const STREAM: &[u8] = b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-haiku-5-5\",\"usage\":{\"input_tokens\":10,\"output_tokens\":1}}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

const MINUTE: &str =
    "This request would exceed your organization's rate limit of 50 requests per minute";

/// Returns a setup with this maximum wait for rate limits.
pub(crate) fn with_throttle_wait(wait: Duration) -> Setup {
    let mut setup = Setup::default();
    setup.config.throttle_wait = wait;
    setup
}

/// The profile that responded, as the response states.
#[track_caller]
pub(crate) fn responder(response: &WireResponse) -> u64 {
    response.json()["from"].as_u64().unwrap()
}
