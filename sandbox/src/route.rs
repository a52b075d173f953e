//! One request in, one answer out: reads the body, notes what came, follows the key's script, else answers as the
//! API does.

use std::sync::Arc;

use http::header::DATE;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::time::sleep;

use crate::answer::Answer;
use crate::call::{BODY_LIMIT, Call, Received};
use crate::control;
use crate::delivery::{Body, CutShort, Delivery, How};
use crate::follow::follow;
use crate::seen::Digest;
use crate::state::{Mark, State};

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
    let call = Call::new(&state, &head, &body);
    let (answer, delivery) = match call.step() {
        None => (call.normal(), Delivery::default()),
        Some(step) => {
            sleep(step.delivery.delay).await;
            (follow(&step, &call)?, step.delivery)
        }
    };
    let answer = dated(answer, state.now());
    state
        .seen()
        .answered(number, answer.status.as_u16(), state.now());
    Ok(answer.send(delivery))
}

/// Answers a request to the control desk, which leaves no trace: it is not listed and moves no counter.
fn at_the_desk(state: &State, head: &Parts, rest: &str, body: &Received) -> Response<Body> {
    let answer = control::answer(state, (&head.method, rest), &head.headers, &body.bytes);
    let request_id = Mark::new(&body.digest.hash, 0).request_id();
    let answer = answer.unwrap_or_else(|refusal| refusal.answer(&request_id));
    dated(answer, state.now()).send(Delivery::default())
}

/// Adds the date, unless a script said otherwise.
fn dated(mut answer: Answer, now: Timestamp) -> Answer {
    if !answer.headers.contains_key(DATE)
        && let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&now)
    {
        answer.set(&DATE, &date);
    }
    answer
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
        if length <= BODY_LIMIT {
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
