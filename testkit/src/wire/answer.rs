//! An answer as it came: head, body, when each piece arrived, and how it ended.
//!
//! Invariant: an answer is [`Ended::Whole`] only if its own framing says that nothing is missing.

use std::time::Duration;

use super::message::{Body, Framing, Head, Malformed};

/// One answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Status line and headers.
    pub head: Head,
    /// The body without its framing, as much as came.
    pub body: Vec<u8>,
    /// What had arrived of the body, and when.
    pub arrivals: Vec<Arrival>,
    /// How it ended.
    pub ended: Ended,
}

/// So much of a body had arrived so long after the request was begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// Bytes of the body, all together.
    pub bytes: usize,
    /// Since the connection was opened or the last request written.
    pub at: Duration,
}

/// How an answer ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// As its framing said.
    Whole,
    /// The other side closed in good order, but too early.
    Early,
    /// The other side reset the connection.
    Reset,
    /// Nothing more came for as long as the test was ready to wait.
    Silent,
    /// Its framing was broken.
    Garbled,
}

/// One server-sent event, with the empty line that ends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// All its lines.
    pub text: String,
    /// When its last byte had arrived.
    pub at: Duration,
}

impl Answer {
    /// Its status code.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// Its body as text, for messages and comparisons.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Its body as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON: {error}: {}", self.text()))
    }

    /// Its whole server-sent events; an unfinished last one is left out.
    pub fn frames(&self) -> Vec<Frame> {
        let (mut frames, mut start) = (Vec::new(), 0);
        while let Some(length) = frame_length(&self.body[start..]) {
            frames.push(frame(&self.body, start..start + length, &self.arrivals));
            start += length;
        }
        frames
    }
}

/// Splits what came over one connection into the answers it is made of; the last may be cut short.
pub fn answers(mut bytes: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !bytes.is_empty() {
        let (mut incoming, mut arrived) = (Incoming::default(), bytes.to_vec());
        let state = incoming.feed(&mut arrived, Duration::ZERO);
        let Some(answer) = incoming.into_answer(state.unwrap_or(Ended::Early)) else {
            break;
        };
        bytes = &bytes[bytes.len() - arrived.len()..];
        answers.push(answer);
    }
    answers
}

/// An answer that is still arriving.
#[derive(Clone, Default, Debug)]
pub(super) struct Incoming {
    /// Whether the request was a `HEAD`, whose answer has no body whatever its headers say.
    pub(super) bodiless: bool,
    pub(super) head: Option<Head>,
    pub(super) arrivals: Vec<Arrival>,
    body: Option<Body>,
}

impl Incoming {
    /// Takes what belongs to this answer off the front of `arrived`; says how it ended, once it has.
    pub(super) fn feed(&mut self, arrived: &mut Vec<u8>, at: Duration) -> Option<Ended> {
        self.take(arrived, at).unwrap_or(Some(Ended::Garbled))
    }

    /// How it ended, if the connection now ends with `cut`.
    pub(super) fn cut(&self, cut: Ended) -> Ended {
        match &self.body {
            Some(body) if body.ends_with_connection() && cut == Ended::Early => Ended::Whole,
            _ => cut,
        }
    }

    /// The body as far as it has arrived.
    pub(super) fn body(&self) -> &[u8] {
        self.body.as_ref().map_or(&[], |body| &body.bytes)
    }

    /// The answer, unless not even its head has arrived.
    pub(super) fn into_answer(self, ended: Ended) -> Option<Answer> {
        let body = self.body.map(|body| body.bytes).unwrap_or_default();
        Some(Answer {
            head: self.head?,
            body,
            arrivals: self.arrivals,
            ended,
        })
    }

    fn take(&mut self, arrived: &mut Vec<u8>, at: Duration) -> Result<Option<Ended>, Malformed> {
        while self.head.is_none() {
            let Some(head) = Head::take(arrived) else {
                return Ok(None);
            };
            if !matches!(head.status(), 100 | 102..=199) {
                self.body = Some(Body::new(self.framing(&head)?));
                self.head = Some(head);
            }
        }
        let Some(body) = &mut self.body else {
            return Ok(None);
        };
        let before = body.bytes.len();
        let fed = body.feed(arrived);
        if body.bytes.len() > before {
            self.arrivals.push(Arrival {
                bytes: body.bytes.len(),
                at,
            });
        }
        fed.map(|()| body.is_whole().then_some(Ended::Whole))
    }

    fn framing(&self, head: &Head) -> Result<Framing, Malformed> {
        if self.bodiless || matches!(head.status(), 101 | 204 | 304) {
            return Ok(Framing::Sized(0));
        }
        head.framing(Framing::UntilClose)
    }
}

/// The length of the first whole event, with its empty line.
pub(super) fn frame_length(body: &[u8]) -> Option<usize> {
    let end = |mark: &[u8]| {
        body.windows(mark.len())
            .position(|at| at == mark)
            .map(|at| at + mark.len())
    };
    [end(b"\n\n"), end(b"\r\n\r\n")].into_iter().flatten().min()
}

/// The event that stands in `range` of the body.
pub(super) fn frame(body: &[u8], range: std::ops::Range<usize>, arrivals: &[Arrival]) -> Frame {
    let complete = arrivals.iter().find(|arrival| arrival.bytes >= range.end);
    Frame {
        at: complete.map_or(Duration::ZERO, |arrival| arrival.at),
        text: String::from_utf8_lossy(&body[range]).into_owned(),
    }
}
