//! A raw TCP upstream on loopback whose answers are written by the test.
//!
//! Invariant: a request is answered only when its head and body are whole by its own framing; what cannot be framed is
//! recorded and never answered.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::listening::{Listening, Record, is_waiting, lock, own_port};
use crate::wire::{Body, Framing, Head};

/// How often a waiting connection looks whether the upstream has been stopped.
const LOOK: Duration = Duration::from_millis(20);

/// The running upstream; it stops when it goes.
pub struct Scripted {
    listening: Listening,
    shared: Arc<Shared>,
}

/// One request as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    /// Counts all requests of this upstream, from 0.
    pub number: usize,
    /// Counts connections, from 0.
    pub connection: usize,
    /// Request line and headers.
    pub head: Head,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// When it was whole, since the upstream was started.
    pub at: Duration,
}

/// What an upstream does next on a connection. After the last step of an answer it waits for the next request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Sends bytes, in one write.
    Send(Vec<u8>),
    /// Does nothing for a while.
    Pause(Duration),
    /// Closes in good order.
    Close,
    /// Resets the connection.
    Reset,
    /// Says nothing more, and keeps the connection open until the other side or the test ends.
    Silence,
}

type Script = dyn Fn(&Received) -> Vec<Step> + Send + Sync;

struct Shared {
    script: Box<Script>,
    begun: Instant,
    requests: Mutex<Vec<Received>>,
}

impl Scripted {
    /// Starts an upstream that answers each request with what `script` says; [`super::reply`] has the usual answers.
    pub fn start(script: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static) -> Self {
        Self::listening(own_port(), script)
    }

    /// As [`Scripted::start`], on a socket that listens already.
    pub(super) fn listening(
        listener: TcpListener,
        script: impl Fn(&Received) -> Vec<Step> + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            script: Box::new(script),
            begun: Instant::now(),
            requests: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let listening = Listening::start(listener, LOOK, move |stream, number, record| {
            serve(stream, number, (&serving, record));
        });
        Self { listening, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Its address as a base URL, `http://127.0.0.1:PORT`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// All whole requests so far, in the order in which they became whole.
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.shared.requests).clone()
    }

    /// Every byte so far, connection by connection.
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        self.listening.bytes()
    }
}

impl Received {
    /// The credential headers it came with, `x-api-key` and `authorization`, names in lower case.
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

/// Reads requests and plays their answers, one after the other, until either side ends the connection.
fn serve(mut stream: TcpStream, connection: usize, (shared, record): (&Shared, &Record)) {
    stream
        .set_nodelay(true)
        .expect("a socket need not wait for more");
    let (mut arrived, mut reading) = (Vec::new(), None);
    while read(&mut stream, connection, record, &mut arrived) {
        while let Some((head, body)) = whole_request(&mut reading, &mut arrived) {
            let received = shared.take_in(connection, head, body);
            for step in (shared.script)(&received) {
                match step {
                    Step::Send(bytes) => {
                        if stream.write_all(&bytes).is_err() {
                            return;
                        }
                    }
                    Step::Pause(time) => std::thread::sleep(time),
                    Step::Close => return,
                    Step::Reset => return crate::wire::reset(stream),
                    Step::Silence => {
                        while read(&mut stream, connection, record, &mut arrived) {}
                        return;
                    }
                }
            }
        }
    }
}

/// Reads and records once; false when the connection or the upstream has ended.
fn read(stream: &mut TcpStream, connection: usize, record: &Record, arrived: &mut Vec<u8>) -> bool {
    let mut piece = [0; 16 << 10];
    match stream.read(&mut piece) {
        Ok(0) => return false,
        Ok(count) => {
            record.came(connection, &piece[..count]);
            arrived.extend_from_slice(&piece[..count]);
        }
        Err(error) if is_waiting(&error) => {}
        Err(_) => return false,
    }
    !record.is_over()
}

/// Takes the next whole request off the front of `arrived`; none as long as something is missing or broken.
fn whole_request(
    reading: &mut Option<(Head, Body)>,
    arrived: &mut Vec<u8>,
) -> Option<(Head, Vec<u8>)> {
    if reading.is_none() {
        let head = Head::take(arrived)?;
        let framing = head
            .framing(Framing::Sized(0))
            .unwrap_or(Framing::UntilClose);
        *reading = Some((head, Body::new(framing)));
    }
    let (_, body) = reading.as_mut()?;
    body.feed(arrived).ok()?;
    if !body.is_whole() {
        return None;
    }
    reading.take().map(|(head, body)| (head, body.bytes))
}

impl Shared {
    fn take_in(&self, connection: usize, head: Head, body: Vec<u8>) -> Received {
        let mut requests = lock(&self.requests);
        let received = Received {
            number: requests.len(),
            connection,
            head,
            body,
            at: self.begun.elapsed(),
        };
        requests.push(received.clone());
        received
    }
}
