//! What is counted of one answer, and the report that closes its row.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use keyreeve_broker::{Answered, Report};
use keyreeve_core::token::looks_like_a_key;
use keyreeve_core::usage::{Meter, Metered, of_body};
use keyreeve_core::verdict::Verdict;
use keyreeve_store::Ending;

use super::is_stream;
use super::permit::Permit;

/// What is counted of one answer.
pub(super) struct Tally {
    permit: Option<Permit>,
    verdict: Verdict,
    status: u16,
    upstream_request_id: Option<String>,
    reader: Reader,
    hash: blake3::Hasher,
    bytes: u64,
    first_byte: Option<Duration>,
    /// The piece that went to the client last: counted while the client reads it.
    last: Option<Bytes>,
}

/// How the answer is read for its figures.
enum Reader {
    Stream(Box<Meter>),
    /// A JSON answer has its usage at its end, and so is gathered, up to a bound.
    Whole(Vec<Bytes>),
    TooLong,
}

/// The longest answer that is not a stream and is still read for its usage: several times the longest output there is.
const WHOLE_LIMIT: u64 = 16 * 1024 * 1024;

impl Tally {
    pub(super) fn new(
        permit: Permit,
        verdict: Verdict,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Self {
        let id = headers.get("request-id").and_then(|id| id.to_str().ok());
        let reader = if is_stream(headers) {
            Reader::Stream(Box::default())
        } else {
            Reader::Whole(Vec::new())
        };
        Self {
            permit: Some(permit),
            verdict,
            status: status.as_u16(),
            upstream_request_id: id
                .filter(|id| id.len() <= 128 && !looks_like_a_key(id))
                .map(ToOwned::to_owned),
            reader,
            hash: blake3::Hasher::new(),
            bytes: 0,
            first_byte: None,
            last: None,
        }
    }

    /// Tells the client under which id the ledger has its request.
    pub(super) fn name_request(&self, headers: &mut HeaderMap) {
        let id = self
            .permit
            .as_ref()
            .map(|permit| permit.request().to_string());
        if let Some(Ok(id)) = id.as_deref().map(HeaderValue::from_str) {
            headers.insert("x-keyreeve-request-id", id);
        }
    }

    pub(super) fn went(&mut self, piece: Bytes) -> Bytes {
        if self.first_byte.is_none() {
            self.first_byte = self.permit.as_ref().map(Permit::age);
        }
        self.last = Some(piece.clone());
        piece
    }

    pub(super) fn count_last(&mut self) {
        let Some(piece) = self.last.take() else {
            return;
        };
        self.bytes += piece.len() as u64;
        self.hash.update(&piece);
        match &mut self.reader {
            Reader::Stream(meter) => meter.feed(&piece),
            Reader::Whole(pieces) if self.bytes <= WHOLE_LIMIT => pieces.push(piece),
            Reader::Whole(_) | Reader::TooLong => self.reader = Reader::TooLong,
        }
    }

    pub(super) fn close(&mut self, came_to_its_end: Ending) {
        let Some(permit) = self.permit.take() else {
            return;
        };
        self.count_last();
        let streamed = matches!(self.reader, Reader::Stream(_));
        let mut metered = std::mem::replace(&mut self.reader, Reader::TooLong).metered();
        metered.model = metered.model.filter(|model| !looks_like_a_key(model));
        let ok = (200..300).contains(&self.status);
        // A stream can end without having said its last word.
        let ending = if streamed && ok && !metered.complete {
            Ending::Incomplete
        } else {
            came_to_its_end
        };
        let verdict = if streamed && ok && self.verdict == Verdict::ok() {
            Verdict::of_stream_end(metered.complete, metered.error.as_deref(), None)
        } else {
            self.verdict
        };
        let report = Report {
            ending,
            verdict,
            answer: Some(Answered {
                status: self.status,
                upstream_request_id: self.upstream_request_id.take(),
                // Told at the answer's beginning.
                organization: None,
                metered,
                first_byte: self.first_byte,
                body_hash: *self.hash.finalize().as_bytes(),
                body_bytes: self.bytes,
            }),
        };
        permit.report(report);
    }
}

impl Reader {
    fn metered(self) -> Metered {
        match self {
            Self::Stream(meter) => meter.finish(),
            Self::Whole(pieces) => of_body(&pieces.concat()),
            Self::TooLong => Metered::default(),
        }
    }
}
