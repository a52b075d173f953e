//! Follows one step of a script: turns what would have been answered into what the step wants.
//!
//! A named case is answered as the data has it, with no header of ours but `date`; inside a stream it keeps the
//! stream's own.

use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::answer::{Answer, Content};
use crate::call::Call;
use crate::delivery::CutShort;
use crate::errors::{Case, Place, Refusal, envelope, status_of};
use crate::script::{Effect, Step};
use crate::stream;

/// The answer that a step makes of a call.
///
/// # Errors
/// Where the step wants the connection broken off instead.
pub(crate) fn follow(step: &Step, call: &Call<'_>) -> Result<Answer, CutShort> {
    let mut answer = match &step.effect {
        Effect::Normal => call.normal(),
        Effect::Case(case, after) => named_case(case, *after, call),
        Effect::Status(status, Some(body)) => {
            Answer::whole(*status, "application/json", body.clone())
                .with("request-id", &call.request_id)
        }
        Effect::Status(status, None) if status.is_success() => Answer {
            status: *status,
            ..call.normal()
        },
        Effect::Status(status, None) => {
            let text = "A script of the sandbox asked for this status";
            Refusal::new(*status, text).answer(&call.request_id)
        }
        Effect::StreamError(kind, after) => {
            let event = stream::error(kind, &call.request_id);
            broken_stream(call, *after, event, || {
                let body = envelope(kind, &call.request_id);
                Answer::whole(status_of(kind), "application/json", body.into())
                    .with("request-id", &call.request_id)
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
fn named_case(case: &Case, after: usize, call: &Call<'_>) -> Answer {
    match case.place {
        Place::Stream => {
            let event = stream::named("error", &case.body);
            broken_stream(call, after, event, || case.answer())
        }
        Place::Status(StatusCode::OK) => match call.normal() {
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
fn broken_stream(
    call: &Call<'_>,
    after: usize,
    event: Bytes,
    other: impl FnOnce() -> Answer,
) -> Answer {
    match call.normal() {
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
