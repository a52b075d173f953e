//! The control API: scripts and recorded requests, in this process ([`Control`]) and over HTTP (`/_sandbox`).
//!
//! The HTTP side has no authentication, so it accepts only requests that address this machine itself: a page in a
//! browser that reaches it under another host name, or from another origin, gets a 403.

use std::error::Error as _;
use std::sync::Arc;

use http::header::{HOST, HeaderMap, ORIGIN};
use http::{Method, StatusCode};
use keyreeve_core::secret::Fingerprint;
use serde::Serialize;
use serde_json::{Value, json};

use crate::errors::{self, ApiError};
use crate::recorded_requests::{MAX_REQUESTS, RecordedRequest};
use crate::response::SimulatedResponse;
use crate::script::{ScriptStep, read_script};
use crate::state::SandboxState;

/// Handle that controls a sandbox of this process.
#[derive(Clone)]
pub struct Control {
    state: Arc<SandboxState>,
}

impl Control {
    pub(crate) fn new(state: Arc<SandboxState>) -> Self {
        Self { state }
    }

    /// Sets the script of the key with this fingerprint, replacing its previous one. An empty list removes it.
    pub fn script(&self, key: &Fingerprint, steps: Vec<ScriptStep>) {
        self.state.scripts().set(key.as_str(), steps);
    }

    /// Lists the recorded requests, newest last, at most 1,000.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.requests().list()
    }
}

/// Path of the control API.
pub(crate) const PATH: &str = "/_sandbox";

/// Handles a request to the control API; `rest` is the path after [`PATH`].
pub(crate) fn handle(
    state: &SandboxState,
    (method, rest): (&Method, &str),
    headers: &HeaderMap,
    body: &[u8],
) -> Result<SimulatedResponse, ApiError> {
    if headers.contains_key(ORIGIN) || !is_addressed_to_this_machine(headers) {
        let text =
            "the control API accepts only requests that address this machine, without an Origin";
        return Err(ApiError::new(StatusCode::FORBIDDEN, text));
    }
    match (method, rest) {
        (&Method::GET, "" | "/") => Ok(SimulatedResponse::json(&overview())),
        (&Method::GET, "/requests") => Ok(SimulatedResponse::json(&RequestList {
            data: state.requests().list(),
        })),
        (&Method::DELETE, "/requests") => {
            state.requests().clear();
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
            let key = key.ok_or_else(unknown_path)?;
            let steps = if method == Method::PUT {
                parse_steps(body)?
            } else {
                Vec::new()
            };
            set_script(state, key, steps)
        }
        _ => Err(unknown_path()),
    }
}

/// Response of `GET /_sandbox/requests`.
#[derive(Serialize)]
struct RequestList {
    data: Vec<RecordedRequest>,
}

fn set_script(
    state: &SandboxState,
    key: &str,
    steps: Vec<ScriptStep>,
) -> Result<SimulatedResponse, ApiError> {
    let is_fingerprint =
        key.len() == 16 && key.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    if !is_fingerprint {
        let text = "a fingerprint has 16 digits 0-9 a-f: GET /_sandbox/requests lists those of received requests";
        return Err(ApiError::bad_request(text));
    }
    let mut scripts = state.scripts();
    if scripts.is_full() {
        return Err(ApiError::bad_request("too many keys have a script"));
    }
    scripts.set(key, steps);
    Ok(done())
}

fn parse_steps(body: &[u8]) -> Result<Vec<ScriptStep>, ApiError> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    read_script(text).map_err(|error| {
        let mut message = error.to_string();
        if let Some(source) = error.source() {
            message.push_str(": ");
            message.push_str(&source.to_string());
        }
        ApiError::bad_request(message)
    })
}

fn done() -> SimulatedResponse {
    SimulatedResponse::json(&json!({ "done": true }))
}

fn unknown_path() -> ApiError {
    ApiError::not_found("unknown path of the control API: GET /_sandbox lists its endpoints")
}

/// Returns `true` if there is a `Host` and each is `localhost` or a loopback address.
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

/// Response body of `GET /_sandbox`.
fn overview() -> Value {
    let error = |case: &errors::ErrorCase| json!({ "name": case.name, "meaning": case.meaning });
    json!({
        "what": "a simulated Anthropic API; nothing here reaches a model or costs money",
        "endpoints": [
            "POST /v1/messages", "POST /v1/messages/count_tokens", "GET /v1/models", "GET /v1/models/{id}",
            "POST /v1/oauth/token", "HEAD /", "HEAD /api/hello",
        ],
        "control": {
            "PUT /_sandbox/keys/{fingerprint}/script": "sets a key's script: a JSON array of steps, one per request",
            "DELETE /_sandbox/keys/{fingerprint}/script": "removes it",
            "DELETE /_sandbox/scripts": "removes all scripts",
            "GET /_sandbox/requests": format!("lists the last {MAX_REQUESTS} requests, newest last, without secrets or bodies"),
            "DELETE /_sandbox/requests": "clears this list",
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
