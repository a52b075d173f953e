//! One request in, one answer out: reads the body, notes what came, follows the key's script, else answers as the
//! API does.
//!
//! Checks come in one order: size, encoding, credential, version, then the body. Paths are matched without the query.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderName};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{Timestamp, ToSpan as _};
use keyreeve_core::secret::Fingerprint;
use tokio::time::sleep;

use crate::answer::{Answer, Content};
use crate::ask::{Ask, Endpoint, Shape};
use crate::cache::Prompt;
use crate::control;
use crate::credentials::Presented;
use crate::delivery::{Body, CutShort, Delivery, How};
use crate::errors::{Case, Place, Refusal, envelope, status_of};
use crate::reply::compose;
use crate::script::{Effect, Step};
use crate::seen::Digest;
use crate::state::{Mark, State};
use crate::stream;
use crate::tokens;

/// The largest body the API takes.
const BODY_LIMIT: usize = 32 * 1024 * 1024;

/// What request ids begin with.
const REQUEST_ID: &str = "req_011C";

/// The versions of the API that are live.
const VERSIONS: [&str; 2] = ["2023-06-01", "2026-10-21"];

/// Answers one request.
pub(crate) async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Body>, CutShort> {
    let (head, incoming) = request.into_parts();
    let body = receive(incoming).await?;
    if let Some(rest) = head.uri.path().strip_prefix(control::PATH) {
        return Ok(at_the_desk(&state, &head, rest, &body));
    }
    let number = state.seen().arrived(&head, &body.digest, state.now());
    let mark = state.mark(&body.digest.hash);
    let call = Call {
        state: &state,
        head: &head,
        body: &body,
        mark,
        request_id: mark.id(REQUEST_ID),
    };
    let step = call.step();
    let (answer, delivery) = match step {
        None => (call.normal(), Delivery::default()),
        Some(step) => {
            sleep(step.delivery.delay).await;
            (call.scripted(&step)?, step.delivery)
        }
    };
    let answer = finish(answer, &call.request_id, state.now());
    state
        .seen()
        .answered(number, answer.status.as_u16(), state.now());
    Ok(answer.send(delivery))
}

/// A body that was read: all of it, or only its digest where it was too large.
struct Received {
    bytes: Bytes,
    digest: Digest,
}

impl Received {
    fn is_too_large(&self) -> bool {
        self.digest.length > BODY_LIMIT as u64
    }
}

/// Reads a body to its end, so that the client hears the answer; keeps no more than the limit of it.
async fn receive(mut incoming: Incoming) -> Result<Received, CutShort> {
    let mut kept = Vec::new();
    let mut hasher = blake3::Hasher::new();
    let mut length = 0;
    while let Some(frame) = incoming.frame().await {
        // A body that breaks off has nobody left to answer.
        let Ok(data) = frame.map_err(|_| CutShort(How::Fin))?.into_data() else {
            continue;
        };
        hasher.update(&data);
        length += data.len() as u64;
        if length <= BODY_LIMIT as u64 {
            kept.extend_from_slice(&data);
        }
    }
    Ok(Received {
        bytes: kept.into(),
        digest: Digest {
            hash: hasher.finalize(),
            length,
        },
    })
}

/// A request with all that its answer depends on.
struct Call<'a> {
    state: &'a State,
    head: &'a Parts,
    body: &'a Received,
    mark: Mark,
    request_id: String,
}

impl Call<'_> {
    /// Takes the next step of the credential's script. Only requests to the API itself take steps.
    fn step(&self) -> Option<Step> {
        if !self.head.uri.path().starts_with("/v1/") {
            return None;
        }
        let fingerprint = Presented::of(&self.head.headers).fingerprint()?;
        self.state.scripts().next(&fingerprint)
    }

    /// What is answered when no script says otherwise.
    fn normal(&self) -> Answer {
        self.try_normal()
            .unwrap_or_else(|refusal| refusal.answer(&self.request_id))
    }

    fn try_normal(&self) -> Result<Answer, Refusal> {
        let path = self.head.uri.path();
        match (&self.head.method, path) {
            (&Method::HEAD | &Method::GET, "/" | "/api/hello") => Ok(Answer::json(&"hello")),
            (&Method::POST, "/v1/messages") => self.messages(),
            (&Method::POST, "/v1/messages/count_tokens") => self.count_tokens(),
            (&Method::GET | &Method::HEAD, "/v1/models") => {
                let credential = self.enter()?;
                let page = self
                    .state
                    .models
                    .page(self.head.uri.query().unwrap_or_default())?;
                Ok(of_organization(Answer::json(&page), &credential))
            }
            (&Method::GET | &Method::HEAD, path) if path.starts_with("/v1/models/") => {
                let credential = self.enter()?;
                let model = self.state.models.get(&path["/v1/models/".len()..])?;
                Ok(of_organization(Answer::json(model), &credential))
            }
            (_, "/v1/messages" | "/v1/messages/count_tokens" | "/v1/models") => {
                let status = StatusCode::METHOD_NOT_ALLOWED;
                Err(Refusal::new(
                    status,
                    "invalid_request_error",
                    "Method Not Allowed",
                ))
            }
            _ => Err(Refusal::like("endpoint_not_found")),
        }
    }

    /// The checks that stand before every endpoint.
    fn enter(&self) -> Result<Fingerprint, Refusal> {
        let headers = &self.head.headers;
        if self.body.is_too_large() {
            return Err(Refusal::like("request_too_large"));
        }
        if headers.contains_key(CONTENT_ENCODING) {
            let text = "content-encoding: the sandbox takes request bodies as they are";
            return Err(Refusal::bad_request(text).with_code("request_body_encoding_unsupported"));
        }
        let credential = Presented::of(headers).check()?;
        match headers
            .get("anthropic-version")
            .map(|version| version.to_str().unwrap_or_default())
        {
            Some(version) if VERSIONS.contains(&version) => Ok(credential),
            Some(_) => {
                let text =
                    "anthropic-version: is not a valid version: 2026-10-21 and 2023-06-01 are";
                Err(Refusal::bad_request(text))
            }
            None => Err(Refusal::like("missing_version")),
        }
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
        let answer = of_organization(answer, &credential);
        Ok(with_rate_limits(answer, prompt, output, self.state.now()))
    }

    fn count_tokens(&self) -> Result<Answer, Refusal> {
        let credential = self.enter()?;
        let ask = Ask::read(&self.body.bytes, Endpoint::CountTokens, &self.state.models)?;
        let count = serde_json::json!({ "input_tokens": tokens::of_prompt(&ask.segments) });
        Ok(of_organization(Answer::json(&count), &credential))
    }

    /// What a step makes of it.
    fn scripted(&self, step: &Step) -> Result<Answer, CutShort> {
        let mut answer = match &step.effect {
            Effect::Normal => self.normal(),
            Effect::Case(case) => self.case(case),
            Effect::Status(status, Some(body)) => {
                Answer::whole(*status, "application/json", body.clone())
            }
            Effect::Status(status, None) if status.is_success() => Answer {
                status: *status,
                ..self.normal()
            },
            Effect::Status(status, None) => {
                let text = "A script of the sandbox asked for this status";
                Refusal::new(*status, kind_of(*status), text).answer(&self.request_id)
            }
            Effect::StreamError(kind, after) => {
                let event = stream::error(kind, &self.request_id);
                self.broken_stream(*after, event, || {
                    let body = envelope(kind, &self.request_id);
                    Answer::whole(status_of(kind), "application/json", body.into())
                })
            }
            Effect::NoAnswer(how) => return Err(CutShort(*how)),
        };
        for (name, value) in &step.headers {
            answer.headers.insert(name, value.clone());
        }
        Ok(answer)
    }

    /// A named case: inside a stream where it belongs there and there is one, else as an answer.
    fn case(&self, case: &Case) -> Answer {
        match case.place {
            Place::Stream => {
                let event = stream::named("error", &case.body);
                self.broken_stream(0, event, || case.answer())
            }
            Place::Status(StatusCode::OK) => match self.normal() {
                mut stream @ Answer {
                    content: Content::Events(_),
                    ..
                } => {
                    let kind = stream.headers.get(CONTENT_TYPE).cloned();
                    case.put_headers(&mut stream);
                    if let Some(kind) = kind {
                        stream.headers.insert(CONTENT_TYPE, kind);
                    }
                    stream
                }
                _ => case.answer(),
            },
            Place::Status(_) | Place::Text => case.answer(),
        }
    }

    /// The normal stream, ended by this event after so many; where there is no stream, the other answer.
    fn broken_stream(&self, after: usize, event: Bytes, other: impl FnOnce() -> Answer) -> Answer {
        match self.normal() {
            Answer {
                status,
                headers,
                content: Content::Events(mut events),
            } => {
                events.truncate(after);
                events.push(event);
                Answer {
                    status,
                    headers,
                    content: Content::Events(events),
                }
            }
            Answer {
                content: Content::Whole(_),
                ..
            } => other(),
        }
    }
}

/// Answers a request to the control desk, which leaves no trace: it is not listed and moves no counter.
fn at_the_desk(state: &State, head: &Parts, rest: &str, body: &Received) -> Response<Body> {
    let request_id = Mark::new(&body.digest.hash, 0).id(REQUEST_ID);
    let answer = control::answer(state, (&head.method, rest), &head.headers, &body.bytes);
    let answer = answer.unwrap_or_else(|refusal| refusal.answer(&request_id));
    finish(answer, &request_id, state.now()).send(Delivery::default())
}

/// Adds what every answer has, unless a script said otherwise. What comes from before the API has no `request-id`.
fn finish(mut answer: Answer, request_id: &str, now: Timestamp) -> Answer {
    let kind = answer.headers.get(CONTENT_TYPE);
    if kind.is_none_or(|kind| kind != "text/html") && !answer.headers.contains_key("request-id") {
        answer = answer.with("request-id", request_id);
    }
    if !answer.headers.contains_key(DATE)
        && let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&now)
    {
        answer.set(&DATE, &date);
    }
    answer
}

/// The error type that goes with a status.
fn kind_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// Names the organization: each credential has one of its own, made of its fingerprint.
fn of_organization(answer: Answer, credential: &Fingerprint) -> Answer {
    let digits = credential.as_str();
    let id = format!(
        "{}-{}-4{}-8000-000000000000",
        &digits[..8],
        &digits[8..12],
        &digits[13..16]
    );
    answer.with("anthropic-organization-id", &id)
}

/// Adds the minute limits: wide ones, of which this request alone has used (docs/facts.md#rate-limits).
fn with_rate_limits(mut answer: Answer, prompt: Prompt, output: u64, now: Timestamp) -> Answer {
    let input = prompt.input + prompt.write_5m + prompt.write_1h;
    let reset = now.checked_add(1.second()).unwrap_or(now);
    let reset = Timestamp::from_second(reset.as_second())
        .unwrap_or(reset)
        .to_string();
    for (name, limit, used) in [
        ("requests", 1_000, 1),
        ("tokens", 960_000, input + output),
        ("input-tokens", 800_000, input),
        ("output-tokens", 160_000, output),
    ] {
        let remaining = u64::saturating_sub(limit, used).to_string();
        for (what, value) in [
            ("limit", &limit.to_string()),
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
