//! A blocking HTTP/1.1 client for one request at a time, which costs little compared with the proxy.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

/// Time limit for a response.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A kept-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Connects to a port on 127.0.0.1.
    pub(crate) fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self {
            stream,
            received: Vec::with_capacity(16 * 1024),
        })
    }

    /// Sends a request and reads its whole response; fails unless its status is 200.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request)?;
        self.received.clear();
        let mut chunk = [0; 16 * 1024];
        loop {
            let read = self.stream.read(&mut chunk)?;
            ensure!(read > 0, "the connection was closed");
            self.received.extend_from_slice(&chunk[..read]);
            if let Some(status) = complete_status(&self.received) {
                ensure!(status == "200", "the status is {status}");
                return Ok(());
            }
        }
    }
}

/// Returns the status if the response is complete.
fn complete_status(received: &[u8]) -> Option<&str> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let (head, body) = received.split_at(end);
    let head = std::str::from_utf8(head).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let is_complete = match length {
        Some(length) => body.len() >= length,
        None => body.ends_with(b"0\r\n\r\n"),
    };
    is_complete.then(|| head.split(' ').nth(1))?
}

/// Returns a Messages request with a body of about this size.
pub(crate) fn messages_request(port: u16, key: &str, body_bytes: usize) -> Vec<u8> {
    let body = messages_body(body_bytes);
    format!(
        "POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nx-api-key: {key}\r\n\
         content-type: application/json\r\nanthropic-version: 2023-06-01\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Returns a body of about this size.
pub(crate) fn messages_body(bytes: usize) -> String {
    let frame = serde_json::json!({
        "model": "claude-haiku-5-5", "max_tokens": 16,
        "messages": [{ "role": "user", "content": "" }],
    })
    .to_string();
    let filler = "x".repeat(bytes.saturating_sub(frame.len()));
    frame.replace("\"content\":\"\"", &format!("\"content\":\"{filler}\""))
}

#[cfg(test)]
mod tests {
    use super::{complete_status, messages_body};

    #[test]
    fn response_is_complete_at_its_length_or_last_chunk() {
        let complete = |text: &str| complete_status(text.as_bytes()).map(str::to_owned);
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(complete(&head[..20]), None);
        assert_eq!(complete(&format!("{head}o")), None);
        assert_eq!(complete(&format!("{head}ok")), Some("200".to_owned()));
        let chunked = "HTTP/1.1 429 No\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n";
        assert_eq!(complete(chunked), None);
        assert_eq!(
            complete(&format!("{chunked}0\r\n\r\n")),
            Some("429".to_owned())
        );
    }

    #[test]
    fn body_has_the_requested_size() {
        assert_eq!(messages_body(1024).len(), 1024);
        assert!(serde_json::from_str::<serde_json::Value>(&messages_body(1024)).is_ok());
    }
}
