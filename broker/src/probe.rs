//! Probe: a minimal request that tests a profile's credential against its upstream.
//!
//! Invariants: it takes the path of every request (lease, inject, forward, classify, record), so it has a ledger entry;
//! it ends within its timeout; text of a response that contains the secret is never passed on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use keyreeve_core::credential::Credential;
use keyreeve_core::inject::{BetaLines, edit_beta};
use keyreeve_core::limits::is_plan_header;
use keyreeve_core::price::Cost;
use keyreeve_core::profile::Profile;
use keyreeve_core::sanitize::sanitize_line;
use keyreeve_core::usage::{MeterReport, meter_body};
use keyreeve_core::verdict::{MAX_ERROR_BODY_BYTES, Verdict};
use keyreeve_store::{AttemptId, Ending, Operation, RequestId};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::report::classify_response;
use crate::upstream::{RequestBody, USER_AGENT, Upstream, UpstreamError};
use crate::{Broker, CompletedResponse, Lease, LeaseError, LeaseRequest, Report};

/// The oldest API version, supported by every gateway (docs/facts.md#headers).
pub const MIN_API_VERSION: &str = "2023-06-01";
/// Maximum length of a message shown from a response, in characters.
const MAX_MESSAGE_CHARS: usize = 300;

/// Model and timeout of a probe.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The model.
    pub model: String,
    /// Maximum time from the request's first byte to the response's last.
    pub timeout: Duration,
}

/// Result of a probe.
#[derive(Clone, Debug)]
pub struct ProbeResult {
    /// Id of the ledger entry.
    pub attempt: AttemptId,
    /// The verdict.
    pub verdict: Verdict,
    /// The upstream's status; `None` without a response.
    pub status: Option<u16>,
    /// The upstream's error message, or the reason for a missing response, sanitized to one line.
    pub message: Option<String>,
    /// The organization named in `anthropic-organization-id`.
    pub organization: Option<String>,
    /// The workspace named in the response.
    pub workspace: Option<String>,
    /// The upstream's `request-id`.
    pub upstream_request_id: Option<String>,
    /// `true` if the response has the headers of a plan login, whatever the profile was declared to be.
    pub is_plan: bool,
    /// The cost.
    pub cost: Cost,
    /// The duration.
    pub duration: Duration,
}

/// A probe that was sent, or that failed before sending.
struct SentProbe {
    lease: Lease,
    credential: Credential,
    duration: Duration,
}

/// A response, as far as it was read.
struct ProbeResponse {
    head: Parts,
    body: Vec<u8>,
}

/// Error of a probe without a response.
enum ProbeError {
    Upstream(UpstreamError),
    Cut,
    TimedOut(Duration),
    Redirect(u16),
    NotSent(String),
}

impl Broker {
    /// Requests one token from a profile's upstream.
    ///
    /// # Errors
    /// [`LeaseError`]: nothing was sent. Later failures are in [`ProbeResult`].
    pub async fn probe(
        self: &Arc<Self>,
        upstream: &Upstream,
        profile: &Profile,
        probe: &Probe,
    ) -> Result<ProbeResult, LeaseError> {
        let body = body(&probe.model);
        let lease_request = lease_request(self.request_id()?, &probe.model, &body);
        let (lease, credential) = self.lease_for_owner(profile, &lease_request).await?;
        let sent = Instant::now();
        let result = match request(&lease, &credential, body) {
            Ok(request) => timeout(probe.timeout, exchange(upstream, request))
                .await
                .unwrap_or(Err(ProbeError::TimedOut(probe.timeout))),
            Err(error) => Err(error),
        };
        let verdict = classify(&result);
        let probe = SentProbe {
            lease,
            credential,
            duration: sent.elapsed(),
        };
        Ok(record(probe, verdict, result))
    }
}

fn body(model: &str) -> Bytes {
    let body = json!({
        "model": model,
        "max_tokens": 1,
        "messages": [{ "role": "user", "content": "hi" }],
    });
    Bytes::from(body.to_string())
}

fn lease_request(request: RequestId, model: &str, body: &Bytes) -> LeaseRequest {
    LeaseRequest {
        request_id: request,
        operation: Operation::Messages,
        session: None,
        conversation: None,
        model: Some(sanitize_line(model, 128).into_owned()),
        stream: false,
        max_tokens: Some(1),
        body_hash: *blake3::hash(body).as_bytes(),
        body_bytes: body.len(),
    }
}

fn request(
    lease: &Lease,
    credential: &Credential,
    body: Bytes,
) -> Result<Request<RequestBody>, ProbeError> {
    let (name, value) = lease
        .header(credential)
        .map_err(|error| ProbeError::NotSent(error.to_string()))?;
    let address: Uri = format!("{}/v1/messages", lease.profile.base_url)
        .parse()
        .map_err(|_| ProbeError::NotSent("the profile's base URL is not a valid URL".to_owned()))?;
    let mut request = Request::new(RequestBody::from_iter([body]));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = address;
    let headers = request.headers_mut();
    headers.insert(name, value);
    for (name, value) in [
        ("anthropic-version", MIN_API_VERSION),
        ("content-type", "application/json"),
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
        ("user-agent", USER_AGENT),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let BetaLines::Replaced(line) = edit_beta(&[], lease.injection.beta)
        && let Ok(line) = HeaderValue::from_str(&line)
    {
        headers.insert(HeaderName::from_static("anthropic-beta"), line);
    }
    Ok(request)
}

async fn exchange(
    upstream: &Upstream,
    request: Request<RequestBody>,
) -> Result<ProbeResponse, ProbeError> {
    let response = upstream.send(request).await.map_err(ProbeError::Upstream)?;
    let (head, mut body_stream) = response.into_parts();
    if head.status.is_redirection() {
        return Err(ProbeError::Redirect(head.status.as_u16()));
    }
    let body = read_start(&mut body_stream)
        .await
        .map_err(|_| ProbeError::Cut)?;
    Ok(ProbeResponse { head, body })
}

/// Reads as much of a body as any classification rule uses.
async fn read_start(body_stream: &mut Incoming) -> Result<Vec<u8>, hyper::Error> {
    let mut body = Vec::new();
    while body.len() < MAX_ERROR_BODY_BYTES
        && let Some(frame) = body_stream.frame().await
    {
        if let Ok(chunk) = frame?.into_data() {
            body.extend_from_slice(&chunk);
        }
    }
    Ok(body)
}

fn classify(result: &Result<ProbeResponse, ProbeError>) -> Verdict {
    let ProbeResponse { head, body } = match result {
        Ok(response) => response,
        Err(ProbeError::Redirect(status)) => return Verdict::from_status(*status),
        Err(
            ProbeError::Upstream(_)
            | ProbeError::Cut
            | ProbeError::TimedOut(_)
            | ProbeError::NotSent(_),
        ) => {
            return Verdict::no_response();
        }
    };
    // A page of another server can have status 200, too.
    let is_not_from_api = head.status.is_success() && !is_message(body);
    let status = if is_not_from_api {
        502
    } else {
        head.status.as_u16()
    };
    classify_response(status, &head.headers, body)
}

fn is_message(body: &[u8]) -> bool {
    serde_json::from_slice(body).is_ok_and(|body: Value| body["type"] == "message")
}

fn record(
    probe: SentProbe,
    verdict: Verdict,
    result: Result<ProbeResponse, ProbeError>,
) -> ProbeResult {
    let SentProbe {
        mut lease,
        credential,
        duration,
    } = probe;
    let mut probe_result = ProbeResult {
        attempt: lease.attempt,
        verdict,
        status: None,
        message: None,
        organization: None,
        workspace: None,
        upstream_request_id: None,
        is_plan: false,
        cost: Cost::FREE,
        duration,
    };
    let report = match result {
        Ok(response) => {
            let mut meter_report = meter_body(&response.body);
            let origin = lease.profile.base_url.origin();
            let secret = credential.expose_for(origin).unwrap_or_default();
            meter_report.model = meter_report
                .model
                .filter(|model| secret.is_empty() || !model.contains(secret));
            probe_result.read(&response, secret);
            let mut names = response.head.headers.keys();
            probe_result.is_plan = names.any(|name| is_plan_header(name.as_str()));
            lease.observe_limits(&response.head.headers);
            Report {
                ending: Ending::Done,
                verdict,
                response: Some(CompletedResponse {
                    upstream_request_id: probe_result.upstream_request_id.clone(),
                    organization: probe_result.organization.clone(),
                    ..response.completed_response(meter_report, duration)
                }),
            }
        }
        Err(error) => {
            probe_result.message = Some(error.message());
            Report {
                verdict,
                ..Report::no_response(error.ending())
            }
        }
    };
    probe_result.cost = lease.report(report);
    probe_result
}

impl ProbeResult {
    /// Reads the fields of a response, except for any text that contains the secret.
    fn read(&mut self, response: &ProbeResponse, secret: &str) {
        let clean = |text: &str| {
            let shown = !text.is_empty() && (secret.is_empty() || !text.contains(secret));
            shown.then(|| sanitize_line(text, MAX_MESSAGE_CHARS).into_owned())
        };
        let headers = &response.head.headers;
        let header = |name| clean(headers.get(name)?.to_str().ok()?);
        self.status = Some(response.head.status.as_u16());
        self.organization = header("anthropic-organization-id");
        self.workspace = header("anthropic-workspace-id");
        self.upstream_request_id = header("request-id").filter(|id| id.len() <= 128);
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        self.message = body
            .pointer("/error/message")
            .and_then(Value::as_str)
            .and_then(clean);
    }
}

impl ProbeResponse {
    fn completed_response(
        &self,
        meter_report: MeterReport,
        duration: Duration,
    ) -> CompletedResponse {
        CompletedResponse {
            status: self.head.status.as_u16(),
            upstream_request_id: None,
            organization: None,
            meter_report,
            first_byte: Some(duration),
            body_hash: *blake3::hash(&self.body).as_bytes(),
            body_bytes: self.body.len() as u64,
        }
    }
}

impl ProbeError {
    /// Returns the ending: incomplete if billable output may have been produced, else failed.
    fn ending(&self) -> Ending {
        match self {
            Self::Upstream(UpstreamError::Unreachable(_) | UpstreamError::ConnectTimedOut(_))
            | Self::Redirect(_)
            | Self::NotSent(_) => Ending::Failed,
            Self::Upstream(UpstreamError::ConnectionBroken(_) | UpstreamError::TimedOut(_))
            | Self::Cut
            | Self::TimedOut(_) => Ending::Incomplete,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Upstream(error) => error.to_string(),
            Self::Cut => "the upstream cut its response short".to_owned(),
            Self::TimedOut(timeout) => {
                format!(
                    "the upstream did not respond within {} s",
                    timeout.as_secs_f32()
                )
            }
            Self::Redirect(status) => {
                format!(
                    "the upstream responded with a redirect ({status}), which is never followed"
                )
            }
            Self::NotSent(reason) => reason.clone(),
        }
    }
}
