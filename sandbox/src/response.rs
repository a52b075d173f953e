//! A response before it is sent: status, headers, its ids, and the body as one piece or as a list of events.
//!
//! Ids are derived from the request and the number of earlier ones: no random value.

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

/// A response of the sandbox.
pub(crate) struct SimulatedResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) content: ResponseContent,
}

/// The body of a response.
pub(crate) enum ResponseContent {
    /// A body sent in one piece, with `content-length`.
    Whole(Bytes),
    /// A stream of events, each flushed separately.
    Events(Vec<Bytes>),
}

impl SimulatedResponse {
    /// Returns a 200 with `value` as its JSON body.
    pub(crate) fn json(value: &impl Serialize) -> Self {
        Self::json_with(StatusCode::OK, value)
    }

    /// Returns a response with `value` as its JSON body.
    pub(crate) fn json_with(status: StatusCode, value: &impl Serialize) -> Self {
        let body =
            serde_json::to_vec(value).expect("response bodies consist of strings and numbers");
        Self::with_body(status, "application/json", body.into())
    }

    /// Returns a response with this body.
    pub(crate) fn with_body(status: StatusCode, content_type: &'static str, body: Bytes) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self {
            status,
            headers,
            content: ResponseContent::Whole(body),
        }
    }

    /// Returns a 200 with an event stream.
    pub(crate) fn events(events: Vec<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        let content_type = HeaderValue::from_static("text/event-stream; charset=utf-8");
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert("cache-control", HeaderValue::from_static("no-cache"));
        Self {
            status: StatusCode::OK,
            headers,
            content: ResponseContent::Events(events),
        }
    }

    /// Sets a header, replacing an existing value.
    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.set_header(name, value);
        self
    }

    /// Sets a header, replacing an existing value. Ignores a name or a value that is invalid in HTTP.
    pub(crate) fn set_header(&mut self, name: &str, value: &str) {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            self.headers.insert(name, value);
        }
    }
}

/// Seed of the ids in one response: the same requests in the same order get the same ids.
#[derive(Clone, Copy)]
pub(crate) struct ResponseIds(blake3::Hash);

impl ResponseIds {
    /// Derives the seed from the request body and the number of earlier responses.
    pub(crate) fn new(body: &blake3::Hash, earlier: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(body.as_bytes())
            .update(&earlier.to_le_bytes());
        Self(hasher.finalize())
    }

    /// Returns the request id.
    pub(crate) fn request_id(self) -> String {
        self.id("req_011C")
    }

    /// Returns an id of 22 base-62 characters after a prefix such as `msg_01`, like those of the API.
    pub(crate) fn id(self, prefix: &str) -> String {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let hash = blake3::keyed_hash(self.0.as_bytes(), prefix.as_bytes());
        let digits = hash.as_bytes()[..22]
            .iter()
            .map(|byte| DIGITS[usize::from(*byte) % 62]);
        prefix.chars().chain(digits.map(char::from)).collect()
    }
}
