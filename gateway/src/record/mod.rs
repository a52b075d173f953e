//! Records an attempt: counts usage and cost while the body streams to the client, and reports the outcome.
//!
//! Invariants: bytes go to the client first, and a copy of each chunk is counted afterwards; a meter that cannot parse
//! the body loses figures, never bytes; the ledger entry is closed exactly once, whether the response ends, is cut, or
//! the client disconnects.

mod attempt_handle;
mod body;
mod recorder;

use axum::body::Body;
use axum::http::response::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use keyreeve_broker::Report;
use keyreeve_core::inject::{HeaderAction, connection_headers, response_header};
use keyreeve_core::verdict::Verdict;
use keyreeve_store::Ending;

use crate::error::GatewayError;
use crate::forward::{ForwardError, UpstreamResponse};
use attempt_handle::AttemptHandle;
use body::{IdleTimer, RecordedBody, UpstreamCutError};
use recorder::ResponseRecorder;

/// Passes the response on and closes the attempt's ledger entry when it ends; a failure is reported at once.
///
/// # Errors
/// [`GatewayError::Upstream`] with the [`ForwardError`] of a failed attempt.
pub(crate) async fn record(
    attempt: impl Into<AttemptHandle>,
    verdict: Verdict,
    result: Result<UpstreamResponse, ForwardError>,
) -> Result<Response, GatewayError> {
    let mut attempt = attempt.into();
    let response = match result {
        Ok(response) => response,
        Err(error) => {
            let request = attempt.request();
            let report = Report {
                verdict,
                ..Report::no_response(error.ending())
            };
            if error.is_upstream_failure() {
                attempt.observe_no_response(verdict).await;
                attempt.report(report);
            } else {
                attempt.report_not_sent(report);
            }
            return Err(GatewayError::Upstream { request, error });
        }
    };
    let UpstreamResponse {
        head: Parts {
            status,
            mut headers,
            ..
        },
        prefix,
        rest,
        idle_timeout,
        redactor,
    } = response;
    // First, so that nothing stored from the headers contains more of a secret than the client gets.
    redactor.redact_headers(&mut headers);
    // Health is updated before the client can send its next request.
    attempt.observe_response(verdict, status, &headers).await;
    let recorder = ResponseRecorder::new(attempt, verdict, status, &headers);
    filter_response_headers(&mut headers);
    recorder.set_request_id(&mut headers);
    let body = RecordedBody {
        first: prefix.bytes,
        cut: prefix.cut.map(UpstreamCutError::Broken),
        is_unwritten: true,
        rest,
        idle: IdleTimer::new(idle_timeout),
        redactor,
        recorder,
    };
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

impl ForwardError {
    /// Returns `true` if the upstream failed, and not the request sent to it.
    fn is_upstream_failure(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Broken(_) | Self::TimedOut(_) | Self::NoBody => true,
            Self::Redirect(_) | Self::InvalidUrl | Self::Credential(_) => false,
        }
    }

    /// Returns the ending for the ledger, which depends on whether anything may have been produced, and so billed.
    fn ending(&self) -> Ending {
        match self {
            Self::Unreachable(_) | Self::Redirect(_) | Self::InvalidUrl | Self::Credential(_) => {
                Ending::Failed
            }
            Self::Broken(_) | Self::TimedOut(_) | Self::NoBody => Ending::Incomplete,
        }
    }
}

/// Removes hop-by-hop headers and those that must not reach the client, and sets `cache-control`.
fn filter_response_headers(headers: &mut HeaderMap) {
    let hop_by_hop: Vec<_> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(connection_headers)
        .collect();
    let is_hop_by_hop = |name: &HeaderName| {
        hop_by_hop
            .iter()
            .any(|named| name.as_str().eq_ignore_ascii_case(named))
    };
    let removed: Vec<_> = headers
        .keys()
        .filter(|name| response_header(name.as_str()) == HeaderAction::Drop || is_hop_by_hop(name))
        .cloned()
        .collect();
    for name in removed {
        headers.remove(name);
    }
    if is_stream(headers) {
        // Proxies must neither cache nor buffer a stream (docs/facts.md#streaming).
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-cache, no-transform"),
        );
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    } else {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// Returns `true` if the body is a stream of server-sent events.
pub(crate) fn is_stream(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes()
            .to_ascii_lowercase()
            .starts_with(b"text/event-stream")
    })
}
