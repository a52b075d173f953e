//! Fake upstreams: HTTP listeners for the configured base URL, for another origin and for the simulated Anthropic
//! hosts. They record requests and send responses like the API's.
//!
//! Invariant: a listener stops with its owner. It records only fake tokens; nothing outside the namespace can reach it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};

use super::{anthropic_hosts, token};
use crate::http::{Request, parse_request};

/// A listener and its recorded requests.
pub(super) struct Upstream {
    address: SocketAddr,
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    stopped: Arc<AtomicBool>,
}

/// The listeners of one combination.
pub(super) struct Listeners {
    pub(super) upstream: Upstream,
    pub(super) other: Upstream,
    pub(super) anthropic: Upstream,
}

impl Listeners {
    /// Starts all listeners.
    pub(super) fn start() -> Result<Self> {
        Ok(Self {
            upstream: Upstream::start()?,
            other: Upstream::start()?,
            anthropic: Upstream::start_as(anthropic_hosts::ORIGIN)?,
        })
    }

    /// Takes the recorded requests, each with the base URL of its listener.
    pub(super) fn take(&self) -> Vec<(String, Request)> {
        [&self.upstream, &self.other, &self.anthropic]
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
    /// Starts a listener whose address is given to clients as a base URL.
    pub(super) fn start() -> Result<Self> {
        let mut upstream = Self::start_as("")?;
        upstream.url = format!("http://{}", upstream.address);
        Ok(upstream)
    }

    /// Starts a listener for clients that use another URL for it.
    fn start_as(url: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen for the client")?;
        let upstream = Self {
            address: listener.local_addr()?,
            url: url.to_owned(),
            requests: Arc::default(),
            stopped: Arc::default(),
        };
        let requests = Arc::clone(&upstream.requests);
        let stopped = Arc::clone(&upstream.stopped);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let requests = Arc::clone(&requests);
                thread::spawn(move || serve(client, &requests));
            }
        });
        Ok(upstream)
    }

    /// Returns the base URL.
    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// Returns the port.
    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Takes the requests so far, in order of completion.
    pub(super) fn take(&self) -> Vec<Request> {
        std::mem::take(&mut *self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Unblocks the listener, so that it checks the flag.
        let _already_closed = TcpStream::connect(self.address);
    }
}

/// Responds to the requests of one connection until the client closes it.
fn serve(mut client: TcpStream, requests: &Mutex<Vec<Request>>) {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..length]);
        while let Some((request, rest)) = parse_request(&bytes) {
            bytes = rest.to_vec();
            let response = respond(&request);
            requests
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(request);
            if client.write_all(response.as_bytes()).is_err() {
                return;
            }
        }
    }
}

fn respond(request: &Request) -> String {
    let body = String::from_utf8_lossy(&request.body);
    match (request.method.as_str(), request.path()) {
        ("HEAD", _) => "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned(),
        ("POST", _) if is_exchange(request) => {
            // A base URL with a query moves the path, one with a fragment removes it.
            if request.target.ends_with(TOKEN_PATH) {
                response("200 OK", JSON, &token::token_response(&body))
            } else {
                response("404 Not Found", JSON, NOT_FOUND)
            }
        }
        ("GET", PROFILE_PATH) => response("200 OK", JSON, PROFILE),
        ("POST", path) if is_message(path) => message(&body, path),
        _ => response("404 Not Found", JSON, NOT_FOUND),
    }
}

/// Returns `true` if a request exchanges or renews a token.
pub(super) fn is_exchange(request: &Request) -> bool {
    let body = String::from_utf8_lossy(&request.body);
    let is_grant = body.contains("grant_type") && !body.contains("\"messages\"");
    request.target.ends_with(TOKEN_PATH) || is_grant
}

/// Returns `true` if requests to a path are billed: the API's path for messages, or that of a cloud.
pub(super) fn is_message(path: &str) -> bool {
    ["/messages", ":rawPredict", ":streamRawPredict", "/invoke"]
        .iter()
        .any(|suffix| path.ends_with(suffix))
        || path.ends_with("/invoke-with-response-stream")
}

fn message(body: &str, path: &str) -> String {
    if path.contains("/invoke") {
        // An event stream is not needed here: the request is recorded.
        response("400 Bad Request", JSON, "{\"message\":\"recorded\"}")
    } else if body.contains("\"stream\":true") {
        response("200 OK", "text/event-stream", STREAM)
    } else {
        response("200 OK", JSON, MESSAGE)
    }
}

fn response(status: &str, content_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nrequest-id: req_made_up\r\n\r\n{body}",
        body.len()
    )
}

const TOKEN_PATH: &str = "/v1/oauth/token";
/// The path at which Claude Code asks for the organization of a login.
const PROFILE_PATH: &str = "/api/oauth/profile";
const PROFILE: &str = r#"{"account":{"uuid":"00000000-1111-4222-8333-555555555555","email":"person@example.com"},"organization":{"uuid":"00000000-1111-4222-8333-444444444444","organization_type":"claude_max"}}"#;
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
