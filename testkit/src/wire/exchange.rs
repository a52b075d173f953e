//! One connection on which a test writes what it likes and reads what comes.
//!
//! Invariants: answers are read one after the other, and bytes behind an answer stay for the next; a connection that
//! the other side has closed can still be written to, since that is what some tests are about.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::PATIENCE;
use super::answer::{Answer, Ended, Frame, Incoming, frame, frame_length};
use super::message::Head;

/// An open connection.
#[derive(Debug)]
pub struct Exchange {
    stream: TcpStream,
    begun: Instant,
    arrived: Vec<u8>,
    incoming: Incoming,
    frames_end: usize,
    ended: Option<Ended>,
}

/// A connection ended before the head of an answer was whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoAnswer {
    /// How it ended.
    pub ended: Ended,
    /// What had come.
    pub bytes: Vec<u8>,
}

impl Exchange {
    /// Connects; a silence is over after [`PATIENCE`].
    pub fn open(address: SocketAddr) -> Self {
        Self::open_with(address, PATIENCE)
    }

    /// Connects; a silence is over after `patience`.
    pub fn open_with(address: SocketAddr, patience: Duration) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .unwrap_or_else(|error| panic!("no connection to {address}: {error}"));
        stream
            .set_read_timeout(Some(patience))
            .expect("a time-out above zero can be set");
        stream
            .set_write_timeout(Some(patience))
            .expect("a time-out above zero can be set");
        stream
            .set_nodelay(true)
            .expect("a socket need not wait for more");
        Self {
            stream,
            begun: Instant::now(),
            arrived: Vec::new(),
            incoming: Incoming::default(),
            frames_end: 0,
            ended: None,
        }
    }

    /// Writes bytes as they are; from here times are counted. Says whether the other side still took them.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        if bytes.starts_with(b"HEAD ") {
            self.incoming.bodiless = true;
        }
        self.begun = Instant::now();
        self.stream.write_all(bytes).is_ok()
    }

    /// Ends the sending half, as a client does that has gone away but still listens.
    pub fn finish_writing(&self) {
        let _closed_already = self.stream.shutdown(Shutdown::Write);
    }

    /// Resets the connection, as a client does that was killed.
    pub fn reset(self) {
        reset(self.stream);
    }

    /// Waits for the head of the next answer, and no longer.
    ///
    /// # Errors
    /// When the connection ends or falls silent before.
    pub fn head(&mut self) -> Result<Head, NoAnswer> {
        loop {
            if let Some(head) = &self.incoming.head {
                return Ok(head.clone());
            }
            if let Some(ended) = self.ended {
                return Err(NoAnswer {
                    ended,
                    bytes: self.arrived.clone(),
                });
            }
            self.receive();
        }
    }

    /// Waits for the next server-sent event of the answer; none once it has ended.
    pub fn frame(&mut self) -> Option<Frame> {
        loop {
            let (body, start) = (self.incoming.body(), self.frames_end);
            if let Some(length) = frame_length(&body[start..]) {
                self.frames_end += length;
                return Some(frame(body, start..start + length, &self.incoming.arrivals));
            }
            if self.ended.is_some() {
                return None;
            }
            self.receive();
        }
    }

    /// Reads the next answer to its end, however it ends.
    ///
    /// # Errors
    /// When the connection ends or falls silent before its head is whole.
    pub fn answer(&mut self) -> Result<Answer, NoAnswer> {
        self.head()?;
        let ended = loop {
            match self.ended {
                Some(ended) => break ended,
                None => self.receive(),
            }
        };
        let answer = std::mem::take(&mut self.incoming).into_answer(ended);
        self.frames_end = 0;
        if ended == Ended::Whole {
            self.ended = self.incoming.feed(&mut self.arrived, self.begun.elapsed());
        }
        Ok(answer.expect("its head has been read"))
    }

    /// Gives back all that comes until the connection ends or falls silent, unread answers included.
    pub fn drain(mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.arrived);
        let _closed_or_silent = self.stream.read_to_end(&mut bytes);
        bytes
    }

    fn receive(&mut self) {
        let mut piece = [0; 16 << 10];
        self.ended = match self.stream.read(&mut piece) {
            Ok(0) => Some(self.incoming.cut(Ended::Early)),
            Ok(count) => {
                self.arrived.extend_from_slice(&piece[..count]);
                self.incoming.feed(&mut self.arrived, self.begun.elapsed())
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Some(Ended::Silent),
                ErrorKind::Interrupted => None,
                _ => Some(Ended::Reset),
            },
        };
    }
}

/// Closes a connection so that the other side sees a reset: it lingers for no time at all.
pub(crate) fn reset(stream: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))
        .expect("a socket can be told not to linger");
    drop(stream);
}
