//! The control desk: scripts and seen requests, in this process ([`Control`]) and over HTTP (`/_sandbox`).
//!
//! The HTTP side has no lock, so it answers only those who address the machine itself: a page in a browser that
//! reaches it under another name, or from another origin, is refused.

use std::error::Error as _;
use std::sync::Arc;

use http::header::{HOST, HeaderMap, ORIGIN};
use http::{Method, StatusCode};
use keyreeve_core::secret::Fingerprint;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::errors::{self, Refusal};
use crate::script::{Step, read_script};
use crate::seen::{MOST, Seen};
use crate::state::State;

/// Steers a sandbox of this process.
#[derive(Clone)]
pub struct Control {
    state: Arc<State>,
}

impl Control {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    /// Sets the script of the key with this fingerprint, in place of the one it had; no steps take it away.
    pub fn script(&self, key: &Fingerprint, steps: Vec<Step>) {
        self.state.scripts().set(key.as_str(), steps);
    }

    /// Lists the requests that came, newest last, a thousand at most.
    pub fn requests(&self) -> Vec<Seen> {
        self.state.seen().list()
    }

    /// Forgets the requests that came and takes every script away.
    pub fn clear(&self) {
        self.state.seen().clear();
        self.state.scripts().clear();
    }
}

/// Where the control desk is.
pub(crate) const PATH: &str = "/_sandbox";

/// Answers a request to the control desk; `rest` is the path behind [`PATH`].
pub(crate) fn answer(
    state: &State,
    (method, rest): (&Method, &str),
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Answer, Refusal> {
    if headers.contains_key(ORIGIN) || !is_addressed_to_this_machine(headers) {
        let text = "the control desk answers only requests made to this machine by its address";
        return Err(Refusal::new(StatusCode::FORBIDDEN, text));
    }
    match (method, rest) {
        (&Method::GET, "" | "/") => Ok(Answer::json(&explanation())),
        (&Method::GET, "/requests") => Ok(Answer::json(&Listed {
            data: state.seen().list(),
        })),
        (&Method::DELETE, "/requests") => {
            state.seen().clear();
            Ok(done())
        }
        (&Method::DELETE, "/scripts") => {
            state.scripts().clear();
            Ok(done())
        }
        (&Method::PUT | &Method::DELETE, _) => {
            let key = rest
                .strip_prefix("/keys/")
                .and_then(|rest| rest.strip_suffix("/script"));
            let key = key.ok_or_else(not_here)?;
            let steps = if method == Method::PUT {
                read(body)?
            } else {
                Vec::new()
            };
            set(state, key, steps)
        }
        _ => Err(not_here()),
    }
}

/// The requests that came, as `GET /_sandbox/requests` tells them.
#[derive(Serialize)]
struct Listed {
    data: Vec<Seen>,
}

fn set(state: &State, key: &str, steps: Vec<Step>) -> Result<Answer, Refusal> {
    let is_fingerprint =
        key.len() == 16 && key.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    if !is_fingerprint {
        let text =
            "a fingerprint is 16 digits of 0-9 a-f: see GET /_sandbox/requests for those that came";
        return Err(Refusal::bad_request(text));
    }
    let mut scripts = state.scripts();
    if scripts.is_full() {
        return Err(Refusal::bad_request("too many keys have a script"));
    }
    scripts.set(key, steps);
    Ok(done())
}

fn read(body: &[u8]) -> Result<Vec<Step>, Refusal> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    read_script(text).map_err(|error| {
        let mut words = error.to_string();
        if let Some(source) = error.source() {
            words.push_str(": ");
            words.push_str(&source.to_string());
        }
        Refusal::bad_request(words)
    })
}

fn done() -> Answer {
    Answer::json(&json!({ "done": true }))
}

fn not_here() -> Refusal {
    Refusal::not_found("nothing of the control desk is here: GET /_sandbox tells what there is")
}

/// Says whether every `Host` is this machine's own name or loopback address, and there is one.
fn is_addressed_to_this_machine(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    headers.contains_key(HOST) && hosts.all(|host| host.to_str().is_ok_and(is_this_machine))
}

fn is_this_machine(host: &str) -> bool {
    let port = host.rfind(':').filter(|at| !host[*at..].contains(']'));
    let name = port.map_or(host, |at| &host[..at]);
    matches!(name, "localhost" | "[::1]")
        || name
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// What `GET /_sandbox` says.
fn explanation() -> Value {
    let error = |case: &errors::Case| json!({ "name": case.name, "meaning": case.meaning });
    json!({
        "what": "a simulated Anthropic API; nothing here reaches a model or costs money",
        "endpoints": [
            "POST /v1/messages", "POST /v1/messages/count_tokens", "GET /v1/models", "GET /v1/models/{id}",
            "POST /v1/oauth/token", "HEAD /", "HEAD /api/hello",
        ],
        "control": {
            "PUT /_sandbox/keys/{fingerprint}/script": "sets a key's script: a JSON array of steps, one per request",
            "DELETE /_sandbox/keys/{fingerprint}/script": "takes it away",
            "DELETE /_sandbox/scripts": "takes all away",
            "GET /_sandbox/requests": format!("lists the last {MOST} requests, newest last, without secrets or bodies"),
            "DELETE /_sandbox/requests": "forgets them",
        },
        "fingerprint": "the first 16 hexadecimal digits of the BLAKE3 hash of the credential",
        "steps": [
            {"ok": true},
            {"error": "overloaded", "times": 3},
            {"status": 429, "headers": {"retry-after": "7"}, "body": {"any": "JSON"}},
            {"stream_error": "overloaded_error", "after_events": 3},
            {"no_answer": true, "how": "rst"},
            {"cut_after_bytes": 400, "how": "fin"},
            {"delay_ms": 200, "pace_ms": 50},
            {"silent_ms": 1000, "after_events": 2},
        ],
        "aliases": errors::ALIASES.iter().map(|(alias, name)| json!({ "alias": alias, "name": name })).collect::<Vec<_>>(),
        "errors": errors::cases().iter().map(error).collect::<Vec<_>>(),
    })
}
