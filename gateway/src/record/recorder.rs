//! Counts usage, bytes and time of one response, and reports them when it ends.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use keyreeve_broker::{CompletedResponse, Report};
use keyreeve_core::token::contains_token;
use keyreeve_core::usage::{Meter, MeterReport, meter_body};
use keyreeve_core::verdict::Verdict;
use keyreeve_store::Ending;

use super::attempt_handle::AttemptHandle;
use crate::headers::{KEYREEVE_REQUEST_ID, REQUEST_ID, is_stream};

/// The record of one response.
pub(super) struct ResponseRecorder {
    attempt: Option<AttemptHandle>,
    verdict: Verdict,
    status: u16,
    upstream_request_id: Option<String>,
    usage: UsageReader,
    hash: blake3::Hasher,
    bytes: u64,
    first_byte: Option<Duration>,
    /// The chunk sent to the client last, counted while the client reads it.
    pending: Option<Bytes>,
}

/// Reads the usage from a response.
enum UsageReader {
    Stream(Box<Meter>),
    /// The chunks of a JSON response, whose usage is at its end.
    Json(Vec<Bytes>),
    TooLong,
}

/// The maximum length of a JSON response that is read for its usage: several times the longest possible output.
const MAX_JSON_BYTES: u64 = 16 * 1024 * 1024;

impl ResponseRecorder {
    pub(super) fn new(
        attempt: AttemptHandle,
        verdict: Verdict,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Self {
        let id = headers.get(&REQUEST_ID).and_then(|id| id.to_str().ok());
        let usage = if is_stream(headers) {
            UsageReader::Stream(Box::default())
        } else {
            UsageReader::Json(Vec::new())
        };
        Self {
            attempt: Some(attempt),
            verdict,
            status: status.as_u16(),
            upstream_request_id: id
                .filter(|id| id.len() <= 128 && !contains_token(id))
                .map(ToOwned::to_owned),
            usage,
            hash: blake3::Hasher::new(),
            bytes: 0,
            first_byte: None,
            pending: None,
        }
    }

    /// Returns `true` unless the client's key was revoked or has expired since.
    pub(super) fn is_key_accepted(&self) -> bool {
        self.attempt
            .as_ref()
            .is_none_or(AttemptHandle::is_key_accepted)
    }

    /// Sets the header with the id of the request in the ledger.
    pub(super) fn set_request_id(&self, headers: &mut HeaderMap) {
        let id = self
            .attempt
            .as_ref()
            .map(|attempt| attempt.request().to_string());
        if let Some(Ok(id)) = id.as_deref().map(HeaderValue::from_str) {
            headers.insert(&KEYREEVE_REQUEST_ID, id);
        }
    }

    /// Records a chunk that is sent to the client now; it is counted at the next call of `count_pending`.
    pub(super) fn record_chunk(&mut self, chunk: Bytes) -> Bytes {
        if self.first_byte.is_none() {
            self.first_byte = self.attempt.as_ref().map(AttemptHandle::age);
        }
        self.pending = Some(chunk.clone());
        chunk
    }

    /// Counts the chunk sent last.
    pub(super) fn count_pending(&mut self) {
        let Some(chunk) = self.pending.take() else {
            return;
        };
        self.bytes += chunk.len() as u64;
        self.hash.update(&chunk);
        match &mut self.usage {
            UsageReader::Stream(meter) => meter.feed(&chunk),
            UsageReader::Json(chunks) if self.bytes <= MAX_JSON_BYTES => chunks.push(chunk),
            UsageReader::Json(_) | UsageReader::TooLong => self.usage = UsageReader::TooLong,
        }
    }

    /// Closes the ledger entry; later calls do nothing.
    pub(super) fn close(&mut self, body_ending: Ending) {
        let Some(attempt) = self.attempt.take() else {
            return;
        };
        self.count_pending();
        let streamed = matches!(self.usage, UsageReader::Stream(_));
        let mut metered = std::mem::replace(&mut self.usage, UsageReader::TooLong).finish();
        metered.model = metered.model.filter(|model| !contains_token(model));
        let ok = (200..300).contains(&self.status);
        // The body of a stream can end without its final event.
        let ending = if streamed && ok && !metered.is_complete {
            Ending::Incomplete
        } else {
            body_ending
        };
        let verdict = if streamed && ok && self.verdict == Verdict::ok() {
            Verdict::from_stream_end(metered.is_complete, metered.error.as_deref(), None)
        } else {
            self.verdict
        };
        let report = Report {
            ending,
            verdict,
            response: Some(CompletedResponse {
                status: self.status,
                upstream_request_id: self.upstream_request_id.take(),
                // Reported with the head of the response.
                organization: None,
                meter_report: metered,
                first_byte: self.first_byte,
                body_hash: *self.hash.finalize().as_bytes(),
                body_bytes: self.bytes,
            }),
        };
        attempt.report(report);
    }
}

impl UsageReader {
    fn finish(self) -> MeterReport {
        match self {
            Self::Stream(meter) => meter.finish(),
            Self::Json(chunks) => meter_body(&chunks.concat()),
            Self::TooLong => MeterReport::default(),
        }
    }
}
