//! A sandbox on a port of its own, and an HTTP/1.1 client of a few lines: one connection per request.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::time::Duration;

use jiff::Timestamp;
use keyreeve_sandbox::{Control, Sandbox, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running sandbox, and a client of it.
pub(crate) struct Running {
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

impl Deref for Running {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// The body, without its chunks' frames.
    pub(crate) body: Vec<u8>,
    /// How the connection ended, when it was not well.
    pub(crate) broken: Option<io::ErrorKind>,
}

/// An API key that is none, made of parts.
pub(crate) fn api_key(word: &str) -> String {
    format!("sk-ant-{}-{word}{}AA", "api03", "x".repeat(93 - word.len()))
}

/// An OAuth token that is none, made of parts.
pub(crate) fn oauth_token(word: &str) -> String {
    format!("sk-ant-{}-{word}{}AA", "oat01", "x".repeat(93 - word.len()))
}

/// The smallest request, with more fields over it.
pub(crate) fn ask(more: &Value) -> Value {
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

impl Running {
    pub(crate) async fn start() -> Self {
        let now = || Timestamp::from_second(1_795_176_000).unwrap();
        let sandbox = Sandbox::bind(([127, 0, 0, 1], 0).into(), Settings { now })
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

    /// A client that outlives it.
    pub(crate) fn client(&self) -> Client {
        self.client
    }

    /// Stops it and waits until it has.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

impl Client {
    /// Sends a request as given; `host`, `content-length` and `connection` are added.
    pub(crate) async fn send(
        &self,
        line: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply, io::ErrorKind> {
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
        let read = timeout(PATIENCE, stream.read_to_end(&mut raw))
            .await
            .unwrap();
        Reply::parse(&raw, read.err().map(|error| error.kind()))
    }

    /// Sends a request with the API key of this word and the current version.
    pub(crate) async fn call(&self, word: &str, line: &str, body: &[u8]) -> Reply {
        let key = api_key(word);
        let headers = [
            ("x-api-key", key.as_str()),
            ("anthropic-version", "2023-06-01"),
        ];
        self.send(line, &headers, body).await.unwrap()
    }

    /// Posts a message.
    pub(crate) async fn post(&self, word: &str, more: &Value) -> Reply {
        self.call(word, "POST /v1/messages", ask(more).to_string().as_bytes())
            .await
    }
}

impl Reply {
    fn parse(raw: &[u8], broken: Option<io::ErrorKind>) -> Result<Self, io::ErrorKind> {
        let nothing = broken.unwrap_or(io::ErrorKind::UnexpectedEof);
        let end = raw
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .ok_or(nothing)?;
        let head = std::str::from_utf8(&raw[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut reply = Self {
            status,
            headers,
            body: raw[end + 4..].to_vec(),
            broken,
        };
        let is_short = match reply.header("content-length") {
            Some(length) => reply.body.len() < length.parse().unwrap(),
            None => reply.unchunk(),
        };
        if is_short {
            reply.broken.get_or_insert(io::ErrorKind::UnexpectedEof);
        }
        Ok(reply)
    }

    /// Takes the chunks' frames away; says whether the last one is missing.
    fn unchunk(&mut self) -> bool {
        let raw = std::mem::take(&mut self.body);
        let mut rest = raw.as_slice();
        loop {
            let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else {
                return true;
            };
            let size = std::str::from_utf8(&rest[..end]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            rest = &rest[end + 2..];
            if size == 0 {
                return false;
            }
            self.body.extend_from_slice(&rest[..size.min(rest.len())]);
            let Some(next) = rest.get(size + 2..) else {
                return true;
            };
            rest = next;
        }
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

    /// The error's type and message.
    pub(crate) fn error(&self) -> (String, String) {
        let json = self.json();
        assert_eq!(json["type"], "error", "{json}");
        assert_eq!(json["request_id"], self.header("request-id").unwrap());
        let text = |field: &str| json["error"][field].as_str().unwrap().to_owned();
        (text("type"), text("message"))
    }

    /// The events of a stream: name and data.
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
