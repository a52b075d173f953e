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
use axum::response::Response;
use keyreeve_broker::Report;
use keyreeve_core::verdict::Verdict;
use keyreeve_store::Ending;

use crate::attempt::{ForwardError, UpstreamResponse};
use crate::error::GatewayError;
use crate::headers::filter_response_headers;
pub(crate) use attempt_handle::AttemptHandle;
use body::{RecordedBody, UpstreamCutError, Watch};
use recorder::ResponseRecorder;

/// Passes the response on and closes the attempt's ledger entry when it ends; a failure is reported at once.
///
/// # Errors
/// [`GatewayError::Upstream`] with the [`ForwardError`] of a failed attempt.
pub(crate) async fn record(
    mut attempt: AttemptHandle,
    verdict: Verdict,
    result: Result<UpstreamResponse, ForwardError>,
) -> Result<Response, GatewayError> {
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
        watch: Watch::new(idle_timeout),
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
