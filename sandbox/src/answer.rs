//! An answer before it is sent: status, headers, and the bytes, whole or event by event.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;

use crate::delivery::{Body, Delivery, body};

/// What will be answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
}

/// The bytes of an answer.
pub(crate) enum Content {
    /// One body, with its length.
    Whole(Bytes),
    /// A stream of events, each sent on its own.
    Events(Vec<Bytes>),
}

impl Answer {
    /// A 200 whose body is `value` as JSON.
    pub(crate) fn json(value: &impl Serialize) -> Self {
        Self::json_with(StatusCode::OK, value)
    }

    /// An answer whose body is `value` as JSON.
    pub(crate) fn json_with(status: StatusCode, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).expect("answers are made of strings and numbers");
        Self::whole(status, "application/json", body.into())
    }

    /// An answer with these bytes.
    pub(crate) fn whole(status: StatusCode, content_type: &'static str, body: Bytes) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self {
            status,
            headers,
            content: Content::Whole(body),
        }
    }

    /// A 200 with an event stream.
    pub(crate) fn events(events: Vec<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
        headers.insert(CONTENT_TYPE, kind);
        headers.insert("cache-control", HeaderValue::from_static("no-cache"));
        Self {
            status: StatusCode::OK,
            headers,
            content: Content::Events(events),
        }
    }

    /// Sets a header, in place of one of that name.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.set(&HeaderName::from_static(name), value);
        self
    }

    /// Sets a header in place, in place of one of that name; a value no header can have is left out.
    pub(crate) fn set(&mut self, name: &HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
    }

    /// Turns it into what the server sends.
    pub(crate) fn send(self, delivery: Delivery) -> Response<Body> {
        let length = match &self.content {
            Content::Whole(bytes) => Some(bytes.len()),
            Content::Events(_) => None,
        };
        let mut response = Response::new(body(self.content, delivery));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if let Some(length) = length {
            response
                .headers_mut()
                .insert("content-length", length.into());
        }
        response
    }
}
