//! A response before it is sent: status, headers, and the body as one piece or as a list of events.

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
        self.set_header(&HeaderName::from_static(name), value);
        self
    }

    /// Sets a header, replacing an existing value. Ignores a value that is invalid in HTTP.
    pub(crate) fn set_header(&mut self, name: &HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
    }
}
