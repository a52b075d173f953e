//! JSON responses of the gateway itself, as opposed to an upstream's. They must not be cached.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

/// Builds a response with a value as JSON.
pub(crate) fn json_response(status: StatusCode, value: &impl Serialize) -> Response {
    // Our own types have string keys and no fallible parts: they always serialize.
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
