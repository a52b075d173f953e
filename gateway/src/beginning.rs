//! The beginning of an answer, held until it is known what it is.
//!
//! Invariants: of an answer that goes well no more is held than tells so, the first piece mostly; an error is held whole,
//! within [`LONGEST`] and [`ERROR_TIME`], so that it can be judged, and kept while another attempt is made; pings and
//! comments at a stream's beginning are held for [`STREAM_TIME`] at the most. What was held passes on as it came.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::response::Parts;
use bytes::BytesMut;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use keyreeve_core::usage::{Opening, opening};
use keyreeve_core::verdict::LONGEST_BODY;
use tokio::time::{Instant, timeout, timeout_at};

use crate::forward::Failed;
use crate::record::is_stream;

/// No more bytes are held of one answer.
const LONGEST: usize = LONGEST_BODY;

/// How long the rest of an error may take.
pub(crate) const ERROR_TIME: Duration = Duration::from_secs(2);

/// How long a stream may take to say what it begins with, once it has begun.
const STREAM_TIME: Duration = Duration::from_millis(500);

/// The beginning of an answer's body.
pub(crate) struct Beginning {
    /// The bytes that came; none where the body is empty.
    pub(crate) bytes: Option<Bytes>,
    /// What it is.
    pub(crate) is: Is,
    /// How the body broke off behind these bytes.
    pub(crate) cut: Option<hyper::Error>,
}

/// What an answer is, by its beginning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Is {
    /// On its way: as far as can be told it is an answer, or an error too long or too slow to be held.
    OnItsWay,
    /// An error by its status, held to its last byte.
    Error,
    /// A stream of one error, held to its last byte.
    StreamedError {
        /// The error's type.
        kind: String,
        /// What it says.
        message: Option<String>,
    },
}

/// A body as it is read.
struct Held<'a> {
    rest: &'a mut Incoming,
    first: Bytes,
    /// All that came, once more has come than the first piece.
    joined: BytesMut,
    cut: Option<hyper::Error>,
}

/// Waits for the first piece of a body, and holds more where that is not enough to tell what the answer is.
///
/// # Errors
/// [`Failed`] where no first piece comes within `silence`.
pub(crate) async fn begin(
    head: &Parts,
    rest: &mut Incoming,
    silence: Duration,
) -> Result<Beginning, Failed> {
    let first = match timeout(silence, next_data(rest)).await {
        Ok(Some(Ok(first))) => first,
        Ok(Some(Err(_))) => return Err(Failed::CutAtOnce),
        Ok(None) => {
            let is = if head.status.is_success() {
                Is::OnItsWay
            } else {
                Is::Error
            };
            return Ok(Beginning {
                bytes: None,
                is,
                cut: None,
            });
        }
        Err(_) => return Err(Failed::TimedOut(None)),
    };
    let mut held = Held {
        rest,
        first,
        joined: BytesMut::new(),
        cut: None,
    };
    let is = match (head.status.is_success(), is_stream(&head.headers)) {
        (true, false) => Is::OnItsWay,
        (true, true) => held.streamed().await,
        (false, _) => held.whole(Is::Error).await,
    };
    Ok(held.into_beginning(is))
}

impl Held<'_> {
    /// Reads until a stream has said what it begins with.
    async fn streamed(&mut self) -> Is {
        let until = Instant::now() + STREAM_TIME;
        loop {
            match opening(self.bytes()) {
                Opening::Error { kind, message } => {
                    return self.whole(Is::StreamedError { kind, message }).await;
                }
                Opening::Unknown if self.more(until).await == More::Came => {}
                Opening::Content | Opening::Unknown => return Is::OnItsWay,
            }
        }
    }

    /// Reads an error to its end.
    async fn whole(&mut self, error: Is) -> Is {
        let until = Instant::now() + ERROR_TIME;
        loop {
            match self.more(until).await {
                More::Came => {}
                More::None => return error,
                More::NotNow => return Is::OnItsWay,
            }
        }
    }

    /// Reads one more piece, if there is room for it.
    async fn more(&mut self, until: Instant) -> More {
        if self.bytes().len() >= LONGEST || self.cut.is_some() {
            return More::NotNow;
        }
        match timeout_at(until, next_data(self.rest)).await {
            Err(_) => More::NotNow,
            Ok(None) => More::None,
            Ok(Some(Ok(piece))) => {
                if self.joined.is_empty() {
                    self.joined.extend_from_slice(&self.first);
                }
                self.joined.extend_from_slice(&piece);
                More::Came
            }
            Ok(Some(Err(error))) => {
                self.cut = Some(error);
                More::NotNow
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

    fn into_beginning(self, is: Is) -> Beginning {
        let bytes = if self.joined.is_empty() {
            self.first
        } else {
            self.joined.freeze()
        };
        Beginning {
            bytes: Some(bytes),
            is,
            cut: self.cut,
        }
    }
}

/// What came of waiting for more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum More {
    Came,
    /// There is no more.
    None,
    /// It is cut, too long or too slow.
    NotNow,
}

async fn next_data(body: &mut Incoming) -> Option<Result<Bytes, hyper::Error>> {
    loop {
        match body.frame().await? {
            Err(error) => return Some(Err(error)),
            Ok(frame) => match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => return Some(Ok(data)),
                // Trailers are hop-by-hop here and go no further.
                Err(_) => {}
            },
        }
    }
}
