//! A raw TCP upstream on loopback whose responses are scripted by the test.
//!
//! Invariant: a response is sent only after the request's head and body are complete by its own framing; bytes without
//! valid framing are recorded and get no response.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::threaded_listener::{ConnectionLog, ThreadedListener, free_port, is_timeout, lock};
use crate::wire::{Framing, Head, MessageBody};

/// Interval at which a waiting connection checks whether the upstream has been stopped.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A running upstream; dropping it stops it.
pub struct Scripted {
    listener: ThreadedListener,
    shared: Arc<Shared>,
}

/// One request as received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceivedRequest {
    /// Number of the request on this upstream, from 0.
    pub number: usize,
    /// Number of the connection, from 0.
    pub connection: usize,
    /// Request line and headers.
    pub head: Head,
    /// The body without its framing.
    pub body: Vec<u8>,
}

/// A step of a response. After its last step, the connection waits for the next request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Sends bytes, in one write.
    Send(Vec<u8>),
    /// Pauses.
    Pause(Duration),
    /// Closes the connection normally.
    Close,
    /// Resets the connection.
    Reset,
    /// Sends nothing more, and keeps the connection open until the client or the test ends.
    Hang,
}

type Script = dyn Fn(&ReceivedRequest) -> Vec<Step> + Send + Sync;

struct Shared {
    script: Box<Script>,
    requests: Mutex<Vec<ReceivedRequest>>,
}

impl Scripted {
    /// Starts an upstream that responds to each request with the steps that `script` returns; [`super::responses`] has
    /// common ones.
    pub fn start(script: impl Fn(&ReceivedRequest) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::on_listener(free_port(), script)
    }

    /// As [`Scripted::start`], on a listening socket.
    pub(super) fn on_listener(
        listener: TcpListener,
        script: impl Fn(&ReceivedRequest) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            script: Box::new(script),
            requests: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let listener =
            ThreadedListener::start(listener, POLL_INTERVAL, move |stream, number, log| {
                serve(stream, number, (&serving, log));
            });
        Self { listener, shared }
    }

    /// Returns the address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Returns its base URL, `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Returns all complete requests, in the order of completion.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        lock(&self.shared.requests).clone()
    }

    /// Returns the received bytes of each connection.
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        self.listener.bytes()
    }
}

impl ReceivedRequest {
    /// Returns its credential headers, `x-api-key` and `authorization`, with names in lower case.
    pub fn credentials(&self) -> Vec<(String, String)> {
        let lower = self
            .head
            .headers
            .iter()
            .map(|(name, value)| (name.to_lowercase(), value.clone()));
        lower
            .filter(|(name, _)| name == "x-api-key" || name == "authorization")
            .collect()
    }
}

/// Reads requests and plays their responses, one after the other, until either side ends the connection.
fn serve(mut stream: TcpStream, connection: usize, (shared, log): (&Shared, &ConnectionLog)) {
    stream.set_nodelay(true).expect("TCP_NODELAY can be set");
    let (mut received_bytes, mut partial) = (Vec::new(), None);
    while read(&mut stream, connection, log, &mut received_bytes) {
        while let Some((head, body)) = take_request(&mut partial, &mut received_bytes) {
            let request = shared.record_request(connection, head, body);
            for step in (shared.script)(&request) {
                match step {
                    Step::Send(bytes) => {
                        if stream.write_all(&bytes).is_err() {
                            return;
                        }
                    }
                    Step::Pause(time) => std::thread::sleep(time),
                    Step::Close => return,
                    Step::Reset => return crate::wire::reset(stream),
                    Step::Hang => {
                        while read(&mut stream, connection, log, &mut received_bytes) {}
                        return;
                    }
                }
            }
        }
    }
}

/// Reads and records once; returns `false` after the end of the connection or of the upstream.
fn read(
    stream: &mut TcpStream,
    connection: usize,
    log: &ConnectionLog,
    received_bytes: &mut Vec<u8>,
) -> bool {
    let mut buffer = [0; 16 << 10];
    match stream.read(&mut buffer) {
        Ok(0) => return false,
        Ok(count) => {
            log.append(connection, &buffer[..count]);
            received_bytes.extend_from_slice(&buffer[..count]);
        }
        Err(error) if is_timeout(&error) => {}
        Err(_) => return false,
    }
    !log.is_stopped()
}

/// Takes the next complete request off the front of `received_bytes`; `None` if it is incomplete or invalid.
fn take_request(
    partial: &mut Option<(Head, MessageBody)>,
    received_bytes: &mut Vec<u8>,
) -> Option<(Head, Vec<u8>)> {
    if partial.is_none() {
        let head = Head::take(received_bytes).ok()??;
        let framing = head
            .framing(Framing::Sized(0))
            .unwrap_or(Framing::UntilClose);
        *partial = Some((head, MessageBody::new(framing)));
    }
    let (_, body) = partial.as_mut()?;
    body.feed(received_bytes).ok()?;
    if !body.is_complete() {
        return None;
    }
    partial.take().map(|(head, body)| (head, body.bytes))
}

impl Shared {
    fn record_request(&self, connection: usize, head: Head, body: Vec<u8>) -> ReceivedRequest {
        let mut requests = lock(&self.requests);
        let request = ReceivedRequest {
            number: requests.len(),
            connection,
            head,
            body,
        };
        requests.push(request.clone());
        request
    }
}
