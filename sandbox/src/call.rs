//! A request to the API, and what it is answered when no script says otherwise.
//!
//! Checks come in one order: path, size, encoding, credential, version, then the body. Paths are matched without the
//! query.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderName};
use http::request::Parts;
use http::{Method, StatusCode};
use jiff::Timestamp;
use keyreeve_core::secret::Fingerprint;

use crate::answer::Answer;
use crate::ask::{Ask, Endpoint, Shape};
use crate::cache::Prompt;
use crate::credentials::Presented;
use crate::errors::Refusal;
use crate::oauth;
use crate::plan;
use crate::reply::compose;
use crate::script::Step;
use crate::seen::Digest;
use crate::state::{Mark, State};
use crate::stream;
use crate::tokens;

/// The largest body the API takes.
pub(crate) const BODY_LIMIT: u64 = 32 * 1024 * 1024;

/// The versions of the API that are live.
const VERSIONS: [&str; 2] = ["2023-06-01", "2026-10-21"];

/// A request with all that its answer depends on.
pub(crate) struct Call<'a> {
    state: &'a State,
    head: &'a Parts,
    body: &'a Received,
    mark: Mark,
    /// The `request-id` of its answer.
    pub(crate) request_id: String,
}

/// A body that was read: all of it, or only its digest where it was too large.
pub(crate) struct Received {
    pub(crate) bytes: Bytes,
    pub(crate) digest: Digest,
}

impl<'a> Call<'a> {
    /// Numbers a request that came.
    pub(crate) fn new(state: &'a State, head: &'a Parts, body: &'a Received) -> Self {
        let mark = state.mark(&body.digest.hash);
        let request_id = mark.request_id();
        Self {
            state,
            head,
            body,
            mark,
            request_id,
        }
    }

    /// Takes the next step of the credential's script. Only requests to the API itself take steps.
    pub(crate) fn step(&self) -> Option<Step> {
        let path = self.head.uri.path();
        if !(path.starts_with("/v1/") || path.starts_with("/api/oauth/")) {
            return None;
        }
        let fingerprint = if path == oauth::PATH {
            oauth::presented(&self.body.bytes)?
        } else {
            Presented::of(&self.head.headers).fingerprint()?
        };
        self.state.scripts().next(&fingerprint)
    }

    /// What is answered when no script says otherwise.
    pub(crate) fn normal(&self) -> Answer {
        self.try_normal()
            .unwrap_or_else(|refusal| refusal.answer(&self.request_id))
    }

    fn try_normal(&self) -> Result<Answer, Refusal> {
        let path = self.head.uri.path();
        match (&self.head.method, path) {
            (&Method::HEAD | &Method::GET, "/" | "/api/hello") => Ok(Answer::json(&"hello")),
            (&Method::POST, "/v1/messages") => self.messages(),
            (&Method::POST, "/v1/messages/count_tokens") => self.count_tokens(),
            (&Method::POST, oauth::PATH) => Ok(oauth::answer(
                &self.head.headers,
                &self.body.bytes,
                self.mark,
                &mut self.state.used(),
            )),
            (&Method::GET | &Method::HEAD, "/v1/models") => {
                let credential = self.enter()?;
                let query = self.head.uri.query().unwrap_or_default();
                Ok(self.signed(Answer::json(&self.state.models.page(query)?), &credential))
            }
            (&Method::GET | &Method::HEAD, path) if path.starts_with("/v1/models/") => {
                let credential = self.enter()?;
                let model = self.state.models.get(&path["/v1/models/".len()..])?;
                Ok(self.signed(Answer::json(model), &credential))
            }
            (&Method::GET, plan::USAGE_PATH | plan::PROFILE_PATH) => self.account(),
            (
                _,
                "/v1/messages"
                | "/v1/messages/count_tokens"
                | "/v1/models"
                | oauth::PATH
                | plan::USAGE_PATH
                | plan::PROFILE_PATH,
            ) => {
                let text = "Method Not Allowed";
                Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, text))
            }
            _ => Err(Refusal::like("endpoint_not_found")),
        }
    }

    /// The checks that stand before every endpoint.
    fn enter(&self) -> Result<Fingerprint, Refusal> {
        let headers = &self.head.headers;
        if self.body.digest.length > BODY_LIMIT {
            return Err(Refusal::like("request_too_large"));
        }
        if headers.contains_key(CONTENT_ENCODING) {
            let text = "content-encoding: the sandbox takes request bodies as they are";
            return Err(Refusal::bad_request(text).with_code("request_body_encoding_unsupported"));
        }
        let credential = Presented::of(headers).check()?;
        let Some(version) = headers.get("anthropic-version") else {
            return Err(Refusal::like("missing_version"));
        };
        if VERSIONS.iter().any(|live| version == live) {
            return Ok(credential);
        }
        let text = "anthropic-version: is not a valid version: 2026-10-21 and 2023-06-01 are";
        Err(Refusal::bad_request(text))
    }

    fn messages(&self) -> Result<Answer, Refusal> {
        let credential = self.enter()?;
        let ask = Ask::read(&self.body.bytes, Endpoint::Messages, &self.state.models)?;
        let prompt = self
            .state
            .cache()
            .pass(&credential, &ask.model, &ask.segments);
        let message = compose(&ask, prompt, self.mark);
        let output = message.usage.output_tokens;
        let answer = match ask.shape {
            Shape::Whole => Answer::json(&message),
            Shape::Stream => Answer::events(stream::events(message)),
        };
        let answer = if Presented::of(&self.head.headers).is_plan() {
            plan::with_windows(answer, self.state.now())
        } else {
            with_rate_limits(answer, prompt, output, self.state.now())
        };
        Ok(self.signed(answer, &credential))
    }

    fn count_tokens(&self) -> Result<Answer, Refusal> {
        let credential = self.enter()?;
        let ask = Ask::read(&self.body.bytes, Endpoint::CountTokens, &self.state.models)?;
        let count = serde_json::json!({ "input_tokens": tokens::of_prompt(&ask.segments) });
        Ok(self.signed(Answer::json(&count), &credential))
    }

    /// What a plan login is told of itself. No version is asked for there.
    fn account(&self) -> Result<Answer, Refusal> {
        let presented = Presented::of(&self.head.headers);
        let credential = presented.check()?;
        if !presented.is_plan() {
            return Err(Refusal::like("oauth_scope_missing"));
        }
        let told = if self.head.uri.path() == plan::USAGE_PATH {
            plan::usage(self.state.now())
        } else {
            plan::profile(&organization(&credential))
        };
        Ok(self.signed(Answer::json(&told), &credential))
    }

    /// Names the request and the organization.
    fn signed(&self, answer: Answer, credential: &Fingerprint) -> Answer {
        let answer = answer.with("request-id", &self.request_id);
        answer.with("anthropic-organization-id", &organization(credential))
    }
}

/// Each credential has an organization of its own, made of its fingerprint.
fn organization(credential: &Fingerprint) -> String {
    let digits = credential.as_str();
    let (head, middle, tail) = (&digits[..8], &digits[8..12], &digits[13..]);
    format!("{head}-{middle}-4{tail}-8000-000000000000")
}

/// Adds the minute limits: wide ones, of which this request alone has used (docs/facts.md#rate-limits).
fn with_rate_limits(mut answer: Answer, prompt: Prompt, output: u64, now: Timestamp) -> Answer {
    let input = prompt.input + prompt.write_5m + prompt.write_1h;
    let reset = Timestamp::from_second(now.as_second() + 1)
        .unwrap_or(now)
        .to_string();
    for (name, limit, used) in [
        ("requests", 1_000, 1),
        ("tokens", 960_000, input + output),
        ("input-tokens", 800_000, input),
        ("output-tokens", 160_000, output),
    ] {
        let (remaining, limit) = (
            u64::saturating_sub(limit, used).to_string(),
            limit.to_string(),
        );
        for (what, value) in [
            ("limit", &limit),
            ("remaining", &remaining),
            ("reset", &reset),
        ] {
            let name = format!("anthropic-ratelimit-{name}-{what}");
            if let Ok(name) = name.parse::<HeaderName>() {
                answer.set(&name, value);
            }
        }
    }
    answer
}
