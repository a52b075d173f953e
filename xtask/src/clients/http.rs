//! As much HTTP as the comparison needs: asks the simulated API what it saw, and reads requests back from recorded bytes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// A request as a client sent it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Names in lower case, in the order in which they came.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The path without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// Reads the requests that one connection carried. A last one that was cut is left out.
pub(super) fn requests(mut bytes: &[u8]) -> Vec<Request> {
    let mut requests = Vec::new();
    while let Some((request, rest)) = request(bytes) {
        requests.push(request);
        bytes = rest;
    }
    requests
}

/// Reads the first request and gives what is behind it; none while it is not whole.
pub(crate) fn request(bytes: &[u8]) -> Option<(Request, &[u8])> {
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

/// Asks an address on loopback for JSON.
pub(super) fn get(authority: &str, path: &str) -> Result<Value> {
    let mut stream = TcpStream::connect(authority).with_context(|| format!("reach {authority}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {authority}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .with_context(|| format!("read {path}"))?;
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        bail!("{authority}{path} answered no HTTP");
    };
    serde_json::from_slice(&answer[end + 4..]).with_context(|| format!("{path} is no JSON"))
}

#[cfg(test)]
mod tests {
    use super::requests;

    #[test]
    fn several_requests_of_a_connection_are_read() {
        let bytes = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n\
            POST /v1/messages?beta=true HTTP/1.1\r\nContent-Length: 2\r\nX-App: cli\r\n\r\n{}\
            POST /cut HTTP/1.1\r\nContent-Length: 9\r\n\r\n{";
        let found = requests(bytes);
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
