//! Minimal HTTP: gets the sandbox's record of received requests, and parses requests from recorded bytes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// A request as sent by a client.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Names in lower case, in the order received.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Returns the path without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// Parses the requests of one connection, without an incomplete last one.
pub(super) fn parse_requests(mut bytes: &[u8]) -> Vec<Request> {
    let mut requests = Vec::new();
    while let Some((request, rest)) = parse_request(bytes) {
        requests.push(request);
        bytes = rest;
    }
    requests
}

/// Parses the first request and returns it with the remaining bytes, or `None` if it is incomplete.
pub(crate) fn parse_request(bytes: &[u8]) -> Option<(Request, &[u8])> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: Vec<(String, String)> = lines.filter_map(header).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(Some(0), |(_, value)| value.parse().ok())?;
    let rest = &bytes[end + 4..];
    let body = rest.get(..length)?.to_vec();
    Some((
        Request {
            method,
            target,
            headers,
            body,
        },
        &rest[length..],
    ))
}

/// Gets a JSON document from a loopback address.
pub(super) fn get(authority: &str, path: &str) -> Result<Value> {
    let mut stream =
        TcpStream::connect(authority).with_context(|| format!("cannot connect to {authority}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {authority}\r\n\r\n")?;
    let mut response = Vec::new();
    stream
        .read_to_end(&mut response)
        .with_context(|| format!("cannot read {path}"))?;
    let Some(end) = response.windows(4).position(|four| four == b"\r\n\r\n") else {
        bail!("{authority}{path} sent an invalid HTTP response");
    };
    serde_json::from_slice(&response[end + 4..]).with_context(|| format!("{path} is not JSON"))
}

/// Posts a JSON document to a path at a port on 127.0.0.1 with an API key, and returns the status of the response.
pub(super) fn post_status((port, path): (u16, &str), key: &str, body: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).context("cannot connect")?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nx-api-key: {key}\r\nconnection: close\r\n\
         content-type: application/json\r\nanthropic-version: 2023-06-01\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    let head = String::from_utf8_lossy(&response);
    let status = head.split(' ').nth(1).map(str::to_owned);
    status.context("the response has no status")
}

#[cfg(test)]
mod tests {
    use super::parse_requests;

    #[test]
    fn several_requests_of_a_connection_are_parsed() {
        let bytes = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n\
            POST /v1/messages?beta=true HTTP/1.1\r\nContent-Length: 2\r\nX-App: cli\r\n\r\n{}\
            POST /cut HTTP/1.1\r\nContent-Length: 9\r\n\r\n{";
        let found = parse_requests(bytes);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].method.as_str(), found[0].path()), ("HEAD", "/"));
        assert_eq!(
            (found[1].target.as_str(), found[1].path()),
            ("/v1/messages?beta=true", "/v1/messages")
        );
        assert_eq!(found[1].headers[1], ("x-app".to_owned(), "cli".to_owned()));
        assert_eq!(found[1].body, b"{}");
    }
}
