//! A sandbox on a free port, and a minimal HTTP/1.1 client: one connection per request.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::time::Duration;

use httparse::{EMPTY_HEADER, Status, parse_chunk_size};
use jiff::Timestamp;
use keyreeve_sandbox::{Control, Sandbox, SandboxSettings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Maximum wait for a response.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A running sandbox, and a client of it.
pub(crate) struct TestSandbox {
    client: Client,
    pub(crate) control: Control,
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

/// Sends requests to one address.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(crate) addr: SocketAddr,
}

impl Deref for TestSandbox {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// A response as the client received it.
#[derive(Debug)]
pub(crate) struct TestResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// The body without chunked framing.
    pub(crate) body: Vec<u8>,
    /// Error with which the connection ended, if any.
    pub(crate) connection_error: Option<io::ErrorKind>,
}

/// Returns a fake API key, assembled from parts.
pub(crate) fn api_key(word: &str) -> String {
    format!("sk-ant-{}-{word}{}AA", "api03", "x".repeat(93 - word.len()))
}

/// Returns a fake OAuth token, assembled from parts.
pub(crate) fn oauth_token(word: &str) -> String {
    format!("sk-ant-{}-{word}{}AA", "oat01", "x".repeat(93 - word.len()))
}

/// Returns a minimal request body, with `more` fields added or replaced.
pub(crate) fn message_body(more: &Value) -> Value {
    let mut body = json!({
        "model": "claude-haiku-5-5",
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": "Hello"}],
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

impl TestSandbox {
    pub(crate) async fn start() -> Self {
        let now = || Timestamp::from_second(1_795_176_000).unwrap();
        let sandbox = Sandbox::bind(([127, 0, 0, 1], 0).into(), SandboxSettings { now })
            .await
            .unwrap();
        let (addr, control, stop) = (sandbox.addr(), sandbox.control(), CancellationToken::new());
        let stopped = stop.clone().cancelled_owned();
        #[expect(clippy::disallowed_methods, reason = "the test waits for it in `stop`")]
        let task = tokio::spawn(sandbox.run(stopped));
        Self {
            client: Client { addr },
            control,
            stop,
            task,
        }
    }

    /// Returns a client that outlives it.
    pub(crate) fn client(&self) -> Client {
        self.client
    }

    /// Stops it and waits for its end.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        timeout(TIMEOUT, self.task).await.unwrap().unwrap().unwrap();
    }
}

impl Client {
    /// Sends a request as given, with `host`, `content-length` and `connection` added.
    pub(crate) async fn send(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<TestResponse, io::ErrorKind> {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        let mut head = format!(
            "{line} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.addr
        );
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        write!(head, "content-length: {}\r\n\r\n", body.len()).unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut raw = Vec::new();
        let read = timeout(TIMEOUT, stream.read_to_end(&mut raw))
            .await
            .unwrap();
        TestResponse::parse(&raw, read.err().map(|error| error.kind()))
    }

    /// Sends a request with the API key `api_key(word)` and a supported version.
    pub(crate) async fn send_with_key(&self, word: &str, line: &str, body: &[u8]) -> TestResponse {
        let key = api_key(word);
        let headers = [
            ("x-api-key", key.as_str()),
            ("anthropic-version", "2023-06-01"),
        ];
        self.send(line, &headers, body).await.unwrap()
    }

    /// Posts a messages request.
    pub(crate) async fn post(&self, word: &str, more: &Value) -> TestResponse {
        self.send_with_key(
            word,
            "POST /v1/messages",
            message_body(more).to_string().as_bytes(),
        )
        .await
    }
}

impl TestResponse {
    fn parse(raw: &[u8], connection_error: Option<io::ErrorKind>) -> Result<Self, io::ErrorKind> {
        let mut headers = [EMPTY_HEADER; 64];
        let mut head = httparse::Response::new(&mut headers);
        let Status::Complete(length) = head.parse(raw).unwrap() else {
            return Err(connection_error.unwrap_or(io::ErrorKind::UnexpectedEof));
        };
        let headers = head.headers.iter().map(|header| {
            let value = std::str::from_utf8(header.value).unwrap();
            (header.name.to_owned(), value.to_owned())
        });
        let mut response = Self {
            status: head.code.unwrap(),
            headers: headers.collect(),
            body: raw[length..].to_vec(),
            connection_error,
        };
        let is_short = match response.header("content-length") {
            Some(length) => response.body.len() < length.parse().unwrap(),
            None => response.decode_chunks(),
        };
        if is_short {
            response
                .connection_error
                .get_or_insert(io::ErrorKind::UnexpectedEof);
        }
        Ok(response)
    }

    /// Decodes the chunked body; returns `true` if the last chunk is missing.
    fn decode_chunks(&mut self) -> bool {
        let raw = std::mem::take(&mut self.body);
        let mut rest = raw.as_slice();
        while let Status::Complete((length, size)) = parse_chunk_size(rest).unwrap() {
            let size = usize::try_from(size).unwrap();
            rest = &rest[length..];
            if size == 0 {
                return false;
            }
            self.body.extend_from_slice(&rest[..size.min(rest.len())]);
            rest = rest.get(size + 2..).unwrap_or_default();
        }
        true
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(each, _)| each == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Returns the error's type and message.
    pub(crate) fn error(&self) -> (String, String) {
        let json = self.json();
        assert_eq!(json["type"], "error", "{json}");
        assert_eq!(json["request_id"], self.header("request-id").unwrap());
        let text = |field: &str| json["error"][field].as_str().unwrap().to_owned();
        (text("type"), text("message"))
    }

    /// Returns the events of a stream: name and data.
    pub(crate) fn events(&self) -> Vec<(String, Value)> {
        assert_eq!(
            self.header("content-type"),
            Some("text/event-stream; charset=utf-8")
        );
        let event = |text: &str| {
            let (name, data) = text.split_once('\n').unwrap();
            let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
            (name.strip_prefix("event: ").unwrap().to_owned(), data)
        };
        self.text().split_terminator("\n\n").map(event).collect()
    }
}
