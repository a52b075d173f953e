//! A request to the simulated API, and its default response (without a script).
//!
//! Checks run in this order: path, size, encoding, credential, version, body. Paths are matched without the query.

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::request::Parts;
use http::{Method, StatusCode};
use jiff::Timestamp;
use keyreeve_core::secret::Fingerprint;

use crate::credentials::RequestCredentials;
use crate::errors::ApiError;
use crate::message::compose;
use crate::messages_request::{Endpoint, MessagesRequest, ResponseMode};
use crate::oauth;
use crate::plan;
use crate::prompt_cache::PromptTokens;
use crate::recorded_requests::BodyDigest;
use crate::response::{ResponseIds, SimulatedResponse};
use crate::script::ScriptStep;
use crate::state::SandboxState;
use crate::stream;
use crate::tokens;

/// Maximum size of a request body.
pub(crate) const MAX_BODY_BYTES: u64 = 32 * 1024 * 1024;

/// Supported values of `anthropic-version`.
const VERSIONS: [&str; 2] = ["2023-06-01", "2026-10-21"];

/// A request with everything that its response depends on.
pub(crate) struct ApiRequest<'a> {
    state: &'a SandboxState,
    head: &'a Parts,
    body: &'a ReceivedBody,
    ids: ResponseIds,
    /// The `request-id` of its response.
    pub(crate) request_id: String,
}

/// A request body: complete, or only its digest if it is too large.
pub(crate) struct ReceivedBody {
    pub(crate) bytes: Bytes,
    pub(crate) digest: BodyDigest,
}

impl<'a> ApiRequest<'a> {
    /// Wraps a received request and assigns its response ids.
    pub(crate) fn new(state: &'a SandboxState, head: &'a Parts, body: &'a ReceivedBody) -> Self {
        let ids = state.next_response_ids(&body.digest.hash);
        let request_id = ids.request_id();
        Self {
            state,
            head,
            body,
            ids,
            request_id,
        }
    }

    /// Takes the next step of the credential's script. Only requests to the API itself consume steps.
    pub(crate) fn next_step(&self) -> Option<ScriptStep> {
        let path = self.head.uri.path();
        if !(path.starts_with("/v1/") || path.starts_with("/api/oauth/")) {
            return None;
        }
        let fingerprint = if path == oauth::PATH {
            oauth::request_fingerprint(&self.body.bytes)?
        } else {
            RequestCredentials::from_headers(&self.head.headers).fingerprint()?
        };
        self.state.scripts().take_step(&fingerprint)
    }

    /// Returns the response without a script.
    pub(crate) fn default_response(&self) -> SimulatedResponse {
        self.try_default_response()
            .unwrap_or_else(|error| error.to_response(&self.request_id))
    }

    fn try_default_response(&self) -> Result<SimulatedResponse, ApiError> {
        let path = self.head.uri.path();
        match (&self.head.method, path) {
            (&Method::HEAD | &Method::GET, "/" | "/api/hello") => {
                Ok(SimulatedResponse::json(&"hello"))
            }
            (&Method::POST, "/v1/messages") => self.messages(),
            (&Method::POST, "/v1/messages/count_tokens") => self.count_tokens(),
            (&Method::POST, oauth::PATH) => Ok(oauth::handle(
                &self.head.headers,
                &self.body.bytes,
                self.ids,
                &mut self.state.used_refresh_tokens(),
            )),
            (&Method::GET | &Method::HEAD, "/v1/models") => {
                let credential = self.check_request()?;
                let query = self.head.uri.query().unwrap_or_default();
                Ok(self.with_identity(
                    SimulatedResponse::json(&self.state.models.list_page(query)?),
                    &credential,
                ))
            }
            (&Method::GET | &Method::HEAD, path) if path.starts_with("/v1/models/") => {
                let credential = self.check_request()?;
                let model = self.state.models.get(&path["/v1/models/".len()..])?;
                Ok(self.with_identity(SimulatedResponse::json(model), &credential))
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
                Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, text))
            }
            _ => Err(ApiError::from_case("endpoint_not_found")),
        }
    }

    /// Runs the checks that all endpoints share and returns the credential's fingerprint.
    fn check_request(&self) -> Result<Fingerprint, ApiError> {
        let headers = &self.head.headers;
        if self.body.digest.length > MAX_BODY_BYTES {
            return Err(ApiError::from_case("request_too_large"));
        }
        if headers.contains_key(CONTENT_ENCODING) {
            let text = "content-encoding: the sandbox does not decode request bodies";
            return Err(ApiError::bad_request(text).with_code("request_body_encoding_unsupported"));
        }
        let credential = RequestCredentials::from_headers(headers).check()?;
        let Some(version) = headers.get("anthropic-version") else {
            return Err(ApiError::from_case("missing_version"));
        };
        if VERSIONS.iter().any(|supported| version == supported) {
            return Ok(credential);
        }
        let text = "anthropic-version: is not a valid version: 2026-10-21 and 2023-06-01 are";
        Err(ApiError::bad_request(text))
    }

    fn messages(&self) -> Result<SimulatedResponse, ApiError> {
        let credential = self.check_request()?;
        let request =
            MessagesRequest::parse(&self.body.bytes, Endpoint::Messages, &self.state.models)?;
        let prompt = self
            .state
            .cache()
            .record(&credential, &request.model, &request.segments);
        let message = compose(&request, prompt, self.ids);
        let output = message.usage.output_tokens;
        let response = match request.response_mode {
            ResponseMode::Json => SimulatedResponse::json(&message),
            ResponseMode::Stream => SimulatedResponse::events(stream::message_events(message)),
        };
        let response = if RequestCredentials::from_headers(&self.head.headers).is_plan() {
            plan::with_window_headers(response, self.state.now())
        } else {
            with_rate_limits(response, prompt, output, self.state.now())
        };
        Ok(self.with_identity(response, &credential))
    }

    fn count_tokens(&self) -> Result<SimulatedResponse, ApiError> {
        let credential = self.check_request()?;
        let request =
            MessagesRequest::parse(&self.body.bytes, Endpoint::CountTokens, &self.state.models)?;
        let count = serde_json::json!({ "input_tokens": tokens::count_prompt(&request.segments) });
        Ok(self.with_identity(SimulatedResponse::json(&count), &credential))
    }

    /// Returns the usage or the account of a plan login. These endpoints require no version.
    fn account(&self) -> Result<SimulatedResponse, ApiError> {
        let credentials = RequestCredentials::from_headers(&self.head.headers);
        let credential = credentials.check()?;
        if !credentials.is_plan() {
            return Err(ApiError::from_case("oauth_scope_missing"));
        }
        let body = if self.head.uri.path() == plan::USAGE_PATH {
            plan::usage_body(self.state.now())
        } else {
            plan::profile_body(&organization_id(&credential))
        };
        Ok(self.with_identity(SimulatedResponse::json(&body), &credential))
    }

    /// Adds the ids of the request and of the organization.
    fn with_identity(
        &self,
        response: SimulatedResponse,
        credential: &Fingerprint,
    ) -> SimulatedResponse {
        let response = response.with_header("request-id", &self.request_id);
        response.with_header("anthropic-organization-id", &organization_id(credential))
    }
}

/// Derives the organization id of a credential from its fingerprint.
fn organization_id(credential: &Fingerprint) -> String {
    let digits = credential.as_str();
    let (head, middle, tail) = (&digits[..8], &digits[8..12], &digits[13..]);
    format!("{head}-{middle}-4{tail}-8000-000000000000")
}

/// Adds the per-minute limits: high ones, of which only this request has used anything (docs/facts.md#rate-limits).
fn with_rate_limits(
    mut response: SimulatedResponse,
    prompt: PromptTokens,
    output: u64,
    now: Timestamp,
) -> SimulatedResponse {
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
        for (field, value) in [
            ("limit", &limit),
            ("remaining", &remaining),
            ("reset", &reset),
        ] {
            response.set_header(&format!("anthropic-ratelimit-{name}-{field}"), value);
        }
    }
    response
}
