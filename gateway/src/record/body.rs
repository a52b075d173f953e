//! The response body on its way to the client: redacted, recorded, and cut after an idle timeout.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use keyreeve_store::Ending;
use tokio::time::{Instant, Sleep, sleep};

use super::recorder::ResponseRecorder;
use crate::redact::Redactor;

/// The response body on its way to the client.
pub(super) struct RecordedBody {
    /// The buffered start of the body, until it is sent.
    pub(super) first: Option<Bytes>,
    /// The error that cut the body after the chunks sent so far.
    pub(super) cut: Option<UpstreamCutError>,
    /// `true` while the last chunk may not have been written to the client yet.
    pub(super) is_unwritten: bool,
    pub(super) rest: Incoming,
    pub(super) idle: IdleTimer,
    pub(super) redactor: Redactor,
    pub(super) recorder: ResponseRecorder,
}

/// The body ended early; the client must not take that for its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum UpstreamCutError {
    #[error("the upstream cut its response")]
    Broken(#[source] hyper::Error),
    #[error("the upstream sent nothing until the idle timeout")]
    IdleTimeout,
}

impl HttpBody for RecordedBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        this.recorder.count_pending();
        loop {
            let chunk = match this.first.take() {
                Some(chunk) => chunk,
                None => match ready!(this.poll_rest(context)) {
                    Some(Ok(chunk)) => chunk,
                    // If a body fails, the server drops unwritten bytes, even the head: let it write them first.
                    Some(Err(cut)) if std::mem::take(&mut this.is_unwritten) => {
                        this.cut = Some(cut);
                        context.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Some(Err(cut)) => {
                        this.recorder.close(Ending::Incomplete);
                        return Poll::Ready(Some(Err(Box::new(cut))));
                    }
                    None => {
                        let last = this
                            .redactor
                            .finish()
                            .map(|rest| Ok(Frame::data(this.recorder.record_chunk(rest))));
                        if last.is_none() {
                            this.recorder.close(Ending::Done);
                        }
                        return Poll::Ready(last);
                    }
                },
            };
            let chunk = this.redactor.redact_chunk(chunk);
            if !chunk.is_empty() {
                this.is_unwritten = true;
                return Poll::Ready(Some(Ok(Frame::data(this.recorder.record_chunk(chunk)))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none()
            && self.cut.is_none()
            && self.redactor.pending_bytes() == 0
            && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let before = self.first.as_ref().map_or(0, Bytes::len) + self.redactor.pending_bytes();
        let rest = self.rest.size_hint();
        match rest.exact() {
            Some(exact) => SizeHint::with_exact(exact + before as u64),
            None => SizeHint::default(),
        }
    }
}

impl RecordedBody {
    fn poll_rest(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, UpstreamCutError>>> {
        if let Some(cut) = self.cut.take() {
            return Poll::Ready(Some(Err(cut)));
        }
        loop {
            match Pin::new(&mut self.rest).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    self.idle.reset();
                    if let Ok(chunk) = frame.into_data() {
                        return Poll::Ready(Some(Ok(chunk)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Some(Err(UpstreamCutError::Broken(error))));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    ready!(self.idle.poll(context));
                    return Poll::Ready(Some(Err(UpstreamCutError::IdleTimeout)));
                }
            }
        }
    }
}

impl Drop for RecordedBody {
    fn drop(&mut self) {
        // A sized body is not polled again after its last byte.
        let ending = if self.is_end_stream() {
            Ending::Done
        } else {
            Ending::Incomplete
        };
        self.recorder.close(ending);
    }
}

/// Fires when no chunk has arrived for the idle timeout.
pub(super) struct IdleTimer {
    timeout: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl IdleTimer {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            sleep: Box::pin(sleep(timeout)),
        }
    }

    fn reset(&mut self) {
        self.sleep.as_mut().reset(Instant::now() + self.timeout);
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().poll(context)
    }
}
