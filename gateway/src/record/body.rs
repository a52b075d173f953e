//! The answer's body as it passes to the client: masked, watched for silence, counted.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use keyreeve_store::Ending;
use tokio::time::{Instant, Sleep, sleep};

use super::tally::Tally;
use crate::mask::Mask;

/// The answer's body as it passes to the client.
pub(super) struct Recorded {
    pub(super) first: Option<Bytes>,
    /// How the body broke off behind what was given so far.
    pub(super) cut: Option<Cut>,
    /// Whether a piece was given that may not have been written yet.
    pub(super) unwritten: bool,
    pub(super) rest: Incoming,
    pub(super) silence: Silence,
    pub(super) mask: Mask,
    pub(super) tally: Tally,
}

/// The body ended in a way a client must not take for its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cut {
    #[error("the upstream cut its answer")]
    Broken(#[source] hyper::Error),
    #[error("the upstream fell silent")]
    Silent,
}

impl HttpBody for Recorded {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        this.tally.count_last();
        loop {
            let piece = match this.first.take() {
                Some(piece) => piece,
                None => match ready!(this.poll_rest(context)) {
                    Some(Ok(piece)) => piece,
                    // The server drops what it has not written when a body fails, the head included: it may write first.
                    Some(Err(cut)) if std::mem::take(&mut this.unwritten) => {
                        this.cut = Some(cut);
                        context.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Some(Err(cut)) => {
                        this.tally.close(Ending::Incomplete);
                        return Poll::Ready(Some(Err(Box::new(cut))));
                    }
                    None => {
                        let held = this
                            .mask
                            .rest()
                            .map(|rest| Ok(Frame::data(this.tally.went(rest))));
                        if held.is_none() {
                            this.tally.close(Ending::Done);
                        }
                        return Poll::Ready(held);
                    }
                },
            };
            let piece = this.mask.pass(piece);
            if !piece.is_empty() {
                this.unwritten = true;
                return Poll::Ready(Some(Ok(Frame::data(this.tally.went(piece)))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none()
            && self.cut.is_none()
            && self.mask.held_bytes() == 0
            && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let before = self.first.as_ref().map_or(0, Bytes::len) + self.mask.held_bytes();
        let rest = self.rest.size_hint();
        match rest.exact() {
            Some(exact) => SizeHint::with_exact(exact + before as u64),
            None => SizeHint::default(),
        }
    }
}

impl Recorded {
    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        if let Some(cut) = self.cut.take() {
            return Poll::Ready(Some(Err(cut)));
        }
        loop {
            match Pin::new(&mut self.rest).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.silence.broken();
                    if let Ok(piece) = frame.into_data() {
                        return Poll::Ready(Some(Ok(piece)));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(Cut::Broken(error)))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    ready!(self.silence.poll(context));
                    return Poll::Ready(Some(Err(Cut::Silent)));
                }
            }
        }
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        // A sized body is not polled again after its last byte.
        let ending = if self.is_end_stream() {
            Ending::Done
        } else {
            Ending::Incomplete
        };
        self.tally.close(ending);
    }
}

/// The time since the last piece.
pub(super) struct Silence {
    limit: Duration,
    alarm: Pin<Box<Sleep>>,
}

impl Silence {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            alarm: Box::pin(sleep(limit)),
        }
    }

    fn broken(&mut self) {
        self.alarm.as_mut().reset(Instant::now() + self.limit);
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.alarm.as_mut().poll(context)
    }
}
