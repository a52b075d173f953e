//! The listeners that stand for the API, for another origin and for the vendor's own: they write down what arrives and answer like the API.
//!
//! Invariant: a listener ends with its owner. What it keeps are made-up tokens; nothing else can reach it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};

use super::{token, vendor};
use crate::clients::http::{Request, request};

/// A listener and what it has seen.
pub(super) struct Upstream {
    address: SocketAddr,
    url: String,
    seen: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
}

/// The listeners of one combination.
pub(super) struct Listeners {
    pub(super) upstream: Upstream,
    pub(super) other: Upstream,
    pub(super) vendor: Upstream,
}

impl Listeners {
    /// Starts them.
    pub(super) fn start() -> Result<Self> {
        Ok(Self {
            upstream: Upstream::start()?,
            other: Upstream::start()?,
            vendor: Upstream::start_as(vendor::ORIGIN)?,
        })
    }

    /// What each has seen, with the URL at which it is.
    pub(super) fn take(&self) -> Vec<(String, Request)> {
        [&self.upstream, &self.other, &self.vendor]
            .into_iter()
            .flat_map(|listener| {
                listener
                    .take()
                    .into_iter()
                    .map(|request| (listener.url(), request))
            })
            .collect()
    }
}

impl Upstream {
    /// Starts to listen on a port of loopback, for clients that are given its address.
    pub(super) fn start() -> Result<Self> {
        let mut upstream = Self::start_as("")?;
        upstream.url = format!("http://{}", upstream.address);
        Ok(upstream)
    }

    /// Starts to listen for clients that believe to be at this URL.
    pub(super) fn start_as(url: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listen for the client")?;
        let upstream = Self {
            address: listener.local_addr()?,
            url: url.to_owned(),
            seen: Arc::default(),
            over: Arc::default(),
        };
        let (seen, over) = (Arc::clone(&upstream.seen), Arc::clone(&upstream.over));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let seen = Arc::clone(&seen);
                thread::spawn(move || serve(client, &seen));
            }
        });
        Ok(upstream)
    }

    /// Its address, as a base URL.
    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// The port of loopback.
    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The requests so far, in the order in which they were whole.
    fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is over.
        let _not_listening = TcpStream::connect(self.address);
    }
}

/// Answers the requests of one connection until the client ends it.
fn serve(mut client: TcpStream, seen: &Mutex<Vec<Request>>) {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..length]);
        while let Some((request, rest)) = request(&bytes) {
            bytes = rest.to_vec();
            let answer = answer(&request);
            seen.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(request);
            if client.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

fn answer(request: &Request) -> String {
    let body = String::from_utf8_lossy(&request.body);
    match (request.method.as_str(), request.path()) {
        ("HEAD", _) => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
        ("POST", "/v1/oauth/token") => whole("200 OK", JSON, &token::minted(&body)),
        ("POST", path) if is_message(path) => message(&body, path),
        _ => whole("404 Not Found", JSON, NOT_FOUND),
    }
}

/// Whether a path is that of the request somebody pays for: the API's own, or a cloud's.
pub(super) fn is_message(path: &str) -> bool {
    ["/messages", ":rawPredict", ":streamRawPredict", "/invoke"]
        .iter()
        .any(|end| path.ends_with(end))
        || path.ends_with("/invoke-with-response-stream")
}

fn message(body: &str, path: &str) -> String {
    if path.contains("/invoke") {
        // Its stream is one of frames, which nothing here needs: the request has been seen.
        whole("400 Bad Request", JSON, "{\"message\":\"seen\"}")
    } else if body.contains("\"stream\":true") {
        whole("200 OK", "text/event-stream", STREAM)
    } else {
        whole("200 OK", JSON, MESSAGE)
    }
}

fn whole(status: &str, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nrequest-id: req_made_up\r\n\r\n{body}",
        body.len()
    )
}

const JSON: &str = "application/json";
const NOT_FOUND: &str =
    r#"{"type":"error","error":{"type":"not_found_error","message":"Not found"}}"#;
const MESSAGE: &str = r#"{"id":"msg_made_up","type":"message","role":"assistant","model":"claude-opus-5-5","content":[{"type":"text","text":"Hello"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}"#;
const STREAM: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_made_up","type":"message","role":"assistant","model":"claude-opus-5-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":1}}

event: message_stop
data: {"type":"message_stop"}

"#;
