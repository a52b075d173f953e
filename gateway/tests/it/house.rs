//! A gateway with several profiles at two upstreams, each of which answers by a script, and a key for all of them.
//!
//! Invariant: every request is remembered in the order in which the upstreams had it, by the profile whose secret it had.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyreeve_core::profile::{BillingClass, Profile, ProfileId};
use keyreeve_core::secret::{Secret, Sink};
use keyreeve_core::virtual_key::{KeyId, Kind, VirtualKey, mint};
use keyreeve_os::world;
use keyreeve_store::AttemptRow;
use keyreeve_testkit::canary::Canary;
use keyreeve_testkit::upstream::{Received, Scripted, Step, reply};
use keyreeve_testkit::wire::{Answer, Exchange};
use serde_json::json;
use uuid::Uuid;

use crate::stage::{ASK, JSON, Setup, Stage};

/// A profile's upstream and payer.
#[derive(Clone, Copy)]
pub(crate) struct Member {
    pub(crate) upstream: At,
    pub(crate) billing: BillingClass,
}

/// Which of the two upstreams.
#[derive(Clone, Copy)]
pub(crate) enum At {
    First,
    Second,
}

/// Billed by the first upstream's operator.
pub(crate) const HERE: Member = Member {
    upstream: At::First,
    billing: BillingClass::Gateway,
};

/// The same at the second upstream.
pub(crate) const THERE: Member = Member {
    upstream: At::Second,
    billing: BillingClass::Gateway,
};

/// The gateway, its profiles and their upstreams.
pub(crate) struct House {
    pub(crate) stage: Stage,
    pub(crate) profiles: Vec<Profile>,
    pub(crate) key: String,
    pub(crate) key_id: KeyId,
    asked: Arc<Mutex<Vec<(usize, Received)>>>,
    /// Runs for as long as the house stands.
    _second: Scripted,
}

impl House {
    /// Starts it. `script` says what the n-th request of a profile gets.
    pub(crate) fn start(
        members: &[Member],
        script: impl Fn(usize, usize) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        Self::with(Setup::default(), members, |_| {}, script)
    }

    /// The same with a setup and a key of one's own.
    pub(crate) fn with(
        setup: Setup,
        members: &[Member],
        edit: impl FnOnce(&mut VirtualKey),
        script: impl Fn(usize, usize) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let secrets: Vec<Canary> = std::iter::once(setup.secret.clone())
            .chain((1..members.len()).map(|number| Canary::api_key(&format!("profile-{number}"))))
            .collect();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let by_secret: HashMap<String, usize> = secrets
            .iter()
            .enumerate()
            .map(|(number, secret)| (secret.value().to_owned(), number))
            .collect();
        let (for_upstreams, script) = (Arc::clone(&asked), Arc::new(script));
        let answer = move |received: &Received| {
            let (_, secret) = received.credentials().remove(0);
            let profile = by_secret[&secret];
            let mut asked = for_upstreams.lock().unwrap();
            let before = asked.iter().filter(|(whose, _)| *whose == profile).count();
            asked.push((profile, received.clone()));
            drop(asked);
            script(profile, before)
        };
        let second = Scripted::start(answer.clone());
        let stage = setup.start(answer);
        let profiles = furnish(&stage, &second, members, &secrets);
        let (key, key_id) = key_for(&stage, &profiles, edit);
        Self {
            stage,
            profiles,
            key,
            key_id,
            asked,
            _second: second,
        }
    }

    /// Posts a message with the key for all.
    #[track_caller]
    pub(crate) fn post(&self) -> Answer {
        self.post_with(&[], ASK)
    }

    /// Posts a message of a conversation.
    #[track_caller]
    pub(crate) fn say(&self, session: &str, body: &[u8]) -> Answer {
        self.post_with(&[("x-claude-code-session-id", session)], body)
    }

    /// Posts with further headers.
    #[track_caller]
    pub(crate) fn post_with(&self, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut all = vec![JSON, ("x-api-key", self.key.as_str())];
        all.extend(headers);
        self.stage.ask("POST /v1/messages", &all, body)
    }

    /// Asks on a connection of its own, and waits for no answer.
    pub(crate) fn asking(&self) -> Exchange {
        let headers = [JSON, ("x-api-key", self.key.as_str())];
        let mut exchange = self.stage.open();
        exchange.write(&self.stage.request("POST /v1/messages", &headers, ASK));
        exchange
    }

    /// Which profiles were asked, in order.
    pub(crate) fn order(&self) -> Vec<usize> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(profile, _)| *profile).collect()
    }

    /// What the upstreams got, in order.
    pub(crate) fn received(&self) -> Vec<Received> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(_, received)| received.clone()).collect()
    }

    /// The ledger, attempt by attempt: profile, number, reason, verdict.
    #[track_caller]
    pub(crate) fn told(&self) -> Vec<(usize, u32, &'static str, String)> {
        let told = |row: AttemptRow| {
            let place = |id| self.profiles.iter().position(|profile| profile.id == id);
            (
                place(row.intent.profile).unwrap(),
                row.intent.number,
                row.intent.reason.name(),
                row.ended.unwrap().verdict.unwrap_or_default(),
            )
        };
        self.stage.rows().into_iter().map(told).collect()
    }
}

/// Adds the profiles behind the first.
fn furnish(
    stage: &Stage,
    second: &Scripted,
    members: &[Member],
    secrets: &[Canary],
) -> Vec<Profile> {
    let mut profiles = vec![stage.profile.clone()];
    for (number, member) in members.iter().enumerate().skip(1) {
        let url = match member.upstream {
            At::First => stage.upstream.base_url(),
            At::Second => second.base_url(),
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
            ..stage.profile.clone()
        };
        let sealed = Secret::new(secrets[number].value().to_owned());
        stage.store.add_profile(&profile, Some(&sealed)).unwrap();
        profiles.push(profile);
    }
    profiles
}

fn key_for(
    stage: &Stage,
    profiles: &[Profile],
    edit: impl FnOnce(&mut VirtualKey),
) -> (String, KeyId) {
    let minted = mint(Kind::User, world::random().unwrap());
    let mut key = VirtualKey {
        id: KeyId(Uuid::from_u128(7)),
        name: "all".parse().unwrap(),
        profiles: profiles.iter().map(|profile| profile.id).collect(),
        ..stage.key_row.clone()
    };
    edit(&mut key);
    stage
        .store
        .add_key(&key, minted.public_id, minted.hash)
        .unwrap();
    (minted.key.expose_for(Sink::Shown).to_owned(), key.id)
}

/// An answer by its name, with `whose` in it, so that it is told apart.
pub(crate) fn answer(name: &str, whose: usize) -> Vec<Step> {
    let (status, headers, kind, message): (u16, &[(&str, &str)], &str, &str) = match name {
        "ok" => {
            let body = json!({"type": "message", "model": "claude-haiku-5-5", "from": whose,
                "usage": {"input_tokens": 10, "output_tokens": 2}});
            return reply::json(200, &body.to_string());
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
        "streamed error" => return reply::stream([streamed_error(whose).as_bytes()]),
        "stream" => return reply::stream([STREAM]),
        "broken" => return vec![Step::Close],
        other => unreachable!("no answer is called {other}"),
    };
    let body = json!({"type": "error", "error": {"type": kind, "message": message}, "from": whose});
    let headers = [&[JSON], headers].concat();
    reply::with_headers(status, &headers, body.to_string().as_bytes())
}

/// A stream of nothing but an error.
pub(crate) fn streamed_error(whose: usize) -> String {
    let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "from": whose});
    format!(": hello\n\nevent: error\ndata: {error}\n\n")
}

/// A short stream that goes well.
pub(crate) const STREAM: &[u8] = b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-haiku-5-5\",\"usage\":{\"input_tokens\":10,\"output_tokens\":1}}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

const MINUTE: &str =
    "This request would exceed your organization's rate limit of 50 requests per minute";

/// A setup in which limits are waited for as long as this.
pub(crate) fn patient(wait: Duration) -> Setup {
    let mut setup = Setup::default();
    setup.config.throttle_wait = wait;
    setup
}

/// Who answered, as the answer says.
#[track_caller]
pub(crate) fn from(answer: &Answer) -> u64 {
    answer.json()["from"].as_u64().unwrap()
}
