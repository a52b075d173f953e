//! The response body on its way to the client: redacted, recorded, and cut after an idle timeout or when its key is no
//! longer accepted.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use keyreeve_store::Ending;
use tokio::time::{Instant, Sleep, sleep_until};

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
    pub(super) watch: Watch,
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
    #[error("the key was revoked or has expired")]
    KeyRefused,
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
                    self.watch.last_chunk = Instant::now();
                    if let Poll::Ready(cut) = self.watch.poll(context, &self.recorder) {
                        return Poll::Ready(Some(Err(cut)));
                    }
                    if let Ok(chunk) = frame.into_data() {
                        return Poll::Ready(Some(Ok(chunk)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Some(Err(UpstreamCutError::Broken(error))));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    self.watch.start();
                    let cut = ready!(self.watch.poll(context, &self.recorder));
                    return Poll::Ready(Some(Err(cut)));
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

/// The time between two checks of a running response.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// Checks a running response now and then: whether the upstream has been silent for too long, and whether the key is
/// still accepted. Most responses end before the first check.
pub(super) struct Watch {
    idle_timeout: Duration,
    last_chunk: Instant,
    next_check: Option<Pin<Box<Sleep>>>,
}

impl Watch {
    pub(super) fn new(idle_timeout: Duration) -> Self {
        Self {
            idle_timeout,
            last_chunk: Instant::now(),
            next_check: None,
        }
    }

    /// Schedules the first check.
    fn start(&mut self) {
        let first = self.last_chunk + self.idle_timeout.min(CHECK_INTERVAL);
        self.next_check
            .get_or_insert_with(|| Box::pin(sleep_until(first)));
    }

    /// Returns the reason to cut the response as soon as a check finds one.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        recorder: &ResponseRecorder,
    ) -> Poll<UpstreamCutError> {
        let Some(check) = &mut self.next_check else {
            return Poll::Pending;
        };
        loop {
            ready!(check.as_mut().poll(context));
            let now = Instant::now();
            let idle_until = self.last_chunk + self.idle_timeout;
            if idle_until <= now {
                return Poll::Ready(UpstreamCutError::IdleTimeout);
            }
            if !recorder.is_key_accepted() {
                return Poll::Ready(UpstreamCutError::KeyRefused);
            }
            check.as_mut().reset(idle_until.min(now + CHECK_INTERVAL));
        }
    }
}
