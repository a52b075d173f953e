//! How an answer is put on the wire: its pace, its silences, and where it is cut.
//!
//! An answer's bytes are known before the first is sent; this turns them into a body that sends, waits or breaks
//! off. Each event is a frame of its own and is flushed before the next.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use serde::Deserialize;
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::answer::Content;

/// The body of every answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, CutShort>;

/// How a connection is broken off.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It is closed (FIN): the client reads an early end.
    #[default]
    Fin,
    /// It is reset (RST): the client reads "connection reset by peer", and may lose what it had not read yet.
    Rst,
}

/// Ends a connection in the middle of an answer, because a script says so.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("cut short by a script")]
pub(crate) struct CutShort(pub(crate) How);

/// What a script does to the sending of an answer. Nothing of it by default.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Delivery {
    /// Waited before the head is sent.
    pub(crate) delay: Duration,
    /// Waited before each event but the first.
    pub(crate) pace: Duration,
    /// Waited once, after so many events, before the last at the latest.
    pub(crate) silence: Option<(usize, Duration)>,
    /// Where the connection breaks: after so many bytes of the body.
    pub(crate) cut: Option<(usize, How)>,
}

/// Lets what was sent reach the socket before the connection breaks.
const FLUSH: Duration = Duration::from_millis(20);

/// One act of sending.
enum Act {
    Send(Bytes),
    /// Waits; a wait of nothing still flushes what was sent.
    Wait(Duration),
    Break(How),
}

/// Makes the body that sends `content` in the way asked for.
pub(crate) fn body(content: Content, delivery: Delivery) -> Body {
    match content {
        Content::Whole(bytes) if delivery.silence.is_none() && delivery.cut.is_none() => {
            Full::new(bytes)
                .map_err(|never| match never {})
                .boxed_unsync()
        }
        Content::Whole(bytes) => {
            let silence = delivery.silence.map(|(_, time)| (0, time));
            acting(acts(
                vec![bytes],
                Delivery {
                    silence,
                    ..delivery
                },
            ))
        }
        Content::Events(events) => acting(acts(events, delivery)),
    }
}

/// Lays out the acts of sending.
fn acts(parts: Vec<Bytes>, delivery: Delivery) -> VecDeque<Act> {
    let mut acts = VecDeque::with_capacity(parts.len() * 2 + 2);
    let mut left = delivery.cut.map_or(usize::MAX, |(after, _)| after);
    let silence = delivery
        .silence
        .map(|(after, time)| (after.min(parts.len().saturating_sub(1)), time));
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            acts.push_back(Act::Wait(delivery.pace));
        }
        if let Some((after, time)) = silence
            && after == index
        {
            acts.push_back(Act::Wait(time));
        }
        let take = left.min(part.len());
        left -= take;
        acts.push_back(Act::Send(part.slice(..take)));
        if left == 0 {
            break;
        }
    }
    if let Some((_, how)) = delivery.cut {
        acts.push_back(Act::Break(how));
    }
    acts
}

fn acting(acts: VecDeque<Act>) -> Body {
    let frames = stream::unfold(acts, |mut acts| async move {
        loop {
            match acts.pop_front()? {
                Act::Send(bytes) if bytes.is_empty() => {}
                Act::Send(bytes) => return Some((Ok(Frame::data(bytes)), acts)),
                Act::Wait(Duration::ZERO) => yield_now().await,
                Act::Wait(time) => sleep(time).await,
                Act::Break(how) => {
                    sleep(FLUSH).await;
                    return Some((Err(CutShort(how)), VecDeque::new()));
                }
            }
        }
    });
    StreamBody::new(frames).boxed_unsync()
}
