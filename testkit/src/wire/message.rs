//! Head and body framing, shared by requests and responses.
//!
//! Invariant: parsing is strict on purpose. An invalid chunk size or length is a [`FramingError`], never guessed.

use httparse::{EMPTY_HEADER, Status, parse_chunk_size, parse_headers};

/// Maximum number of headers of a head.
const MAX_HEADERS: usize = 512;

/// The start line and the headers of a message, in order; bytes beyond ASCII are read as Latin-1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// Request or status line, without the line end.
    pub line: String,
    /// Names as received, and values without surrounding spaces.
    pub headers: Vec<(String, String)>,
}

/// Framing of a body, with the state of the remaining part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    /// This many bytes remain.
    Sized(usize),
    /// A chunk size line is next.
    ChunkSize,
    /// This many bytes of a chunk remain.
    ChunkData(usize),
    /// The line end after a chunk is next.
    ChunkEnd,
    /// The final empty line is next. Trailers are not supported.
    LastLine,
    /// The body ends with the connection.
    UntilClose,
}

/// The received part of a body, without framing.
#[derive(Clone, Debug)]
pub(crate) struct MessageBody {
    pub(crate) bytes: Vec<u8>,
    framing: Framing,
}

/// Invalid framing of a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FramingError;

impl Head {
    /// Takes a complete head off the front of `received`; `None` while its empty line is missing.
    pub(crate) fn take(received: &mut Vec<u8>) -> Result<Option<Self>, FramingError> {
        let Some(line_end) = received.windows(2).position(|bytes| bytes == b"\r\n") else {
            return Ok(None);
        };
        let mut headers = [EMPTY_HEADER; MAX_HEADERS];
        let parsed = parse_headers(&received[line_end + 2..], &mut headers);
        let Status::Complete((length, headers)) = parsed.map_err(|_| FramingError)? else {
            return Ok(None);
        };
        let headers = headers.iter();
        let head = Self {
            line: latin_1(&received[..line_end]),
            headers: headers
                .map(|header| (header.name.to_owned(), latin_1(header.value)))
                .collect(),
        };
        received.drain(..line_end + 2 + length);
        Ok(Some(head))
    }

    /// Returns the status code of a response, or 0 if the line has none.
    pub fn status(&self) -> u16 {
        self.line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0)
    }

    /// Returns the first value of a header; the name is case-insensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_values(name).next()
    }

    /// Returns all values of a header.
    pub fn header_values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Returns the framing of the body, or `default` if no header defines it.
    pub(crate) fn framing(&self, default: Framing) -> Result<Framing, FramingError> {
        if let Some(coding) = self.header("transfer-encoding") {
            return if coding.eq_ignore_ascii_case("chunked") {
                Ok(Framing::ChunkSize)
            } else {
                Err(FramingError)
            };
        }
        match self.header("content-length") {
            Some(length) => length.parse().map(Framing::Sized).map_err(|_| FramingError),
            None => Ok(default),
        }
    }
}

impl MessageBody {
    /// Returns an empty body.
    pub(crate) fn new(framing: Framing) -> Self {
        Self {
            bytes: Vec::new(),
            framing,
        }
    }

    /// Takes this body's bytes off the front of `received`.
    pub(crate) fn feed(&mut self, received: &mut Vec<u8>) -> Result<(), FramingError> {
        while !self.is_complete() {
            let next = match self.framing {
                Framing::Sized(remaining) => {
                    Framing::Sized(remaining - self.take(received, remaining))
                }
                Framing::UntilClose => {
                    self.bytes.append(received);
                    return Ok(());
                }
                Framing::ChunkData(remaining) => match remaining - self.take(received, remaining) {
                    0 => Framing::ChunkEnd,
                    remaining => Framing::ChunkData(remaining),
                },
                Framing::ChunkSize => match parse_chunk_size(received).map_err(|_| FramingError)? {
                    Status::Partial => return Ok(()),
                    Status::Complete((length, size)) => {
                        received.drain(..length);
                        match usize::try_from(size).map_err(|_| FramingError)? {
                            0 => Framing::LastLine,
                            size => Framing::ChunkData(size),
                        }
                    }
                },
                Framing::ChunkEnd | Framing::LastLine if received.len() < 2 => return Ok(()),
                Framing::ChunkEnd => take_line_end(received, Framing::ChunkSize)?,
                Framing::LastLine => take_line_end(received, Framing::Sized(0))?,
            };
            if next == self.framing {
                return Ok(()); // no more bytes have arrived
            }
            self.framing = next;
        }
        Ok(())
    }

    /// Returns `true` if the body is complete. A body that ends with its connection never is.
    pub(crate) fn is_complete(&self) -> bool {
        self.framing == Framing::Sized(0)
    }

    /// Returns `true` if the body ends with the connection.
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.framing == Framing::UntilClose
    }

    fn take(&mut self, received: &mut Vec<u8>, remaining: usize) -> usize {
        let count = remaining.min(received.len());
        self.bytes.extend(received.drain(..count));
        count
    }
}

/// Takes a line end off the front of `received` and returns the next state.
fn take_line_end(received: &mut Vec<u8>, next: Framing) -> Result<Framing, FramingError> {
    match received.drain(..2).as_slice() {
        b"\r\n" => Ok(next),
        _ => Err(FramingError),
    }
}

fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
