//! Prefix buffering: buffers the start of a response until we know whether it is an error.
//!
//! Invariants: a successful response is buffered only until its kind is known, usually for one chunk; an error is
//! buffered whole, within [`MAX_PREFIX_BYTES`] and [`ERROR_BODY_TIMEOUT`], so that it can be classified, and kept while
//! another attempt is made; pings and comments at the start of a stream are buffered for at most
//! [`STREAM_PREFIX_TIMEOUT`]. Buffered bytes are passed on unchanged.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::response::Parts;
use bytes::BytesMut;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use keyreeve_core::usage::{StreamStart, StreamStartReader};
use keyreeve_core::verdict::MAX_ERROR_BODY_BYTES;
use tokio::time::{Instant, timeout, timeout_at};

use crate::attempt::{BufferedPrefix, ForwardError, ResponseKind};
use crate::headers::is_stream;

/// The maximum size of the buffer of one response.
const MAX_PREFIX_BYTES: usize = MAX_ERROR_BODY_BYTES;

/// The time allowed for the rest of an error body.
pub(crate) const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// The time from the first chunk of a stream to its first event that is not a ping.
const STREAM_PREFIX_TIMEOUT: Duration = Duration::from_millis(500);

/// A response body while its start is read.
struct PrefixBuffer<'a> {
    rest: &'a mut Incoming,
    first: Bytes,
    /// All bytes received; empty until a second chunk has arrived.
    joined: BytesMut,
    cut: Option<hyper::Error>,
}

/// Waits for the first chunk of a body, and buffers more if it does not show what kind of response this is.
///
/// # Errors
/// [`ForwardError`] if no first chunk arrives within `idle_timeout`.
pub(crate) async fn buffer_prefix(
    head: &Parts,
    rest: &mut Incoming,
    idle_timeout: Duration,
) -> Result<BufferedPrefix, ForwardError> {
    let first = match timeout(idle_timeout, next_data(rest)).await {
        Ok(Some(Ok(first))) => first,
        Ok(Some(Err(_))) => return Err(ForwardError::NoBody),
        Ok(None) => {
            let kind = if head.status.is_success() {
                ResponseKind::Content
            } else {
                ResponseKind::Error
            };
            return Ok(BufferedPrefix {
                bytes: None,
                kind,
                cut: None,
            });
        }
        Err(_) => return Err(ForwardError::TimedOut(None)),
    };
    let mut buffer = PrefixBuffer {
        rest,
        first,
        joined: BytesMut::new(),
        cut: None,
    };
    let kind = match (head.status.is_success(), is_stream(&head.headers)) {
        (true, false) => ResponseKind::Content,
        (true, true) => buffer.read_stream_start().await,
        (false, _) => buffer.read_error(ResponseKind::Error).await,
    };
    Ok(buffer.into_prefix(kind))
}

impl PrefixBuffer<'_> {
    /// Reads until the first event of a stream that is not a ping.
    async fn read_stream_start(&mut self) -> ResponseKind {
        let deadline = Instant::now() + STREAM_PREFIX_TIMEOUT;
        let mut reader = StreamStartReader::default();
        let mut received = 0;
        loop {
            let start = reader.feed(&self.bytes()[received..]);
            received = self.bytes().len();
            match start {
                StreamStart::Error { kind, message } => {
                    return self
                        .read_error(ResponseKind::StreamedError { kind, message })
                        .await;
                }
                StreamStart::Unknown if self.read_chunk(deadline).await == ReadMore::Chunk => {}
                StreamStart::Content | StreamStart::Unknown => return ResponseKind::Content,
            }
        }
    }

    /// Reads an error to its end.
    async fn read_error(&mut self, error: ResponseKind) -> ResponseKind {
        let deadline = Instant::now() + ERROR_BODY_TIMEOUT;
        loop {
            match self.read_chunk(deadline).await {
                ReadMore::Chunk => {}
                ReadMore::End => return error,
                ReadMore::Stopped => return ResponseKind::Content,
            }
        }
    }

    /// Reads one more chunk if there is room for it.
    async fn read_chunk(&mut self, deadline: Instant) -> ReadMore {
        if self.bytes().len() >= MAX_PREFIX_BYTES || self.cut.is_some() {
            return ReadMore::Stopped;
        }
        match timeout_at(deadline, next_data(self.rest)).await {
            Err(_) => ReadMore::Stopped,
            Ok(None) => ReadMore::End,
            Ok(Some(Ok(chunk))) => {
                if self.joined.is_empty() {
                    self.joined.extend_from_slice(&self.first);
                }
                self.joined.extend_from_slice(&chunk);
                ReadMore::Chunk
            }
            Ok(Some(Err(error))) => {
                self.cut = Some(error);
                ReadMore::Stopped
            }
        }
    }

    fn bytes(&self) -> &[u8] {
        if self.joined.is_empty() {
            &self.first
        } else {
            &self.joined
        }
    }

    fn into_prefix(self, kind: ResponseKind) -> BufferedPrefix {
        let bytes = if self.joined.is_empty() {
            self.first
        } else {
            self.joined.freeze()
        };
        BufferedPrefix {
            bytes: Some(bytes),
            kind,
            cut: self.cut,
        }
    }
}

/// The result of reading one more chunk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadMore {
    Chunk,
    /// The body is complete.
    End,
    /// The body was cut, is too long or too slow.
    Stopped,
}

async fn next_data(body: &mut Incoming) -> Option<Result<Bytes, hyper::Error>> {
    loop {
        match body.frame().await? {
            Err(error) => return Some(Err(error)),
            Ok(frame) => match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Some(Ok(data)),
                // Trailers are hop-by-hop and are not forwarded.
                Err(_) => {}
            },
        }
    }
}
