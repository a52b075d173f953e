//! Applies one script step: turns the default response into the one that the step requires.
//!
//! A named case is returned as in the data, with `date` added; inside a stream it keeps the stream's headers.

use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::api_request::ApiRequest;
use crate::delivery::AbortedResponseError;
use crate::errors::{ApiError, CaseForm, ErrorCase, error_json, status_for_kind};
use crate::response::{ResponseContent, SimulatedResponse};
use crate::script::{ScriptStep, StepEffect};
use crate::stream;

/// Returns the response to a request under a step.
///
/// # Errors
/// If the step closes the connection instead.
pub(crate) fn apply_step(
    step: &ScriptStep,
    request: &ApiRequest<'_>,
) -> Result<SimulatedResponse, AbortedResponseError> {
    let mut response = match &step.effect {
        StepEffect::Normal => request.default_response(),
        StepEffect::Case(case, after) => named_case(case, *after, request),
        StepEffect::Status(status, Some(body)) => {
            SimulatedResponse::with_body(*status, "application/json", body.clone())
                .with_header("request-id", &request.request_id)
        }
        StepEffect::Status(status, None) if status.is_success() => SimulatedResponse {
            status: *status,
            ..request.default_response()
        },
        StepEffect::Status(status, None) => {
            let text = "This status was requested by a sandbox script";
            ApiError::new(*status, text).to_response(&request.request_id)
        }
        StepEffect::StreamError(kind, after) => {
            let event = stream::error_event(kind, &request.request_id);
            truncated_stream(request, *after, event, || {
                let body = error_json(kind, &request.request_id);
                SimulatedResponse::with_body(status_for_kind(kind), "application/json", body.into())
                    .with_header("request-id", &request.request_id)
            })
        }
        StepEffect::NoResponse(mode) => return Err(AbortedResponseError(*mode)),
    };
    for (name, value) in &step.headers {
        response.headers.insert(name, value.clone());
    }
    Ok(response)
}

/// Returns a named case: inside the stream if it is a stream event and the request is streamed, else as a response.
fn named_case(case: &ErrorCase, after: usize, request: &ApiRequest<'_>) -> SimulatedResponse {
    match case.form {
        CaseForm::Stream => {
            let event = stream::encode_event("error", &case.body);
            truncated_stream(request, after, event, || case.to_response())
        }
        CaseForm::Status(StatusCode::OK) => match request.default_response() {
            mut stream @ SimulatedResponse {
                content: ResponseContent::Events(_),
                ..
            } => {
                let content_type = stream.headers.get(CONTENT_TYPE).cloned();
                case.add_headers(&mut stream);
                if let Some(content_type) = content_type {
                    stream.headers.insert(CONTENT_TYPE, content_type);
                }
                stream
            }
            _ => case.to_response(),
        },
        CaseForm::Status(_) | CaseForm::Text => case.to_response(),
    }
}

/// Returns the default stream, ended by `event` after `after` events; `fallback` if the request is not streamed.
fn truncated_stream(
    request: &ApiRequest<'_>,
    after: usize,
    event: Bytes,
    fallback: impl FnOnce() -> SimulatedResponse,
) -> SimulatedResponse {
    match request.default_response() {
        SimulatedResponse {
            status,
            headers,
            content: ResponseContent::Events(mut events),
        } => {
            events.truncate(after);
            events.push(event);
            SimulatedResponse {
                status,
                headers,
                content: ResponseContent::Events(events),
            }
        }
        SimulatedResponse {
            content: ResponseContent::Whole(_),
            ..
        } => fallback(),
    }
}
