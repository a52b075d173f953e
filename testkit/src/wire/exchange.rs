//! One connection, on which a test writes arbitrary bytes and reads responses.
//!
//! Invariants: responses are read one after the other, and bytes after a response stay for the next; a connection that
//! the other side has closed can still be written to, because some tests check that.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::READ_TIMEOUT;
use super::message::Head;
use super::response::{
    IncomingResponse, ResponseEnd, TimedEvent, WireResponse, event_at, event_length,
};

/// An open connection.
#[derive(Debug)]
pub struct Exchange {
    stream: TcpStream,
    started: Instant,
    received: Vec<u8>,
    incoming: IncomingResponse,
    events_end: usize,
    end: Option<ResponseEnd>,
}

/// The end of a connection before a complete response head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResponseHeadError {
    /// The way it ended.
    pub end: ResponseEnd,
    /// Bytes received until then.
    pub bytes: Vec<u8>,
}

impl Exchange {
    /// Connects, with a timeout of 5 seconds.
    pub fn open(address: SocketAddr) -> Self {
        Self::open_with(address, READ_TIMEOUT)
    }

    /// Connects, with this timeout for each read and write.
    pub fn open_with(address: SocketAddr, timeout: Duration) -> Self {
        let stream = TcpStream::connect_timeout(&address, READ_TIMEOUT)
            .unwrap_or_else(|error| panic!("no connection to {address}: {error}"));
        stream
            .set_read_timeout(Some(timeout))
            .expect("a nonzero timeout can be set");
        stream
            .set_write_timeout(Some(timeout))
            .expect("a nonzero timeout can be set");
        stream.set_nodelay(true).expect("TCP_NODELAY can be set");
        Self {
            stream,
            started: Instant::now(),
            received: Vec::new(),
            incoming: IncomingResponse::default(),
            events_end: 0,
            end: None,
        }
    }

    /// Writes bytes as given and restarts the clock of arrival times. Returns `false` if the write fails.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        if bytes.starts_with(b"HEAD ") {
            self.incoming.is_head_request = true;
        }
        self.started = Instant::now();
        self.stream.write_all(bytes).is_ok()
    }

    /// Closes the sending half, as a client that sends nothing more but still reads.
    pub fn finish_writing(&self) {
        let _closed_already = self.stream.shutdown(Shutdown::Write);
    }

    /// Resets the connection, as a client that was killed.
    pub fn reset(self) {
        reset(self.stream);
    }

    /// Waits for the head of the next response.
    ///
    /// # Errors
    /// If the connection ends or times out before.
    pub fn head(&mut self) -> Result<Head, ResponseHeadError> {
        loop {
            if let Some(head) = &self.incoming.head {
                return Ok(head.clone());
            }
            if let Some(end) = self.end {
                return Err(ResponseHeadError {
                    end,
                    bytes: self.received.clone(),
                });
            }
            self.receive();
        }
    }

    /// Waits for the next server-sent event of the response; returns `None` after its end.
    pub fn next_event(&mut self) -> Option<TimedEvent> {
        loop {
            let (body, start) = (self.incoming.body(), self.events_end);
            if let Some(length) = event_length(&body[start..]) {
                self.events_end += length;
                return Some(event_at(
                    body,
                    start..start + length,
                    &self.incoming.arrivals,
                ));
            }
            if self.end.is_some() {
                return None;
            }
            self.receive();
        }
    }

    /// Reads the next response to its end, even if it is incomplete.
    ///
    /// # Errors
    /// If the connection ends or times out before its head is complete.
    pub fn response(&mut self) -> Result<WireResponse, ResponseHeadError> {
        self.head()?;
        let end = loop {
            match self.end {
                Some(end) => break end,
                None => self.receive(),
            }
        };
        let response = std::mem::take(&mut self.incoming).into_response(end);
        self.events_end = 0;
        if end == ResponseEnd::Complete {
            self.end = self
                .incoming
                .feed(&mut self.received, self.started.elapsed());
        }
        Ok(response.expect("the head has been read"))
    }

    /// Returns all bytes until the connection ends or times out, including unread responses.
    pub fn drain(mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.received);
        let _closed_or_timed_out = self.stream.read_to_end(&mut bytes);
        bytes
    }

    fn receive(&mut self) {
        let mut buffer = [0; 16 << 10];
        self.end = match self.stream.read(&mut buffer) {
            Ok(0) => Some(self.incoming.end_at_disconnect(ResponseEnd::ClosedEarly)),
            Ok(count) => {
                self.received.extend_from_slice(&buffer[..count]);
                self.incoming
                    .feed(&mut self.received, self.started.elapsed())
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Some(ResponseEnd::TimedOut),
                ErrorKind::Interrupted => None,
                _ => Some(ResponseEnd::Reset),
            },
        };
    }
}

/// Closes a connection with a zero linger time, so that the other side sees a reset.
pub(crate) fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))
        .expect("SO_LINGER can be set");
    drop(stream);
}
