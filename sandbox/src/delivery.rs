//! Delivery of a response: delays, pace, stalls and aborts.
//!
//! All bytes of a response are known before the first is sent; this module turns them into a body that sends, waits or
//! aborts. Each event is a frame of its own and is flushed before the next.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::Response;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use serde::Deserialize;
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::response::{ResponseContent, SimulatedResponse};

/// The body of every HTTP response.
pub(crate) type Body = UnsyncBoxBody<Bytes, AbortedResponseError>;

/// The way a connection is closed in the middle of a response.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseMode {
    /// Closes it (FIN): the client reads an unexpected end.
    #[default]
    Fin,
    /// Resets it (RST): the client reads "connection reset by peer", and may lose bytes that it had not read yet.
    Rst,
}

/// Error that makes the server close a connection in the middle of a response, as a script requests.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("response aborted by a script")]
pub(crate) struct AbortedResponseError(pub(crate) CloseMode);

/// Changes that a script makes to the delivery of a response; none by default.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Delivery {
    /// Delay before the head.
    pub(crate) delay: Duration,
    /// Delay before each event except the first.
    pub(crate) pace: Duration,
    /// Pause after this many events, at the latest before the last one.
    pub(crate) stall: Option<(usize, Duration)>,
    /// Number of body bytes after which the connection is closed.
    pub(crate) cut: Option<(usize, CloseMode)>,
}

/// Delay that lets sent bytes reach the socket before the connection is closed.
const FLUSH_DELAY: Duration = Duration::from_millis(20);

/// One step of sending a body.
enum SendAction {
    Send(Bytes),
    /// Waits; a wait of zero still flushes what was sent.
    Wait(Duration),
    Abort(CloseMode),
}

impl SimulatedResponse {
    /// Converts it into the HTTP response that the server sends.
    pub(crate) fn into_response(self, delivery: Delivery) -> Response<Body> {
        let length = match &self.content {
            ResponseContent::Whole(bytes) => Some(bytes.len()),
            ResponseContent::Events(_) => None,
        };
        let mut response = Response::new(build_body(self.content, delivery));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if let Some(length) = length {
            response
                .headers_mut()
                .insert("content-length", length.into());
        }
        response
    }
}

/// Builds the body that sends `content` as `delivery` requires.
fn build_body(content: ResponseContent, delivery: Delivery) -> Body {
    match content {
        ResponseContent::Whole(bytes) if delivery.stall.is_none() && delivery.cut.is_none() => {
            Full::new(bytes)
                .map_err(|never| match never {})
                .boxed_unsync()
        }
        ResponseContent::Whole(bytes) => {
            let stall = delivery.stall.map(|(_, pause)| (0, pause));
            streamed(plan_actions(vec![bytes], Delivery { stall, ..delivery }))
        }
        ResponseContent::Events(events) => streamed(plan_actions(events, delivery)),
    }
}

/// Plans the steps of sending a body.
fn plan_actions(parts: Vec<Bytes>, delivery: Delivery) -> VecDeque<SendAction> {
    let mut actions = VecDeque::with_capacity(parts.len() * 2 + 2);
    let mut remaining = delivery.cut.map_or(usize::MAX, |(after, _)| after);
    let stall = delivery
        .stall
        .map(|(after, time)| (after.min(parts.len().saturating_sub(1)), time));
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            actions.push_back(SendAction::Wait(delivery.pace));
        }
        if let Some((after, time)) = stall
            && after == index
        {
            actions.push_back(SendAction::Wait(time));
        }
        let count = remaining.min(part.len());
        remaining -= count;
        actions.push_back(SendAction::Send(part.slice(..count)));
        if remaining == 0 {
            break;
        }
    }
    if let Some((_, mode)) = delivery.cut {
        actions.push_back(SendAction::Abort(mode));
    }
    actions
}

fn streamed(actions: VecDeque<SendAction>) -> Body {
    let frames = stream::unfold(actions, |mut actions| async move {
        loop {
            match actions.pop_front()? {
                SendAction::Send(bytes) if bytes.is_empty() => {}
                SendAction::Send(bytes) => return Some((Ok(Frame::data(bytes)), actions)),
                SendAction::Wait(Duration::ZERO) => yield_now().await,
                SendAction::Wait(time) => sleep(time).await,
                SendAction::Abort(mode) => {
                    sleep(FLUSH_DELAY).await;
                    return Some((Err(AbortedResponseError(mode)), VecDeque::new()));
                }
            }
        }
    });
    StreamBody::new(frames).boxed_unsync()
}
