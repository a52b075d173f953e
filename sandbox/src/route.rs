//! Router: reads a request's body, records the request, and responds by the key's script, or else as the API does.

use std::sync::Arc;

use http::header::DATE;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::time::sleep;

use crate::api_request::{ApiRequest, MAX_BODY_BYTES, ReceivedBody};
use crate::apply_step::apply_step;
use crate::control;
use crate::delivery::{AbortedResponseError, Body, CloseMode, Delivery};
use crate::recorded_requests::BodyDigest;
use crate::response::{ResponseIds, SimulatedResponse};
use crate::state::SandboxState;

/// Handles one request.
pub(crate) async fn handle(
    state: Arc<SandboxState>,
    request: Request<Incoming>,
) -> Result<Response<Body>, AbortedResponseError> {
    let (head, incoming) = request.into_parts();
    let body = read_body(incoming).await?;
    if let Some(rest) = head.uri.path().strip_prefix(control::PATH) {
        return Ok(handle_control(&state, &head, rest, &body));
    }
    let number = state
        .requests()
        .record_request(&head, &body.digest, state.now());
    let request = ApiRequest::new(&state, &head, &body);
    let (response, delivery) = match request.next_step() {
        None => (request.default_response(), Delivery::default()),
        Some(step) => {
            sleep(step.delivery.delay).await;
            (apply_step(&step, &request)?, step.delivery)
        }
    };
    let response = with_date(response, state.now());
    state
        .requests()
        .record_response(number, response.status.as_u16(), state.now());
    Ok(response.into_response(delivery))
}

/// Handles a request to the control API. It is not recorded and does not increase the request counter.
fn handle_control(
    state: &SandboxState,
    head: &Parts,
    rest: &str,
    body: &ReceivedBody,
) -> Response<Body> {
    let response = control::handle(state, (&head.method, rest), &head.headers, &body.bytes);
    let request_id = ResponseIds::new(&body.digest.hash, 0).request_id();
    let response = response.unwrap_or_else(|error| error.to_response(&request_id));
    with_date(response, state.now()).into_response(Delivery::default())
}

/// Adds the `date` header, unless a script set it.
fn with_date(mut response: SimulatedResponse, now: Timestamp) -> SimulatedResponse {
    if !response.headers.contains_key(DATE)
        && let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&now)
    {
        response.set_header(DATE.as_str(), &date);
    }
    response
}

/// Reads a body to its end, so that the client can read the response. Stores no more of it than the limit.
async fn read_body(mut incoming: Incoming) -> Result<ReceivedBody, AbortedResponseError> {
    let mut bytes = Vec::new();
    let mut hasher = blake3::Hasher::new();
    let mut length = 0;
    while let Some(frame) = incoming.frame().await {
        // If the body ends early, the client is gone.
        let Ok(data) = frame
            .map_err(|_| AbortedResponseError(CloseMode::Fin))?
            .into_data()
        else {
            continue;
        };
        hasher.update(&data);
        length += data.len() as u64;
        if length <= MAX_BODY_BYTES {
            bytes.extend_from_slice(&data);
        }
    }
    Ok(ReceivedBody {
        bytes: bytes.into(),
        digest: BodyDigest {
            hash: hasher.finalize(),
            length,
        },
    })
}
